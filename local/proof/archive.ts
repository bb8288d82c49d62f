import { digestOf, parseJson, type Compression } from "./content";
import type { ArchiveFile } from "./entries";
import {
  DigestMismatchError,
  ImageChoiceError,
  LayerCountError,
  LayerDiffersError,
  NotAnImageArchiveError,
  SizeMismatchError,
} from "./errors";
import { readFiles, type ArchiveFiles } from "./files";
import { attested, isIndexType, OCI_INDEX, platformName } from "./manifest";
import type { Descriptor, Manifest, Platform } from "./manifest";

export interface ArchiveLocation extends ArchiveFile {
  /** A name of the image as the archive has it, where it holds several. */
  readonly reference?: string;
}

export interface ArchivedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

interface ArchivedLayer {
  /** `sha256:<hex>` of the layer as it lies there. */
  readonly digest: string;
  /** `sha256:<hex>` of it without its compression. */
  readonly contentDigest: string;
  readonly compression: Compression;
  /** @default - the archive has no manifest */
  readonly mediaType?: string;
}

/** An image whose layers are those of its configuration. */
export interface ArchivedImage {
  readonly kind: "image";
  /** `os/architecture[/variant]` by the index, else by the configuration. */
  readonly platform: string;
  readonly config: Buffer;
  readonly configDigest: string;
  /** @default - the archive has no manifest */
  readonly configType?: string;
  /** By the configuration. @default - it is the one of an attestation that has no files */
  readonly diffIds?: readonly string[];
  /** Lowest first. */
  readonly layers: readonly ArchivedLayer[];
  /** @default - the archive has none */
  readonly manifest?: ArchivedManifest;
  /** Of an attestation: digest of the manifest that it is about. */
  readonly attests?: string;
}

export interface ArchivedIndex {
  readonly kind: "index";
  readonly manifest: ArchivedManifest;
  /** In the order of the index, without those that the archive lacks. */
  readonly images: readonly ArchivedImage[];
  /** Platforms that the index names and the archive lacks. */
  readonly missing: readonly string[];
}

/** One of the images that an archive lists. */
export interface ListedImage {
  /** As written: `host/path:tag`, or a tag alone. */
  readonly references: readonly string[];
  /** @throws ProofError where it is incomplete, or not what its digests say */
  read(): ArchivedImage | ArchivedIndex;
}

interface Config {
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
}

