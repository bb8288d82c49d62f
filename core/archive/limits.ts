/** How much of an archive is believed. */
export interface ArchiveLimits {
  /** Members of the zip, and entries of the tar. */
  readonly entries: number;
  /** Characters of all names and link targets of the tar together: they are kept in memory. */
  readonly names: number;
  /** Bytes of a tar header's extension (GNU long names, pax records). */
  readonly headerExtension: number;
  /** Bytes of one JSON document: manifests, indexes, configurations. */
  readonly json: number;
  /** Bytes of all JSON documents that are read together: those of an archive's lists, or those of one image. */
  readonly jsonTotal: number;
  /** Lists and objects in each other in a JSON document. */
  readonly jsonDepth: number;
  /** Values in a JSON document: each takes many times its bytes. */
  readonly jsonValues: number;
  /** Images that an archive lists, and manifests that an index leads to. */
  readonly images: number;
  /** Indexes in each other. */
  readonly indexDepth: number;
  /** Layers of an image. */
  readonly layers: number;
  /** Bytes of the image archive, uncompressed. */
  readonly archive: number;
  /** Bytes of a layer, uncompressed. */
  readonly layer: number;
  /** How many times larger than its compressed form data may be. Looked at beyond {@link RATIO_FLOOR}. */
  readonly ratio: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Decompressed bytes up to which any ratio passes: they harm no disk. */
export const RATIO_FLOOR = 256 * MIB;

/** What stays below costs little memory; what docker and its kin write stays far below. */
export const LIMITS: ArchiveLimits = {
  entries: 100_000,
  names: 16 * MIB,
  headerExtension: MIB,
  // A registry takes no larger manifest (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
  json: 4 * MIB,
  jsonTotal: 32 * MIB,
  jsonDepth: 64,
  jsonValues: 250_000,
  images: 1000,
  indexDepth: 4,
  // Docker itself unpacks no more than 127.
  layers: 1000,
  archive: 1024 * GIB,
  // ECR takes 52,000 MiB of a layer, compressed (https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html).
  layer: 256 * GIB,
  ratio: 500,
};
