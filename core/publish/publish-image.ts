import type { Image } from "../archive/image";
import type { Digest } from "../digest";
import { TagImmutableError } from "../registry/errors";
import { configDigestOf, MEDIA_TYPES, renderManifest, type Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import { sha256 } from "../digest";
import { HashTagTakenError } from "./errors";
import type { PublishListener } from "./events";
import { sendLayers } from "./layers";

export interface PublishImageOptions {
  readonly image: Image;
  readonly repository: Repository;
  /** Names this image for ever. */
  readonly hashTag: string;
  /** Set after the hash tag, in this order. */
  readonly movingTags: readonly string[];
  readonly listener: PublishListener;
}

/**
 * Blobs, then the manifest under the hash tag, then the moving tags: whatever fails, no tag points to something incomplete.
 * The same image again changes nothing but the moving tags. Images are compared by the digests of their configurations,
 * because those of manifests differ with each compressor.
 * @throws HashTagTakenError if the hash tag holds another image.
 */
export async function publishImage({
  image,
  repository,
  hashTag,
  movingTags,
  listener,
}: PublishImageOptions): Promise<Manifest> {
  let manifest = await existing(repository, hashTag, image.configDigest);
  if (manifest) {
    listener({ type: "unchanged", tag: hashTag, digest: manifest.digest });
  } else {
    manifest = await push(repository, image, hashTag, listener);
    listener({ type: "tagged", tag: hashTag, digest: manifest.digest });
  }
  for (const tag of movingTags) {
    const isThere = (await repository.manifest(tag))?.digest === manifest.digest;
    if (!isThere) await repository.putManifest(tag, manifest);
    listener({ type: isThere ? "tag-kept" : "tagged", tag, digest: manifest.digest });
  }
  return manifest;
}

async function existing(repository: Repository, hashTag: string, expected: Digest): Promise<Manifest | undefined> {
  const manifest = await repository.manifest(hashTag);
  if (!manifest) return undefined;
  const found = configDigestOf(manifest);
  if (found === expected) return manifest;
  throw new HashTagTakenError(`${repository.reference}:${hashTag}`, found, manifest.digest, expected);
}

async function push(
  repository: Repository,
  image: Image,
  hashTag: string,
  listener: PublishListener,
): Promise<Manifest> {
  const layers = await sendLayers(repository, image.layers, listener);
  const config = await repository.uploadBytes(image.config);
  const descriptor = { mediaType: MEDIA_TYPES.dockerConfig, size: config.size, digest: config.digest };
  const bytes = renderManifest(descriptor, layers);
  const manifest = { digest: sha256(bytes), mediaType: MEDIA_TYPES.dockerManifest, bytes };
  try {
    await repository.putManifest(hashTag, manifest);
    return manifest;
  } catch (error) {
    // Another build of the same drop may have been faster.
    const twin =
      error instanceof TagImmutableError ? await existing(repository, hashTag, image.configDigest) : undefined;
    if (twin) return twin;
    throw error;
  }
}
