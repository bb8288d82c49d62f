import * as z from "zod/mini";
import { isDigest, type Digest } from "../digest";

/** https://distribution.github.io/distribution/spec/manifest-v2-2/ and https://github.com/opencontainers/image-spec */
export const MEDIA_TYPES = {
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
} as const;

/** A blob as a manifest names it. */
export interface Descriptor {
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** A manifest as the registry keeps it. */
export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

const imageManifest = z.object({ config: z.object({ digest: z.string() }) });

/** The configuration that an image manifest names; undefined for an index and for what is no manifest. */
export function configDigestOf(manifest: Manifest): Digest | undefined {
  try {
    const result = imageManifest.safeParse(JSON.parse(manifest.bytes.toString("utf8")));
    return result.success && isDigest(result.data.config.digest) ? result.data.config.digest : undefined;
  } catch {
    return undefined;
  }
}
