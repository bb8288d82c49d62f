import { readArchivedImage, type ArchivedImage, type ArchivedIndex, type ArchivedManifest } from "./archive";
import { chooseExpected, type Expectation } from "./expectation";
import { collect, digestOf, measure, parseJson, type Compression } from "./content";
import {
  AttestationSubjectError,
  ConfigDiffersError,
  DigestMismatchError,
  LayerCountError,
  LayerDiffersError,
  ManifestChangedError,
  ManifestKindError,
  MediaTypeError,
  PlatformsDifferError,
  SizeMismatchError,
} from "./errors";
import { attested, configType, isIndexType, layerType, platformName } from "./manifest";
import type { Descriptor, Manifest } from "./manifest";
import type { ImageSource } from "./registry";

interface ProvedLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** As it lies in the registry, in bytes. */
  readonly size: number;
  /** Digest of it without its compression. */
  readonly diffId: string;
  /** Without compression, in bytes. */
  readonly contentSize: number;
}

export interface ProvedImage {
  /** `os/architecture[/variant]` */
  readonly platform: string;
  /** Of the manifest. */
  readonly digest: string;
  readonly config: { readonly digest: string; readonly size: number };
  /** Lowest first. */
  readonly layers: readonly ProvedLayer[];
  /** Of an attestation: digest of the manifest that it is about. */
  readonly attests?: string;
}

/** What was seen to be true: the registry's image under this name is the archive's, byte for byte where it counts. */
export interface Proof {
  /** `<host>/<repository>:<tag>` */
  readonly reference: string;
  /** Of the manifest or index that the tag points to. */
  readonly digest: string;
  readonly mediaType: string;
  /** The image, or those of the index in its order. */
  readonly images: readonly [ProvedImage, ...ProvedImage[]];
}

/** Compares a published image with the archive it was made from; throws at the first difference. */
export async function compare(reference: string, source: ImageSource, expectation: Expectation): Promise<Proof> {
  const { unchanged = false } = expectation;
  const archived = chooseExpected(await readArchivedImage(expectation), expectation);
  const top = await readManifest(reference, source, undefined);
  const { digest, mediaType } = top;
  if (archived.kind === "image") {
    return { reference, digest, mediaType, images: [await proveImage(reference, top, source, archived, unchanged)] };
  }
  return {
    reference,
    digest,
    mediaType,
    images: await proveIndex(reference, top, source, archived, unchanged),
  };
}

interface PublishedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly manifest: Manifest;
}

async function readManifest(
  what: string,
  source: ImageSource,
  descriptor: Descriptor | undefined,
): Promise<PublishedManifest> {
  const { bytes, mediaType: announced, digest: header } = await source.manifest(descriptor?.digest);
  const digest = digestOf(bytes);
  if (header !== undefined && header !== digest) throw new DigestMismatchError(`manifest of ${what}`, digest, header);
  if (descriptor) check(`manifest of ${what}`, { digest, bytes: bytes.length }, descriptor);
  const manifest = parseJson(`manifest of ${what}`, bytes) as Manifest;
  const mediaType = manifest.mediaType ?? announced ?? descriptor?.mediaType ?? "";
  for (const called of [announced, descriptor?.mediaType]) {
    if (called !== undefined && called !== mediaType)
      throw new MediaTypeError(`manifest of ${what}`, called, mediaType);
  }
  return { digest, mediaType, manifest };
}

async function proveIndex(
  reference: string,
  { digest, mediaType, manifest }: PublishedManifest,
  source: ImageSource,
  archived: ArchivedIndex & { readonly isWhole: boolean },
  unchanged: boolean,
): Promise<readonly [ProvedImage, ...ProvedImage[]]> {
  if (!isIndexType(mediaType)) throw new ManifestKindError(reference, mediaType, "an index of several platforms");
  const { manifests = [] } = manifest;
  const found = manifests.map(nameOf);
  const expected = archived.images.map(nameOfArchived);
  const [first, ...others] = pair(archived.images, manifests);
  if (!first || found.toSorted().join() !== expected.toSorted().join()) {
    throw new PlatformsDifferError(reference, found, expected);
  }
  // An index that lacks something is another one.
  if (unchanged && archived.isWhole) checkUnchanged(reference, digest, archived.manifest);

  const prove = async ([image, descriptor]: Pair): Promise<ProvedImage> => {
    const what = `${reference} (${nameOf(descriptor)})`;
    const child = await readManifest(what, source, descriptor);
    const proved = await proveImage(what, child, source, image, unchanged);
    const attests = attested(descriptor);
    if (attests === undefined) return proved;
    checkSubject(reference, { digest: child.digest, attests }, image, archived, manifests);
    return { ...proved, attests };
  };
  const proved: [ProvedImage, ...ProvedImage[]] = [await prove(first)];
  for (const other of others) proved.push(await prove(other));
  return proved;
}

