import * as z from "zod";
import { isDigest, type Digest } from "../digest";
import type { Documents } from "./documents";
import { detectFormat } from "./format";
import type { Layer } from "./image";
import { boundedArray } from "./json";
import type { RandomAccess } from "./source";

export const digestSchema = z.string().refine(isDigest, "not a sha256 digest");

export const platformSchema = z.object({
  os: z.string().default("linux"),
  architecture: z.string().default("amd64"),
  variant: z.string().nullish(),
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
  const diffIds = boundedArray(digestSchema, documents.tar.limits.layers).nullish();
  const rootfsSchema = z.object({ diff_ids: diffIds });
  const schema = platformSchema.extend({ rootfs: needsFiles ? rootfsSchema : rootfsSchema.nullish() });
  const { rootfs, ...platform } = documents.parse(schema, bytes, what);
  return { platform: renderPlatform(platform), diffIds: rootfs?.diff_ids ?? [] };
}

export function renderPlatform({ os, architecture, variant }: z.infer<typeof platformSchema>): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== null && part !== "").join("/");
}

/** By its first bytes: media types lie, and docker's manifest.json has none. */
export async function compressionOf(layer: RandomAccess): Promise<Layer["compression"]> {
  const format = detectFormat(await layer.bytes(0, Math.min(layer.size, 8)));
  return format === "gzip" || format === "zstd" ? format : "none";
}
