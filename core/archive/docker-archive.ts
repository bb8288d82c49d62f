import { z } from "zod";
import { isDigest, sha256 } from "../digest";
import {
  DigestMismatchError,
  InvalidJsonError,
  LayerCountError,
  NotAnImageArchiveError,
  NotSupportedYetError,
  list,
} from "./errors";
import { detectFormat } from "./format";
import type { Image, ImageArchive, Layer, SavedImage } from "./image";
import type { RandomAccess } from "./source";
import type { TarIndex } from "./tar";

const MANIFEST = "manifest.json";

/** https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format */
const manifestSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullable(),
  }),
);
type ManifestItem = z.infer<typeof manifestSchema>[number];

const configSchema = z.object({
  os: z.string().default("linux"),
  architecture: z.string().default("amd64"),
  variant: z.string().optional(),
  rootfs: z.object({ diff_ids: z.array(z.string().refine(isDigest, "not a sha256 digest")).nullable() }),
});

/**
 * What `docker save` writes: the legacy layout, and that of docker 25 and later, which has a manifest.json as well.
 */
export async function readDockerArchive(tar: TarIndex): Promise<ImageArchive> {
  const { name } = tar.source;
  if (!tar.has(MANIFEST)) throw withoutManifest(tar);
  const items = parse(manifestSchema, await tar.bytes(MANIFEST, name), `${MANIFEST} in ${name}`);
  if (items.length === 0) throw new NotAnImageArchiveError(name, "a manifest.json that lists no image");
  return { name, images: items.map((item) => savedImage(tar, item)) };
}

function savedImage(tar: TarIndex, item: ManifestItem): SavedImage {
  return { id: item.Config, references: item.RepoTags ?? [], open: () => openImage(tar, item) };
}

async function openImage(tar: TarIndex, item: ManifestItem): Promise<Image> {
  const what = `${item.Config} in ${tar.source.name}`;
  const config = await tar.bytes(item.Config, MANIFEST);
  const configDigest = sha256(config);
  // Every known writer names the configuration after its digest: HEX.json, or blobs/sha256/HEX.
  const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(item.Config)?.[1];
  if (named !== undefined && configDigest !== `sha256:${named}`) {
    throw new DigestMismatchError(what, configDigest, `sha256:${named} as its name says`);
  }
  const { rootfs, os, architecture, variant } = parse(configSchema, config, what);
  const diffIds = rootfs.diff_ids ?? [];
  const files = item.Layers ?? [];
  if (files.length !== diffIds.length) throw new LayerCountError(tar.source.name, files.length, diffIds.length);
  const layers = diffIds.map((diffId, at): Layer => ({
    diffId,
    compression: "none",
    content: tar.file(files[at] ?? "", MANIFEST),
  }));
  for (const { content } of layers) await checkUncompressed(content);
  const platform = [os, architecture, variant].filter((part) => part !== undefined && part !== "").join("/");
  return { kind: "image", config, configDigest, platform, layers };
}

async function checkUncompressed(layer: RandomAccess): Promise<void> {
  const format = detectFormat(await layer.bytes(0, Math.min(layer.size, 8)));
  if (format !== "gzip" && format !== "zstd") return;
  throw new NotSupportedYetError(
    `a ${format}-compressed layer (${layer.name})`,
    "layers as plain tar",
    "save the image with a docker that does not use the containerd image store, " +
      "or convert the archive with `skopeo copy docker-archive:IN docker-archive:OUT`",
  );
}

function withoutManifest(tar: TarIndex): Error {
  const { name } = tar.source;
  if (tar.has("oci-layout") || tar.has("index.json")) {
    return new NotSupportedYetError(
      `an OCI layout without manifest.json (${name})`,
      "the tar that `docker save` writes",
      "save the image with `docker save`, or convert it with `skopeo copy oci-archive:IN docker-archive:OUT`",
    );
  }
  return new NotAnImageArchiveError(name, `a tar without manifest.json, holding ${list(tar.names, "no files")}`);
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new InvalidJsonError(what, `no JSON (${(error as Error).message})`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new InvalidJsonError(what, `${issue?.message ?? "a wrong value"} at ${where === "" ? "its root" : where}`);
}
