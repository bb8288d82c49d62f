import { LayerTooLargeError, ManifestTooLargeError, TooManyLayersError } from "./errors";
import { registryRegion } from "./host";

/** Bytes: 52,000 MiB (https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html). */
const MAX_LAYER = 52_000 * 1024 * 1024;
/** Bytes (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html, `imageManifest`). */
const MAX_MANIFEST = 4 * 1024 * 1024;
/** Measured by others, not documented (https://github.com/spinframework/spin/issues/1787, https://github.com/nuonco/nuon/pull/2348). */
const MAX_LAYERS = 500;

/** @throws LayerTooLargeError if the host is ECR's, which would take the layer and refuse it at its end. */
export function checkLayerSize(action: string, host: string, size: number): void {
  if (isEcr(host) && size > MAX_LAYER) throw new LayerTooLargeError(action, size, MAX_LAYER);
}

/** @throws ManifestTooLargeError if the host is ECR's */
export function checkManifestSize(action: string, host: string, size: number): void {
  if (isEcr(host) && size > MAX_MANIFEST) throw new ManifestTooLargeError(action, size, MAX_MANIFEST);
}

/**
 * To be called before the first layer is sent.
 * @throws TooManyLayersError if the host is ECR's
 */
export function checkLayerCount(action: string, host: string, count: number): void {
  if (isEcr(host) && count > MAX_LAYERS) throw new TooManyLayersError(action, count, MAX_LAYERS);
}

function isEcr(host: string): boolean {
  return registryRegion(host) !== undefined;
}