interface ManifestItem {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/** Lists the images of an archive of any form; hashes all of it. */
export async function readArchive(file: ArchiveFile): Promise<readonly ListedImage[]> {
  const files = await readFiles(file);
  const items = (parseFile(files, "manifest.json") ?? []) as readonly ManifestItem[];
  const index = files.json("index.json");
  const { manifests: descriptors = [] } = (parseFile(files, "index.json") ?? {}) as Manifest;
  if (items.length === 0 && descriptors.length === 0) {
    const has = index ? "its index.json names no image" : "it has no manifest.json and no index.json";
    throw new NotAnImageArchiveError(file.archive, has);
  }
  if (index && isIndexOfOneImage(descriptors)) {
    return [{ references: [], read: () => readIndex(files, describe(index, OCI_INDEX)) }];
  }
  const taken = new Set<ManifestItem>();
  // A name each, one after the other: https://github.com/moby/moby/blob/v25.0.0/image/tarexport/save.go
  const firsts = new Map([...descriptors].reverse().map((descriptor) => [descriptor.digest, descriptor]));
  const listed = [...firsts.values()].reverse().map((first): ListedImage => {
    const same = descriptors.filter(({ digest }) => digest === first.digest);
    const configs = configsBelow(files, first);
    const twins = items.filter(({ Config }) => configs.has(hexOf(Config)));
    for (const item of twins) taken.add(item);
    const names = [...same.flatMap(namesOf), ...twins.flatMap(({ RepoTags }) => RepoTags ?? [])];
    return { references: [...new Set(names)], read: () => readDescribed(files, first) };
  });
  const others = items.filter((item) => !taken.has(item));
  return [...listed, ...others.map((item) => ({ references: item.RepoTags ?? [], read: () => readItem(files, item) }))];
}

/** Reads one image out of an archive. */
export async function readArchivedImage(location: ArchiveLocation): Promise<ArchivedImage | ArchivedIndex> {
  const { archive, reference } = location;
  const all = await readArchive(location);
  const matching = reference === undefined ? all : all.filter(({ references }) => references.includes(reference));
  const [found] = matching;
  if (found && matching.length === 1) return found.read();
  const names = all.flatMap(({ references }) => (references.length === 0 ? ["an image without a name"] : references));
  throw new ImageChoiceError(archive, reference, names);
}

/** Some writers list the platforms in index.json itself, and name none of them. */
function isIndexOfOneImage(descriptors: readonly Descriptor[]): boolean {
  return descriptors.length > 1 && descriptors.every((one) => one.platform && namesOf(one).length === 0);
}

function namesOf({ annotations = {} }: Descriptor): readonly string[] {
  const names = [annotations["io.containerd.image.name"], annotations["org.opencontainers.image.ref.name"]];
  return names.filter((name) => name !== undefined);
}

/** Hexadecimal digests of the configurations that a manifest or an index leads to, as far as they are there. */
function configsBelow(files: ArchiveFiles, { digest }: Descriptor): ReadonlySet<string> {
  const manifest = parseFile(files, blobPath(digest)) as Manifest | undefined;
  const below = manifest?.manifests?.flatMap((child) => [...configsBelow(files, child)]) ?? [];
  return new Set(manifest?.config ? [...below, hexOf(manifest.config.digest)] : below);
}

function readDescribed(files: ArchiveFiles, descriptor: Descriptor): ArchivedImage | ArchivedIndex {
  return isIndexType(descriptor.mediaType) ? readIndex(files, descriptor) : readManifest(files, descriptor);
}

function readIndex(files: ArchiveFiles, descriptor: Descriptor): ArchivedIndex {
  const manifest = readStoredManifest(files, descriptor);
  const { manifests = [] } = parseJson(manifest.digest, manifest.bytes) as Manifest;
  const isThere = ({ digest }: Descriptor): boolean => {
    const child = parseFile(files, blobPath(digest)) as Manifest | undefined;
    return child !== undefined && (!child.config || files.find(blobPath(child.config.digest)) !== undefined);
  };
  const images = manifests.filter(isThere).map((child) => {
    if (isIndexType(child.mediaType)) {
      throw new NotAnImageArchiveError(files.archive, `its index ${manifest.digest} holds another index`);
    }
    return readManifest(files, child);
  });
  const missing = manifests.filter((child) => !isThere(child) && attested(child) === undefined);
  return { kind: "index", manifest, images, missing: missing.map(platformOf) };
}

function readManifest(files: ArchiveFiles, descriptor: Descriptor): ArchivedImage {
  const manifest = readStoredManifest(files, descriptor);
  const { config, layers } = parseJson(manifest.digest, manifest.bytes) as Manifest;
  if (!config || !layers) throw new NotAnImageArchiveError(files.archive, `${manifest.digest} is not a manifest`);
  for (const blob of [config, ...layers]) verify(files, blob);
  const attests = attested(descriptor);
  const paths = layers.map(({ digest }) => blobPath(digest));
  const image = readImage(files, blobPath(config.digest), paths);
  return {
    ...image,
    ...(descriptor.platform === undefined ? {} : { platform: platformName(descriptor.platform) }),
    ...(attests === undefined ? {} : { attests }),
    configType: config.mediaType,
    layers: image.layers.map((layer, index) => ({ ...layer, mediaType: layers[index]?.mediaType ?? "" })),
    manifest,
  };
}

function readItem(files: ArchiveFiles, { Config, Layers }: ManifestItem): ArchivedImage {
  return readImage(files, Config, Layers);
}

function readImage(files: ArchiveFiles, configPath: string, layerPaths: readonly string[]): ArchivedImage {
  const config = files.json(configPath);
  if (!config) throw new NotAnImageArchiveError(files.archive, `its config ${configPath} is missing`);
  const layers = layerPaths.map((path): ArchivedLayer => {
    const file = files.find(path);
    if (!file) throw new NotAnImageArchiveError(files.archive, `its layer ${path} is missing`);
    return { digest: file.raw.digest, contentDigest: file.content.digest, compression: file.compression };
  });
  const { rootfs, ...platform } = parseJson(configPath, config) as Partial<Platform> & Config;
  const diffIds = rootfs?.diff_ids;
  if (diffIds) {
    if (diffIds.length !== layers.length) throw new LayerCountError("archive", layers.length, diffIds.length);
    for (const [index, { contentDigest }] of layers.entries()) {
      const expected = diffIds[index] ?? "";
      if (contentDigest !== expected) throw new LayerDiffersError(index, "archive", contentDigest, expected);
    }
  }
  return {
    kind: "image",
    platform: platformOf({ platform }),
    config,
    configDigest: digestOf(config),
    ...(diffIds === undefined ? {} : { diffIds }),
    layers,
  };
}

function readStoredManifest(files: ArchiveFiles, descriptor: Descriptor): ArchivedManifest {
  // The one that is index.json itself is no blob.
  const isIndexFile = digestOf(files.json("index.json") ?? Buffer.alloc(0)) === descriptor.digest;
  const bytes = files.json(isIndexFile ? "index.json" : blobPath(descriptor.digest));
  if (!bytes) throw new NotAnImageArchiveError(files.archive, `its manifest ${descriptor.digest} is missing`);
  if (!isIndexFile) verify(files, descriptor);
  return { digest: descriptor.digest, mediaType: descriptor.mediaType, bytes };
}

/** That a blob is what a descriptor says of it. */
function verify(files: ArchiveFiles, { digest, size }: Descriptor): void {
  const file = files.find(blobPath(digest));
  if (!file) return;
  const what = `${files.archive}: ${blobPath(digest)}`;
  if (file.raw.digest !== digest) throw new DigestMismatchError(what, file.raw.digest, digest);
  if (file.raw.bytes !== size) throw new SizeMismatchError(what, file.raw.bytes, size);
}

function describe(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function platformOf({ platform }: { readonly platform?: Partial<Platform> }): string {
  const { os = "unknown", architecture = "unknown", variant } = platform ?? {};
  return platformName({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** `<hex>` of `sha256:<hex>`, `blobs/sha256/<hex>` or `<hex>.json`. */
function hexOf(name: string): string {
  return name.replace(/^.*[:/]/, "").replace(/\.json$/, "");
}

function parseFile(files: ArchiveFiles, name: string): unknown {
  const json = files.json(name);
  return json && parseJson(`${files.archive}: ${name}`, json);
}
