import * as z from "zod/mini";
import { isDigest, sha256, type Digest } from "../digest";
import { Documents } from "./documents";
import {
  DigestMismatchError,
  EmptyIndexError,
  ForeignLayerError,
  IndexDepthError,
  InvalidJsonError,
  LayerCountError,
  NotSupportedYetError,
  TooManyImagesError,
} from "./errors";
import type { Image, ImageIndex, IndexEntry, Layer, SavedImage, SavedManifest } from "./image";
import {
  checkLayerSize,
  compressionOf,
  digestSchema,
  platformSchema,
  readConfig,
  renderPlatform,
} from "./image-config";
import { boundedArray, checkJson } from "./json";
import type { RandomAccess } from "./source";
import type { TarIndex } from "./tar";

export const INDEX = "index.json";

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md */
const INDEX_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]);
/** https://www.rfc-editor.org/rfc/rfc6838#section-4.2 */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;
/** Those of images. Artifacts, such as Helm's charts and what ORAS writes, have others, or an empty one. */
const CONFIG_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);
/** A file system, as against what is attached to an image, such as `application/vnd.in-toto+json`. */
const TAR_TYPE = /\.tar(?:$|[.+])/;

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
const descriptorSchema = z.object({
  mediaType: z.string().check(z.regex(MEDIA_TYPE, "not a media type")),
  digest: digestSchema,
  size: z.int().check(z.nonnegative()),
  urls: z.nullish(boundedArray(z.string(), 100)),
  platform: z.nullish(platformSchema),
  annotations: z.nullish(
    z.object({
      // https://github.com/containerd/containerd/blob/v2.0.0/core/images/annotations.go
      "io.containerd.image.name": z.optional(z.string()),
      "org.opencontainers.image.ref.name": z.optional(z.string()),
      // https://docs.docker.com/build/metadata/attestations/attestation-storage/
      "vnd.docker.reference.type": z.optional(z.string()),
      "vnd.docker.reference.digest": z.optional(z.string()),
    }),
  ),
});
type Descriptor = z.infer<typeof descriptorSchema>;

/** A descriptor, also as it stands in the archive. */
interface Listed {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly descriptor: Descriptor;
}

/** A manifest that an index leads to. */
interface Child extends Listed {
  readonly manifest: SavedManifest;
  readonly content: ManifestContent;
}

interface ManifestContent {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface IndexContent {
  readonly manifest: SavedManifest;
  readonly children: readonly Child[];
  readonly missing: readonly string[];
}

/**
 * The images that the index.json of an OCI layout lists. Manifests are read, and verified, to know the configurations;
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export async function readOciLayout(documents: Documents): Promise<SavedImage[]> {
  const { source } = documents.tar;
  const what = `${INDEX} in ${source.name}`;
  const layout = new Layout(documents);
  /** By digest: an image with several names is listed once for each. */
  const images = new Map<Digest, Listed & { readonly references: string[] }>();
  for (const listed of layout.descriptors(await documents.bytes(INDEX, source.name), what)) {
    if (isAttestation(listed.descriptor)) continue;
    const { digest } = listed.descriptor;
    const image = images.get(digest) ?? { ...listed, references: [] };
    image.references.push(...referencesOf(listed.descriptor));
    images.set(digest, image);
  }
  const saved: SavedImage[] = [];
  for (const { descriptor, references } of images.values()) saved.push(await layout.list(descriptor, references));
  return saved;
}

function referencesOf({ annotations }: Descriptor): string[] {
  return [annotations?.["io.containerd.image.name"], annotations?.["org.opencontainers.image.ref.name"]].filter(
    (name) => name !== undefined,
  );
}

function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.["vnd.docker.reference.type"] === "attestation-manifest";
}

/** Blobs of an OCI layout, as far as one reading goes. */
class Layout {
  readonly tar: TarIndex;
  /** Manifests that indexes led to so far. */
  #followed = 0;

  constructor(readonly documents: Documents) {
    this.tar = documents.tar;
  }

  async list(descriptor: Descriptor, references: readonly string[]): Promise<SavedImage> {
    const { digest, mediaType } = descriptor;
    const tar = this.tar;
    if (INDEX_TYPES.has(mediaType)) {
      const { children } = await this.index(descriptor, INDEX);
      const parts = children
        .filter((child) => !isAttestation(child.descriptor))
        .map(({ descriptor: part, content }): SavedImage => ({
          id: part.digest,
          references: [],
          digests: [part.digest, content.config.digest],
          open: () => openManifest(tar, part, digest),
        }));
      return { id: digest, references, digests: [digest], parts, open: () => openIndex(tar, descriptor) };
    }
    const { content } = await this.manifest(descriptor, INDEX);
    const digests = [digest, content.config.digest];
    return { id: digest, references, digests, open: () => openManifest(tar, descriptor, INDEX) };
  }

