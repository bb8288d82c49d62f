import type { Compression } from "./content";

/** What a manifest names: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A manifest or an index, as it was read. */
export interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

const CONFIG_OF: Readonly<Record<string, string>> = {
  [OCI_MANIFEST]: "application/vnd.oci.image.config.v1+json",
  [DOCKER_MANIFEST]: "application/vnd.docker.container.image.v1+json",
};

/**
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md,
 * https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-2.md
 */
const LAYERS_OF: Readonly<Record<string, Readonly<Record<Compression, string>>>> = {
  [OCI_MANIFEST]: {
    none: "application/vnd.oci.image.layer.v1.tar",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  },
  [DOCKER_MANIFEST]: {
    none: "application/vnd.docker.image.rootfs.diff.tar",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  },
};

const LAYER = /^application\/vnd\.(oci\.image\.layer|docker\.image\.rootfs)\./;

/** What a configuration must be called in a manifest. @param archived what the archive calls it, if it does */
export function configType(manifestType: string, archived: string | undefined): string | undefined {
  const isImage = archived === undefined || Object.values(CONFIG_OF).includes(archived);
  return isImage ? CONFIG_OF[manifestType] : archived;
}

/**
 * What a layer must be called in a manifest, by how it is compressed there.
 * @param archived what the archive calls it, if it does: a document that is attached to an image keeps its type
 */
export function layerType(
  manifestType: string,
  compression: Compression,
  archived: string | undefined,
): string | undefined {
  const isOfFiles = archived === undefined || LAYER.test(archived);
  return isOfFiles ? LAYERS_OF[manifestType]?.[compression] : archived;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
}

/** `os/architecture[/variant]`; 64-bit ARM has one variant, which is often left out. */
export function platformName({ os, architecture, variant }: Platform): string {
  const name = [os, architecture, variant].filter(Boolean).join("/");
  return name.replace(/\/arm64\/v8$/, "/arm64");
}

const ATTESTATION = "attestation-manifest";

/** Digest of the manifest that an attestation is about: https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
export function attested({ annotations = {} }: Descriptor): string | undefined {
  return annotations["vnd.docker.reference.type"] === ATTESTATION
    ? annotations["vnd.docker.reference.digest"]
    : undefined;
}
