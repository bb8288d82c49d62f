import type { Image } from "../archive/image";
import type { ArchiveLimits } from "../archive/limits";
import { RegistryRefusedError, TagImmutableError } from "../registry/errors";
import { checkLayerCount } from "../registry/limits";
import type { Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import type { Compressor } from "./compress";
import type { PublishListener } from "./events";
import { sendLayers, type Known } from "./layers";
import { renderImage, renderIndex, type StoredLayer } from "./manifests";
import { findPublished } from "./published";
import { allOf, type Selection } from "./selection";

export interface PublishImageOptions {
  readonly selection: Selection;
  readonly repository: Repository;
  /** Names this image for ever. */
  readonly hashTag: string;
  /** Set after the hash tag, in this order. */
  readonly movingTags: readonly string[];
  /** The layers that the repository has; asked only when something is to be sent. @default - nothing is reused by diffID */
  readonly known?: () => Promise<Known>;
  /** @default - layers go up as the archive has them */
  readonly compressor?: Compressor;
  readonly mountFrom?: readonly string[];
  readonly limits: ArchiveLimits;
  readonly listener: PublishListener;
  /** Milliseconds between two reports of a layer that takes long. @default 5000 */
  readonly reportInterval?: number;
}

/**
 * Blobs, then the manifest under the hash tag, then the moving tags: whatever fails, no tag points to something incomplete.
 * The same image again changes nothing but the moving tags.
 * @throws HashTagTakenError if the hash tag holds another image.
 */
export async function publishImage(options: PublishImageOptions): Promise<Manifest> {
  const { selection, repository, hashTag, movingTags, listener } = options;
  const found = await findPublished(repository, hashTag, selection);
  const manifest = found ?? (await push(options));
  listener({ type: found ? "unchanged" : "tagged", tag: hashTag, digest: manifest.digest });
  for (const tag of movingTags) {
    // Asked only where it may be so; putting the same again changes nothing.
    const isThere = found !== undefined && (await repository.headManifest(tag))?.digest === found.digest;
    if (!isThere) await repository.putManifest(tag, manifest);
    listener({ type: isThere ? "tag-kept" : "tagged", tag, digest: manifest.digest });
  }
  return manifest;
}

async function push(options: PublishImageOptions): Promise<Manifest> {
  const known = await options.known?.();
  try {
    return await send(options, known);
  } catch (error) {
    // A layer that was to be reused may have been deleted meanwhile, with the image that it belonged to.
    if (known === undefined || !isBlobMissing(error)) throw error;
    options.listener({ type: "reuse-undone", reason: (error as Error).message });
    return await send(options);
  }
}

async function send(options: PublishImageOptions, known?: Known): Promise<Manifest> {
  const { selection, repository, hashTag } = options;
  const images = allOf(selection);
  checkLayerCounts(options);
  // Configurations go up beside the layers. The first failure of either is that of the whole, which ends when nothing is sent any more.
  const stop = new AbortController();
  const all = { ...options, known, layers: images.flatMap((image) => image.layers), signal: stop.signal };
  const sending = [sendLayers(all), sendConfigs(repository, images, stop.signal)] as const;
  for (const part of sending) {
    part.catch((error: unknown) => {
      stop.abort(error);
    });
  }
  await Promise.allSettled(sending);
  stop.signal.throwIfAborted();
  const [layers] = await Promise.all(sending);
  const manifestOf = (image: Image): Manifest =>
    renderImage(
      image,
      image.layers.map((layer) => stored(layers.get(layer))),
    );
  let manifest: Manifest;
  if (selection.kind === "image") {
    manifest = manifestOf(selection.image);
  } else {
    const entries = selection.entries.map((entry) => ({ entry, manifest: manifestOf(entry.image) }));
    for (const { manifest: child } of entries) await repository.putManifest(child.digest, child);
    manifest = renderIndex(selection.index, entries);
  }
  try {
    await repository.putManifest(hashTag, manifest);
    return manifest;
  } catch (error) {
    // Another build of the same drop may have been faster.
    const twin = error instanceof TagImmutableError ? await findPublished(repository, hashTag, selection) : undefined;
    if (twin) return twin;
    throw error;
  }
}

/** @throws TooManyLayersError */
export function checkLayerCounts({ selection, repository, hashTag }: PublishImageOptions): void {
  for (const { layers } of allOf(selection)) {
    checkLayerCount(`publishing ${repository.reference}:${hashTag}`, repository.host, layers.length);
  }
}

async function sendConfigs(repository: Repository, images: readonly Image[], signal: AbortSignal): Promise<void> {
  for (const { config } of images) await repository.uploadBytes(config, { signal });
}

function stored(layer: StoredLayer | undefined): StoredLayer {
  if (!layer) throw new Error("a layer was not sent");
  return layer;
}

/** https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
function isBlobMissing(error: unknown): boolean {
  return error instanceof RegistryRefusedError && /^(MANIFEST_BLOB_UNKNOWN|BLOB_UNKNOWN)$/.test(error.refusal.code);
}
