import * as z from "zod/mini";
import { isDigest, type Digest } from "../digest";
import type { Documents } from "./documents";
import { TooMuchDataError } from "./errors";
import { detectFormat } from "./format";
import type { Layer } from "./image";
import { boundedArray } from "./json";
import type { ArchiveLimits } from "./limits";
import type { RandomAccess } from "./source";

export const digestSchema = z
  .string()
  .check(z.refine(isDigest, "not a sha256 digest")) as unknown as z.ZodMiniType<Digest>;

export const platformSchema = z.object({
  os: z._default(z.string(), "linux"),
  architecture: z._default(z.string(), "amd64"),
  variant: z.nullish(z.string()),
});

/** What the readers need of an image's configuration. */
export interface ImageConfig {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** None of an artifact that has no file system. */
  readonly diffIds: readonly Digest[];
}

/**
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 * @param needsFiles whether one that lists no file system is refused
 */
export function readConfig(documents: Documents, bytes: Buffer, what: string, needsFiles = true): ImageConfig {
  const diffIds = z.nullish(boundedArray(digestSchema, documents.tar.limits.layers));
  const rootfsSchema = z.object({ diff_ids: diffIds });
  const schema = z.extend(platformSchema, { rootfs: needsFiles ? rootfsSchema : z.nullish(rootfsSchema) });
  const { rootfs, ...platform } = documents.parse(schema, bytes, what);
  return { platform: renderPlatform(platform), diffIds: rootfs?.diff_ids ?? [] };
}

export function renderPlatform({ os, architecture, variant }: z.infer<typeof platformSchema>): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== null && part !== "").join("/");
}

/**
 * By its first bytes: media types lie, and docker's manifest.json has none.
 * @throws TooMuchDataError for one that is not compressed, and too large: of the others, only decompressing tells.
 */
export async function compressionOf(layer: RandomAccess, limits: ArchiveLimits): Promise<Layer["compression"]> {
  const format = detectFormat(await layer.bytes(0, Math.min(layer.size, 8)));
  if (format === "gzip" || format === "zstd") return format;
  checkLayerSize(layer, limits);
  return "none";
}

/** Of a layer that is sent as it is. */
export function checkLayerSize({ name, size }: RandomAccess, limits: ArchiveLimits): void {
  if (size > limits.layer) throw new TooMuchDataError(name, limits.layer, `${size} bytes`);
}
