import type { Manifest } from "../registry/manifest";
import { checkLayerSize } from "../registry/limits";
import type { Digest } from "../digest";
import type { LayerPlanned } from "./events";
import { checkLayerCounts, type PublishImageOptions } from "./publish-image";
import { distinct, planLayer, type LayerPlan } from "./layers";
import { findPublished } from "./published";
import { allOf } from "./selection";

/**
 * Says what `publishImage` would do, and does nothing.
 * @returns the manifest that the hash tag points to already, if that is this image.
 * @throws HashTagTakenError if the hash tag holds another image, TooManyLayersError or LayerTooLargeError.
 */
export async function planPublishing(options: PublishImageOptions): Promise<Manifest | undefined> {
  const { selection, repository, hashTag, movingTags, compressor, listener } = options;
  const manifest = await findPublished(repository, hashTag, selection);
  if (manifest) {
    listener({ type: "unchanged", tag: hashTag, digest: manifest.digest });
  } else {
    checkLayerCounts(options);
    const known = await options.known?.();
    const layers = distinct(allOf(selection).flatMap((image) => image.layers));
    for (const [at, layer] of layers.entries()) {
      const would = await wouldBe(options, layer.content.size, planLayer(layer, known, compressor));
      const position = { number: at + 1, count: layers.length, diffId: layer.diffId, size: layer.content.size };
      listener({ type: "layer-plan", ...position, would });
    }
    listener({ type: "would-tag", tag: hashTag });
  }
  for (const tag of movingTags) {
    const there = await repository.headManifest(tag);
    if (manifest && there?.digest === manifest.digest) listener({ type: "tag-kept", tag, digest: there.digest });
    else listener({ type: "would-tag", tag });
  }
  return manifest;
}

async function wouldBe(options: PublishImageOptions, size: number, plan: LayerPlan): Promise<LayerPlanned> {
  switch (plan.kind) {
    case "reuse":
    case "mount":
      return plan.kind;
    case "as-is":
      return asIs(options, size, plan.digest);
    case "stream":
      return plan.compressor ? "compress" : "send";
  }
}

async function asIs(
  { repository, mountFrom = [] }: PublishImageOptions,
  size: number,
  digest: Digest,
): Promise<LayerPlanned> {
  checkLayerSize(`uploading ${digest} to ${repository.reference}`, repository.host, size);
  if (await repository.hasBlob(digest)) return "reuse";
  for (const name of mountFrom) {
    // Whatever prevents a mount, the blob is sent.
    if (
      await repository
        .sibling(name)
        .hasBlob(digest)
        .catch(() => false)
    )
      return "mount";
  }
  return "send";
}
