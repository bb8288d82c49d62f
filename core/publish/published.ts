import type { Digest } from "../digest";
import { configDigestOf, type Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import { HashTagTakenError } from "./errors";

/**
 * What the hash tag points to, if it is this image. Images are compared by the digests of their configurations, because those of
 * manifests differ with each compressor.
 * @returns undefined if there is no such tag.
 * @throws HashTagTakenError if the hash tag holds another image.
 */
export async function findPublished(
  repository: Repository,
  hashTag: string,
  configDigest: Digest,
): Promise<Manifest | undefined> {
  const manifest = await repository.manifest(hashTag);
  if (!manifest) return undefined;
  const found = configDigestOf(manifest);
  if (found === configDigest) return manifest;
  throw new HashTagTakenError(`${repository.reference}:${hashTag}`, found, manifest.digest, configDigest);
}
