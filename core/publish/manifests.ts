import type { Image, ImageIndex, IndexEntry } from "../archive/image";
import { sha256 } from "../digest";
import { MEDIA_TYPES, type Descriptor, type Manifest } from "../registry/manifest";

/** A layer as it lies in the registry now. */
export interface StoredLayer extends Pick<Descriptor, "digest" | "size"> {
  readonly compression: "none" | "gzip" | "zstd";
  /** Of what is no layer tar. @default - a layer's, by its compression */
  readonly mediaType?: string;
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md and https://distribution.github.io/distribution/spec/manifest-v2-2/ */
const OCI_LAYERS = {
  none: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

/**
 * The manifest of an image whose layers lie in the registry. It is the archive's own, byte for byte, where nothing has become another
 * blob: signatures and attestations name it by its digest. Otherwise that of docker, which everything understands, unless the archive's
 * is OCI's or a layer is one that docker's cannot name.
 */
export function renderImage(image: Image, layers: readonly StoredLayer[]): Manifest {
  const { manifest, config, configDigest } = image;
  if (manifest && image.layers.every(({ digest }, at) => digest === layers[at]?.digest)) return manifest;
  const isOci =
    manifest?.mediaType === MEDIA_TYPES.ociManifest ||
    layers.some(({ compression, mediaType }) => compression !== "gzip" || mediaType !== undefined);
  const original = manifest ? (JSON.parse(manifest.bytes.toString("utf8")) as OriginalManifest) : undefined;
  const mediaType = isOci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
  return render(mediaType, {
    schemaVersion: 2,
    ...original,
    mediaType,
    config: {
      ...original?.config,
      mediaType: isOci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig,
      size: config.length,
      digest: configDigest,
    },
    layers: layers.map(({ compression, mediaType: own, size, digest }, at) => ({
      // What is said of a layer (that it can be read in parts, say) is true of these bytes only.
      ...(image.layers[at]?.digest === digest && original?.layers?.[at]),
      mediaType: own ?? (isOci ? OCI_LAYERS[compression] : MEDIA_TYPES.dockerLayer),
      size,
      digest,
    })),
  });
}

/** The index of what is published of it, by the manifests that were made of its images. */
export function renderIndex(
  index: ImageIndex,
  entries: readonly { readonly entry: IndexEntry; readonly manifest: Manifest }[],
): Manifest {
  const original = JSON.parse(index.manifest.bytes.toString("utf8")) as OriginalIndex;
  // It may name what is not published: platforms and attestations that were not saved, or an index of its own.
  const named = original.manifests?.map(({ digest }) => digest) ?? [];
  if (named.join() === entries.map(({ manifest }) => manifest.digest).join()) return index.manifest;
  const now = new Map(entries.map(({ entry, manifest }) => [entry.descriptor.digest, manifest.digest]));
  const isDocker =
    index.manifest.mediaType === MEDIA_TYPES.dockerList &&
    entries.every(({ manifest }) => manifest.mediaType === MEDIA_TYPES.dockerManifest);
  const mediaType = isDocker ? MEDIA_TYPES.dockerList : MEDIA_TYPES.ociIndex;
  return render(mediaType, {
    schemaVersion: 2,
    ...original,
    mediaType,
    manifests: entries.map(({ entry, manifest }) => ({
      ...entry.descriptor,
      // The old manifest itself, embedded (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#properties).
      ...(entry.descriptor.digest !== manifest.digest && { data: undefined }),
      ...(entry.attests !== undefined && {
        annotations: {
          ...(entry.descriptor.annotations as object),
          "vnd.docker.reference.digest": now.get(entry.attests) ?? entry.attests,
        },
      }),
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.bytes.length,
    })),
  });
}

interface OriginalManifest {
  readonly config?: object;
  readonly layers?: readonly object[];
}

interface OriginalIndex {
  readonly manifests?: readonly { readonly digest: string }[];
}

function render(mediaType: string, content: object): Manifest {
  const bytes = Buffer.from(JSON.stringify(content));
  return { digest: sha256(bytes), mediaType, bytes };
}

/** Not one that is encrypted (`...tar+gzip+encrypted`). */
export function isLayerTar(mediaType: string): boolean {
  return /^application\/vnd\.(docker\.image\.rootfs\.diff|oci\.image\.layer\.v1)\.tar(?:[.+](?:gzip|zstd))?$/.test(
    mediaType,
  );
}

/** Of a layer tar, as its media type tells it. */
export function compressionOf(mediaType: string): StoredLayer["compression"] {
  const [, suffix] = /[.+](gzip|zstd)$/.exec(mediaType) ?? [];
  return suffix === "gzip" || suffix === "zstd" ? suffix : "none";
}
