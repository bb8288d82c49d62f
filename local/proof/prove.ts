import { readArchivedImage, type ArchiveLocation } from "./archive";
import { collect, digestOf, measure } from "./content";
import {
  ConfigDiffersError,
  DigestMismatchError,
  LayerCountError,
  LayerDiffersError,
  ManifestKindError,
  SizeMismatchError,
} from "./errors";
import type { ImageSource } from "./registry";

interface ProvedLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** As it lies in the registry, in bytes. */
  readonly size: number;
  readonly diffId: string;
  /** Without compression, in bytes. */
  readonly contentSize: number;
}

/** What was seen to be true: the registry's image under this name is the archive's, byte for byte where it counts. */
export interface Proof {
  /** `<host>/<repository>:<tag>` */
  readonly reference: string;
  /** The manifest's digest, which the tag points to. */
  readonly digest: string;
  readonly config: { readonly digest: string; readonly size: number };
  /** Lowest first. */
  readonly layers: readonly ProvedLayer[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Manifest {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** Compares a published image with the archive it was made from; throws at the first difference. */
export async function compare(reference: string, source: ImageSource, location: ArchiveLocation): Promise<Proof> {
  const archived = await readArchivedImage(location);

  const { bytes, mediaType, digest: announced } = await source.manifest();
  const digest = digestOf(bytes);
  if (announced !== undefined && announced !== digest) {
    throw new DigestMismatchError(`manifest of ${reference}`, digest, announced);
  }
  const { config, layers } = JSON.parse(bytes.toString("utf8")) as Manifest;
  if (!config || !layers) throw new ManifestKindError(reference, mediaType);

  const configBytes = await collect(await source.blob(config.digest));
  check("config", { digest: digestOf(configBytes), bytes: configBytes.length }, config);
  const expected = digestOf(archived.config);
  // Equal digests and equal bytes are the same thing only as long as nobody finds a collision; bytes are cheap.
  if (!configBytes.equals(archived.config)) throw new ConfigDiffersError(reference, config.digest, expected);

  const diffIds = diffIdsOf(archived.config);
  const counts = { manifest: layers.length, config: diffIds.length, archive: archived.layers.length };
  if (counts.manifest !== counts.config || counts.config !== counts.archive) throw new LayerCountError(counts);

  const proved: ProvedLayer[] = [];
  for (const [index, layer] of layers.entries()) {
    const diffId = diffIds[index] ?? "";
    const inArchive = archived.layers[index] ?? "";
    if (inArchive !== diffId) throw new LayerDiffersError(index, "archive", inArchive, diffId);
    const { raw, content } = await measure(await source.blob(layer.digest), `layer ${index} (${layer.digest})`);
    check(`layer ${index}`, raw, layer);
    if (content.digest !== diffId) throw new LayerDiffersError(index, "registry", content.digest, diffId);
    proved.push({ ...pick(layer), diffId, contentSize: content.bytes });
  }
  return { reference, digest, config: { digest: config.digest, size: config.size }, layers: proved };
}

function check(what: string, found: { digest: string; bytes: number }, descriptor: Descriptor): void {
  if (found.digest !== descriptor.digest) throw new DigestMismatchError(what, found.digest, descriptor.digest);
  if (found.bytes !== descriptor.size) throw new SizeMismatchError(what, found.bytes, descriptor.size);
}

function diffIdsOf(config: Buffer): readonly string[] {
  const { rootfs } = JSON.parse(config.toString("utf8")) as { rootfs?: { diff_ids?: readonly string[] } };
  return rootfs?.diff_ids ?? [];
}

function pick({ digest, mediaType, size }: Descriptor): Descriptor {
  return { digest, mediaType, size };
}