  async index(descriptor: Descriptor, wantedBy: string): Promise<IndexContent> {
    const missing: string[] = [];
    const manifest = await this.#saved(descriptor, wantedBy);
    const children: Child[] = [];
    await this.#follow(manifest, { children, missing, path: [] });
    return { manifest, children, missing };
  }

  /** Indexes in an index are resolved into one list. */
  async #follow(
    index: SavedManifest,
    into: { readonly children: Child[]; readonly missing: string[]; readonly path: readonly Digest[] },
  ): Promise<void> {
    const { limits, source } = this.tar;
    const what = `${blobPath(index.digest)} in ${source.name}`;
    const path = [...into.path, index.digest];
    if (path.length > limits.indexDepth)
      throw new IndexDepthError(what, `more than ${limits.indexDepth} indexes in each other`);
    for (const listed of this.descriptors(index.bytes, what, index.mediaType)) {
      const { descriptor } = listed;
      const { digest, platform } = descriptor;
      if (path.includes(digest)) throw new IndexDepthError(what, `that it leads back to ${digest}`);
      if (++this.#followed > limits.images) throw new TooManyImagesError(source.name, limits.images);
      const isThere = this.tar.has(blobPath(digest));
      if (isThere && INDEX_TYPES.has(descriptor.mediaType)) {
        await this.#follow(await this.#saved(descriptor, what), { ...into, path });
        continue;
      }
      const child = isThere ? { ...listed, ...(await this.manifest(descriptor, what)) } : undefined;
      // Of a platform that was not pulled, containerd saves the manifest at most.
      if (child && this.tar.has(blobPath(child.content.config.digest))) into.children.push(child);
      else if (!isAttestation(descriptor)) into.missing.push(platform ? renderPlatform(platform) : digest);
    }
  }

  async manifest(
    descriptor: Descriptor,
    wantedBy: string,
  ): Promise<{ readonly manifest: SavedManifest; readonly content: ManifestContent }> {
    const manifest = await this.#saved(descriptor, wantedBy);
    const { layers } = this.tar.limits;
    const schema = z.object({
      mediaType: z.nullish(z.string()),
      config: descriptorSchema,
      layers: boundedArray(descriptorSchema, layers),
      manifests: z.optional(z.undefined("an index and a manifest in one")),
    });
    const what = `${blobPath(manifest.digest)} in ${this.tar.source.name}`;
    const { mediaType, ...content } = this.documents.parse(schema, manifest.bytes, what);
    checkMediaType(mediaType, manifest.mediaType, what);
    return { manifest, content };
  }

  /** What an index lists. */
  descriptors(bytes: Buffer, what: string, expected?: string): Listed[] {
    const { images } = this.tar.limits;
    const schema = z.object({
      mediaType: z.nullish(z.string()),
      manifests: z.nullish(boundedArray(z.unknown(), images)),
      layers: z.optional(z.undefined("an index and a manifest in one")),
    });
    const { mediaType, manifests } = this.documents.parse(schema, bytes, what);
    checkMediaType(mediaType, expected, what);
    return (manifests ?? []).map((raw, at) => ({
      raw: raw as Record<string, unknown>,
      descriptor: checkJson(descriptorSchema, raw, `manifests.${at} of ${what}`),
    }));
  }

  async #saved(descriptor: Descriptor, wantedBy: string): Promise<SavedManifest> {
    const { digest, mediaType } = descriptor;
    // It becomes a header of the request that puts the manifest, when all layers are sent.
    if (!INDEX_TYPES.has(mediaType) && !MANIFEST_TYPES.has(mediaType)) {
      throw new InvalidJsonError(
        `${blobPath(digest)} in ${this.tar.source.name}`,
        `that it is listed as ${JSON.stringify(mediaType)}, neither a manifest nor an index of images`,
      );
    }
    return { digest, mediaType, bytes: await this.document(descriptor, wantedBy) };
  }

  /** A blob that is small, verified. */
  async document(descriptor: Descriptor, wantedBy: string): Promise<Buffer> {
    const { name } = this.blob(descriptor, wantedBy);
    const bytes = await this.documents.bytes(blobPath(descriptor.digest), wantedBy);
    const found = sha256(bytes);
    if (found !== descriptor.digest)
      throw new DigestMismatchError(name, found, `${descriptor.digest} as its name says`);
    return bytes;
  }

  /** A blob of the size that its descriptor has. */
  blob({ digest, size }: Descriptor, wantedBy: string): RandomAccess {
    const blob = this.tar.file(blobPath(digest), wantedBy);
    if (blob.size !== size) {
      throw new DigestMismatchError(blob.name, `${blob.size} bytes`, `${size} as ${wantedBy} says`);
    }
    return blob;
  }
}

