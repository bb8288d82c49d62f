import type { Image } from "../archive/image";
import { TagImmutableError } from "../registry/errors";
import { MEDIA_TYPES, renderManifest, type Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import { sha256 } from "../digest";
import type { PublishListener } from "./events";
import { sendLayers } from "./layers";
import { findPublished } from "./published";

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
 * The same image again changes nothing but the moving tags.
 * @throws HashTagTakenError if the hash tag holds another image.
 */
export async function publishImage({
  image,
  repository,
  hashTag,
  movingTags,
  listener,
}: PublishImageOptions): Promise<Manifest> {
  let manifest = await findPublished(repository, hashTag, image.configDigest);
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
      error instanceof TagImmutableError ? await findPublished(repository, hashTag, image.configDigest) : undefined;
    if (twin) return twin;
    throw error;
  }
}
