import * as z from "zod/mini";
import { isDigest, type Digest } from "../digest";
import { configDigestOf, type Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import { HashTagTakenError } from "./errors";
import { imagesOf, type Selection } from "./selection";

const indexSchema = z.object({
  manifests: z.array(z.object({ digest: z.string(), annotations: z.optional(z.record(z.string(), z.string())) })),
});

/**
 * What the hash tag points to, if it is this selection. Images are compared by the digests of their configurations, because those of
 * manifests differ with each compressor; attestations are left out of account.
 * @returns undefined if there is no such tag.
 * @throws HashTagTakenError if the hash tag holds something else.
 */
export async function findPublished(
  repository: Repository,
  hashTag: string,
  selection: Selection,
): Promise<Manifest | undefined> {
  const manifest = await repository.manifest(hashTag);
  if (!manifest) return undefined;
  const expected = imagesOf(selection).map(({ configDigest }) => configDigest);
  const { configs: found, missing, isOther } = await configsOf(repository, manifest, selection);
  if (missing === 0 && !isOther && isSame(found, expected)) return manifest;
  // Of an index whose images were deleted from under it, what is left is this selection's, if anything: it is put again.
  if (missing > 0 && !isOther && found.every((config) => expected.includes(config))) return undefined;
  throw new HashTagTakenError(`${repository.reference}:${hashTag}`, found, manifest.digest, expected);
}

const MISSING = Symbol("of an image that is not there");

/** The configurations of an image, or of all images of an index that are there; and whether it has what is no image, such as an index. */
async function configsOf(
  repository: Repository,
  manifest: Manifest,
  selection: Selection,
): Promise<{ configs: Digest[]; missing: number; isOther: boolean }> {
  const own = configDigestOf(manifest);
  if (own !== undefined) return { configs: [own], missing: 0, isOther: false };
  const known = new Map(
    selection.kind === "index"
      ? selection.entries.map(({ descriptor, image }) => [descriptor.digest, image.configDigest] as const)
      : [],
  );
  const configs = await Promise.all(
    childrenOf(manifest).map(async (digest) => {
      const config = known.get(digest);
      if (config !== undefined) return (await repository.headManifest(digest)) ? config : MISSING;
      const child = await repository.manifest(digest);
      return child ? configDigestOf(child) : MISSING;
    }),
  );
  return {
    configs: configs.filter((config) => config !== undefined && config !== MISSING),
    missing: configs.filter((config) => config === MISSING).length,
    isOther: configs.includes(undefined),
  };
}

function childrenOf(manifest: Manifest): Digest[] {
  try {
    const { manifests } = indexSchema.parse(JSON.parse(manifest.bytes.toString("utf8")));
    return (
      manifests
        // As the archive's reader tells them; what is attached in other ways counts as an image there.
        .filter(
          ({ annotations }) =>
            annotations?.["vnd.docker.reference.type"] !== "attestation-manifest" ||
            !isDigest(annotations["vnd.docker.reference.digest"] ?? ""),
        )
        .map(({ digest }) => digest)
        .filter(isDigest)
    );
  } catch {
    return [];
  }
}

function isSame(found: readonly Digest[], expected: readonly Digest[]): boolean {
  return [...new Set(found)].toSorted().join() === [...new Set(expected)].toSorted().join();
}
