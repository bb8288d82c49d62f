import { ManifestInvalidError } from "./errors";

/** What a manifest stands on and what must be in the repository before it. */
export interface References {
  readonly kind: "Layers" | "Images";
  readonly digests: readonly string[];
}

const IMAGES = ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"];
const INDEXES = [
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.index.v1+json",
];

export const MANIFEST_TYPES: readonly string[] = [...IMAGES, ...INDEXES];

/** Reads an image manifest (config and layers) or an index (its images). */
export function referencesOf(content: Buffer, mediaType: string): References {
  if (INDEXES.includes(mediaType)) return { kind: "Images", digests: digests(parse(content, mediaType).manifests) };
  if (IMAGES.includes(mediaType)) {
    const { config, layers } = parse(content, mediaType);
    return { kind: "Layers", digests: digests([config, ...list(layers).filter((layer) => !isForeign(layer))]) };
  }
  throw new ManifestInvalidError(`unsupported media type '${mediaType}'`);
}

function parse(content: Buffer, mediaType: string): Record<string, unknown> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(content.toString("utf8"));
  } catch {
    throw new ManifestInvalidError("Invalid JSON syntax");
  }
  if (typeof manifest !== "object" || manifest === null) throw new ManifestInvalidError("not a JSON object");
  const declared = (manifest as { mediaType?: unknown }).mediaType;
  if (declared !== undefined && declared !== mediaType) {
    throw new ManifestInvalidError(`its media type is '${JSON.stringify(declared)}', the request's is '${mediaType}'`);
  }
  return manifest as Record<string, unknown>;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ManifestInvalidError("a list of descriptors is missing");
  return value;
}

function digests(descriptors: unknown): string[] {
  return list(descriptors).map((descriptor) => {
    const { digest } = (descriptor ?? {}) as { digest?: unknown };
    if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) {
      throw new ManifestInvalidError(`a descriptor has no sha256 digest: ${JSON.stringify(descriptor)}`);
    }
    return digest;
  });
}

/** Layers that live elsewhere by their own URLs are never in the repository. */
function isForeign(layer: unknown): boolean {
  const { urls } = (layer ?? {}) as { urls?: unknown };
  return Array.isArray(urls) && urls.length > 0;
}