type Pair = readonly [ArchivedImage, Descriptor];

/** In the index's order; of several with the same name, the first with the first. */
function pair(images: readonly ArchivedImage[], descriptors: readonly Descriptor[]): Pair[] {
  const left = [...images];
  return descriptors.flatMap((descriptor): Pair[] => {
    const at = left.findIndex((image) => nameOfArchived(image) === nameOf(descriptor));
    const [image] = at < 0 ? [] : left.splice(at, 1);
    return image ? [[image, descriptor]] : [];
  });
}

function nameOf(descriptor: Descriptor): string {
  if (attested(descriptor) !== undefined) return "attestation";
  return descriptor.platform === undefined ? "unknown/unknown" : platformName(descriptor.platform);
}

function nameOfArchived({ attests, platform }: ArchivedImage): string {
  return attests === undefined ? platform : "attestation";
}

/** The image that an attestation is about may have got another manifest; it is still the one of the same platform. */
function checkSubject(
  reference: string,
  { digest, attests }: { readonly digest: string; readonly attests: string },
  image: ArchivedImage,
  archived: ArchivedIndex,
  manifests: readonly Descriptor[],
): void {
  const subject = manifests.find((one) => one.digest === attests);
  const expected = archived.images.find(({ manifest }) => manifest?.digest === image.attests)?.platform ?? "";
  const found = subject ? nameOf(subject) : `${attests}, which the index does not name`;
  if (found !== expected) throw new AttestationSubjectError(reference, digest, found, `the image for ${expected}`);
}

async function proveImage(
  what: string,
  { digest, mediaType, manifest }: PublishedManifest,
  source: ImageSource,
  archived: ArchivedImage,
  unchanged: boolean,
): Promise<ProvedImage> {
  const { config, layers } = manifest;
  if (!config || !layers) throw new ManifestKindError(what, mediaType, "the manifest of one image");
  if (unchanged) checkUnchanged(what, digest, archived.manifest);

  const configBytes = await collect(await source.blob(config.digest));
  check("config", { digest: digestOf(configBytes), bytes: configBytes.length }, config);
  // Equal digests and equal bytes are the same thing only as long as nobody finds a collision; bytes are cheap.
  if (!configBytes.equals(archived.config)) {
    throw new ConfigDiffersError(what, config.digest, archived.configDigest);
  }
  checkType("config", config.mediaType, configType(mediaType, archived.configType));

  const diffIds = archived.diffIds ?? archived.layers.map((layer) => layer.contentDigest);
  if (layers.length !== diffIds.length) throw new LayerCountError("registry", layers.length, diffIds.length);
  const proved: ProvedLayer[] = [];
  for (const [index, layer] of layers.entries()) {
    const diffId = diffIds[index] ?? "";
    const { compression, ...found } = await proveLayer(index, layer, diffId, source);
    checkType(`layer ${index}`, layer.mediaType, layerType(mediaType, compression, archived.layers[index]?.mediaType));
    proved.push(found);
  }
  const { platform } = archived;
  return { platform, digest, config: { digest: config.digest, size: config.size }, layers: proved };
}

async function proveLayer(
  index: number,
  { digest, mediaType, size }: Descriptor,
  diffId: string,
  source: ImageSource,
): Promise<ProvedLayer & { readonly compression: Compression }> {
  const { raw, content, compression } = await measure(await source.blob(digest), `layer ${index} (${digest})`);
  check(`layer ${index}`, raw, { digest, size });
  if (content.digest !== diffId) throw new LayerDiffersError(index, "registry", content.digest, diffId);
  return { digest, mediaType, size, diffId, contentSize: content.bytes, compression };
}

/** Of a manifest of a kind that is not known here, nothing is expected. */
function checkType(what: string, found: string, expected: string | undefined): void {
  if (expected !== undefined && found !== expected) throw new MediaTypeError(what, found, expected);
}

function checkUnchanged(reference: string, digest: string, archived: ArchivedManifest | undefined): void {
  if (digest !== archived?.digest) throw new ManifestChangedError(reference, digest, archived?.digest);
}

function check(
  what: string,
  found: { digest: string; bytes: number },
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): void {
  if (found.digest !== digest) throw new DigestMismatchError(what, found.digest, digest);
  if (found.bytes !== size) throw new SizeMismatchError(what, found.bytes, size);
}
