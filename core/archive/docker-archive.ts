import * as z from "zod/mini";
import { sha256, type Digest } from "../digest";
import { Documents } from "./documents";
import { DigestMismatchError, LayerCountError } from "./errors";
import type { Image, Layer, SavedImage } from "./image";
import { compressionOf, readConfig } from "./image-config";
import { boundedArray } from "./json";
import type { TarIndex } from "./tar";

export const MANIFEST = "manifest.json";

/** https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format */
interface ManifestItem {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[] | null;
}

/** What `docker save` lists in manifest.json: in the legacy layout, and beside an index.json since docker 25. */
export async function readDockerArchive(documents: Documents): Promise<SavedImage[]> {
  const { tar } = documents;
  const { images, layers } = tar.limits;
  const item: z.ZodMiniType<ManifestItem> = z.object({
    Config: z.string(),
    RepoTags: z.nullish(boundedArray(z.string(), images)),
    Layers: z.nullable(boundedArray(z.string(), layers)),
  });
  const { name } = tar.source;
  const bytes = await documents.bytes(MANIFEST, name);
  return documents
    .parse(boundedArray(item, images), bytes, `${MANIFEST} in ${name}`)
    .map((one) => savedImage(tar, one));
}

function savedImage(tar: TarIndex, item: ManifestItem): SavedImage {
  const digest = digestOfName(item.Config);
  return {
    id: item.Config,
    references: item.RepoTags ?? [],
    digests: digest === undefined ? [] : [digest],
    open: () => openImage(tar, item),
  };
}

async function openImage(tar: TarIndex, item: ManifestItem): Promise<Image> {
  const documents = new Documents(tar);
  const what = `${item.Config} in ${tar.source.name}`;
  const config = await documents.bytes(item.Config, MANIFEST);
  const configDigest = sha256(config);
  const named = digestOfName(item.Config);
  if (named !== undefined && configDigest !== named) {
    throw new DigestMismatchError(what, configDigest, `${named} as its name says`);
  }
  const { platform, diffIds } = readConfig(documents, config, what);
  const files = item.Layers ?? [];
  if (files.length !== diffIds.length) throw new LayerCountError(tar.source.name, files.length, diffIds.length);
  const layers: Layer[] = [];
  for (const [at, diffId] of diffIds.entries()) {
    const file = files[at] ?? "";
    const content = tar.file(file, MANIFEST);
    const digest = file.startsWith("blobs/") ? digestOfName(file) : undefined;
    layers.push({ diffId, compression: await compressionOf(content, tar.limits), content, ...(digest && { digest }) });
  }
  return { kind: "image", config, configDigest, platform, layers };
}

/** Every known writer names the configuration after its digest: HEX.json, blobs/sha256/HEX, or sha256:HEX (go-containerregistry's). */
function digestOfName(path: string): Digest | undefined {
  const hex = /^(?:.*\/|sha256:)?([0-9a-f]{64})(?:\.json)?$/.exec(path)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}