/** Of two readers that go by different ones, one would see an index where the other sees a manifest (CVE-2021-41190). */
function checkMediaType(found: string | null | undefined, expected: string | undefined, what: string): void {
  if (found === undefined || found === null || expected === undefined || found === expected) return;
  throw new InvalidJsonError(
    what,
    `the media type ${JSON.stringify(found)} in what is listed as ${JSON.stringify(expected)}`,
  );
}

async function openManifest(tar: TarIndex, descriptor: Descriptor, wantedBy: string): Promise<Image> {
  const layout = new Layout(new Documents(tar));
  return openImage(layout, await layout.manifest(descriptor, wantedBy));
}

async function openIndex(tar: TarIndex, descriptor: Descriptor): Promise<ImageIndex> {
  const layout = new Layout(new Documents(tar));
  const { manifest, children, missing } = await layout.index(descriptor, INDEX);
  const entries: IndexEntry[] = [];
  for (const child of children) {
    const image = await openImage(layout, child);
    const { platform, annotations } = child.descriptor;
    const attests = isAttestation(child.descriptor) ? annotations?.["vnd.docker.reference.digest"] : undefined;
    entries.push({
      descriptor: child.raw,
      platform: platform ? renderPlatform(platform) : image.platform,
      image,
      ...(attests !== undefined && isDigest(attests) && { attests }),
    });
  }
  if (children.every((child) => isAttestation(child.descriptor))) {
    throw new EmptyIndexError(`${blobPath(manifest.digest)} in ${tar.source.name}`, missing);
  }
  return { kind: "index", manifest, entries, missing };
}

async function openImage(
  layout: Layout,
  { manifest, content }: { readonly manifest: SavedManifest; readonly content: ManifestContent },
): Promise<Image> {
  const wantedBy = blobPath(manifest.digest);
  const { name } = layout.tar.source;
  const config = await layout.document(content.config, wantedBy);
  const configDigest = content.config.digest;
  // What is attached to an image may have a configuration that is none.
  const hasFiles = content.layers.length === 0 || content.layers.some(({ mediaType }) => TAR_TYPE.test(mediaType));
  const what = `${blobPath(configDigest)} in ${name}`;
  const isImage = CONFIG_TYPES.has(content.config.mediaType);
  const found = readConfig(layout.documents, config, what, hasFiles && isImage);
  const { diffIds } = found;
  // By its content too: docker 1.10 called the configurations of images octet streams.
  const isArtifact = !isImage && diffIds.length === 0;
  const platform = isArtifact ? NO_PLATFORM : found.platform;
  if (hasFiles && !isArtifact && content.layers.length !== diffIds.length) {
    throw new LayerCountError(name, content.layers.length, diffIds.length);
  }
  const layers: Layer[] = [];
  for (const [at, descriptor] of content.layers.entries()) {
    layers.push(await openLayer(layout, descriptor, diffIds[at], wantedBy));
  }
  return { kind: "image", config, configDigest, platform, layers, manifest };
}

async function openLayer(
  layout: Layout,
  descriptor: Descriptor,
  diffId: Digest | undefined,
  wantedBy: string,
): Promise<Layer> {
  const { digest, mediaType, urls } = descriptor;
  const what = `${blobPath(digest)} in ${layout.tar.source.name}`;
  if (urls && urls.length > 0 && !layout.tar.has(blobPath(digest))) throw new ForeignLayerError(what, urls);
  if (mediaType.endsWith("+encrypted")) {
    throw new NotSupportedYetError(
      `an encrypted layer (${what})`,
      "layers that docker can unpack",
      "decrypt the image",
    );
  }
  const content = layout.blob(descriptor, wantedBy);
  const { limits } = layout.tar;
  if (diffId === undefined || !TAR_TYPE.test(mediaType)) {
    checkLayerSize(content, limits);
    return { diffId: digest, compression: "none", content, digest, mediaType, isOpaque: true };
  }
  return { diffId, compression: await compressionOf(content, limits), content, digest, mediaType };
}

/** https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
const NO_PLATFORM = "unknown/unknown";

function blobPath(digest: Digest): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}
