import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import type { RandomAccess } from "../../core/archive/source";

export function sha256Hex(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface TarEntryOptions {
  readonly type?: string;
  readonly link?: string;
  readonly prefix?: string;
  /** Whose header it is: what stands at its offset 257, and its last four bytes. @default - ustar's */
  readonly magic?: readonly [kind: string, end: string];
  /** What the size field says. @default - the length of the data, in octal */
  readonly sizeField?: Buffer;
}

/** One ustar entry: header, data, padding. */
export function tarEntry(name: string, data: Buffer | string = "", options: TarEntryOptions = {}): Buffer {
  const bytes = Buffer.from(data);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0" + "0000000\0" + "0000000\0", 100);
  header.write(bytes.length.toString(8).padStart(11, "0") + "\0", 124);
  options.sizeField?.copy(header, 124);
  header.write("00000000000\0", 136);
  header.write(options.type ?? "0", 156);
  header.write(options.link ?? "", 157, 100);
  const [kind, end] = options.magic ?? ["ustar\x0000", ""];
  header.write(kind, 257, "latin1");
  header.write(options.prefix ?? "", 345, 155);
  header.write(end, 508, "latin1");
  header.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(sum.toString(8).padStart(6, "0") + "\0 ", 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function tar(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

/** A pax extended header for the next entry. */
export function pax(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (length !== String(length).length + Buffer.byteLength(rest))
      length = String(length).length + Buffer.byteLength(rest);
    return `${length}${rest}`;
  });
  return tarEntry("PaxHeaders/0", lines.join(""), { type: "x" });
}

/** A layer of one file. */
export function layer(text: string): Buffer {
  return tar(tarEntry("app/", "", { type: "5" }), tarEntry("app/version", text));
}

export interface SavedImageOptions {
  readonly references?: readonly string[] | null;
  readonly layers?: readonly Buffer[];
  /** diffIDs that the configuration lists. @default - those of the layers */
  readonly diffIds?: readonly string[];
  /** Hexadecimal digits that name the configuration. @default - its digest */
  readonly configName?: string;
  /** `docker25`: blobs named by digest and an index.json beside manifest.json. */
  readonly layout?: "legacy" | "docker25";
}

export interface SavedImageFixture {
  readonly config: Buffer;
  readonly configDigest: string;
  readonly layers: readonly Buffer[];
  readonly entries: readonly Buffer[];
  readonly manifestItem: Readonly<Record<string, unknown>>;
}

/** The parts of an image as `docker save` writes them. */
export function savedImage(options: SavedImageOptions = {}): SavedImageFixture {
  const layers = options.layers ?? [layer("base"), layer("app")];
  const diffIds = options.diffIds ?? layers.map((bytes) => `sha256:${sha256Hex(bytes)}`);
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds } }),
  );
  const hex = options.configName ?? sha256Hex(config);
  const isLegacy = (options.layout ?? "legacy") === "legacy";
  const configPath = isLegacy ? `${hex}.json` : `blobs/sha256/${hex}`;
  const paths = layers.map((bytes) =>
    isLegacy ? `${sha256Hex(bytes)}/layer.tar` : `blobs/sha256/${sha256Hex(bytes)}`,
  );
  return {
    config,
    configDigest: `sha256:${sha256Hex(config)}`,
    layers,
    entries: [tarEntry(configPath, config), ...layers.map((bytes, at) => tarEntry(paths[at]!, bytes))],
    manifestItem: {
      Config: configPath,
      RepoTags: options.references === undefined ? [REFERENCE] : options.references,
      Layers: paths,
    },
  };
}

export const REFERENCE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tomofun/web:0123abc";

/** What `docker save` writes for these images. */
export function dockerSave(...images: readonly SavedImageOptions[]): Buffer {
  const saved = (images.length === 0 ? [{}] : images).map(savedImage);
  const isOci = images.some(({ layout }) => layout === "docker25");
  return tar(
    ...(isOci ? [tarEntry("oci-layout", '{"imageLayoutVersion":"1.0.0"}'), tarEntry("index.json", "{}")] : []),
    ...new Map(saved.flatMap(({ entries }) => entries).map((entry) => [entry.toString("latin1"), entry])).values(),
    tarEntry("manifest.json", JSON.stringify(saved.map(({ manifestItem }) => manifestItem))),
  );
}

/** zstd of blocks that are stored or repeat a byte: nothing on this machine needs to know how to compress. */
export function zstdFrame(data: Buffer, { windowSize = 1 << 17 } = {}): Buffer {
  const block = (isLast: boolean, type: number, size: number, content: Buffer): Buffer => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
    return Buffer.concat([header, content]);
  };
  const blocks: Buffer[] = [];
  for (let at = 0; at < data.length || at === 0; at += 1 << 17) {
    const content = data.subarray(at, at + (1 << 17));
    const isLast = at + (1 << 17) >= data.length;
    const isRun = content.length > 1 && content.equals(Buffer.alloc(content.length, content[0]));
    blocks.push(block(isLast, isRun ? 1 : 0, content.length, isRun ? content.subarray(0, 1) : content));
  }
  const window = (Math.log2(windowSize) - 10) << 3;
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, window]), ...blocks]);
}

export const MEDIA_TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  inToto: "application/vnd.in-toto+json",
} as const;

export type LayerCompression = "none" | "gzip" | "zstd";

export function compressed(bytes: Buffer, compression: LayerCompression): Buffer {
  if (compression === "none") return bytes;
  return compression === "gzip" ? gzipSync(bytes) : zstdFrame(bytes);
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A manifest or an index, and every blob that it leads to. */
export interface OciFixture {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
  /** Its own among them. */
  readonly blobs: readonly Buffer[];
}

export interface OciImageFixture extends OciFixture {
  readonly config: Buffer;
  readonly configDigest: string;
  /** As they lie in the archive. */
  readonly layers: readonly Buffer[];
  readonly diffIds: readonly string[];
  readonly platform: Platform;
}

export interface OciImageOptions {
  /** Plain tars. */
  readonly layers?: readonly Buffer[];
  /** @default "gzip" */
  readonly compression?: LayerCompression;
  readonly platform?: Platform;
  /** Laid over the descriptor of each layer. */
  readonly layerFields?: Readonly<Record<string, unknown>>;
  /** Laid over the manifest. */
  readonly manifestFields?: Readonly<Record<string, unknown>>;
  /** Laid over the configuration. */
  readonly configFields?: Readonly<Record<string, unknown>>;
}

export function descriptor(mediaType: string, bytes: Buffer, fields: Readonly<Record<string, unknown>> = {}) {
  return { mediaType, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length, ...fields };
}

/** An image as an OCI layout holds it. */
export function ociImage(options: OciImageOptions = {}): OciImageFixture {
  const compression = options.compression ?? "gzip";
  const platform = options.platform ?? { os: "linux", architecture: "amd64" };
  const plain = options.layers ?? [layer("base"), layer("app")];
  const diffIds = plain.map((bytes) => `sha256:${sha256Hex(bytes)}`);
  const layers = plain.map((bytes) => compressed(bytes, compression));
  const config = json({ ...platform, rootfs: { type: "layers", diff_ids: diffIds }, ...options.configFields });
  const layerType = compression === "none" ? MEDIA_TYPES.layer : `${MEDIA_TYPES.layer}+${compression}`;
  const bytes = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptor(MEDIA_TYPES.config, config),
    layers: layers.map((blob) => descriptor(layerType, blob, options.layerFields)),
    ...options.manifestFields,
  });
  const { digest } = descriptor(MEDIA_TYPES.manifest, bytes);
  return {
    mediaType: MEDIA_TYPES.manifest,
    digest,
    bytes,
    blobs: [bytes, config, ...layers],
    config,
    configDigest: `sha256:${sha256Hex(config)}`,
    layers,
    diffIds,
    platform,
  };
}

/** What buildx attaches to an image: statements that are no file system. */
export function attestation(): OciImageFixture {
  const statement = json({ _type: "https://in-toto.io/Statement/v0.1" });
  return ociImage({
    layers: [statement],
    compression: "none",
    platform: { os: "unknown", architecture: "unknown" },
    layerFields: { mediaType: MEDIA_TYPES.inToto },
  });
}

/** How an index lists an attestation. */
export function attestationFields(about: OciFixture): Readonly<Record<string, unknown>> {
  return {
    platform: { os: "unknown", architecture: "unknown" },
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": about.digest,
    },
  };
}

export type Listed = readonly [fixture: OciFixture, fields?: Readonly<Record<string, unknown>>];

export function ociIndex(...listed: readonly Listed[]): OciFixture {
  const bytes = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: listed.map(([one, fields]) => descriptor(one.mediaType, one.bytes, fields)),
  });
  const { digest } = descriptor(MEDIA_TYPES.index, bytes);
  return { mediaType: MEDIA_TYPES.index, digest, bytes, blobs: [bytes, ...listed.flatMap(([one]) => one.blobs)] };
}

export interface MultiPlatformFixture extends OciFixture {
  readonly images: readonly OciImageFixture[];
  readonly attestation: OciImageFixture;
}

/** An image for two platforms, the first with an attestation, as buildx builds it. */
export function multiPlatform(options: Omit<OciImageOptions, "platform"> = {}): MultiPlatformFixture {
  const platforms: Platform[] = [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64", variant: "v8" },
  ];
  const images = platforms.map((platform) =>
    ociImage({
      layers: ["base", "app"].map((text) => layer(`${text} ${platform.architecture}`)),
      ...options,
      platform,
    }),
  );
  const attached = attestation();
  const index = ociIndex(...images.map((image): Listed => [image, { platform: image.platform }]), [
    attached,
    attestationFields(images[0]!),
  ]);
  return { ...index, images, attestation: attached };
}

/** How containerd writes a name into an index.json. */
export function nameFields(reference: string): Readonly<Record<string, unknown>> {
  return {
    annotations: {
      "io.containerd.image.name": reference,
      "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
    },
  };
}

export interface OciLayoutOptions {
  readonly listed: readonly Listed[];
  /** Blobs that are not in the archive. */
  readonly without?: readonly Buffer[];
  /** Further entries. @default [] */
  readonly entries?: readonly Buffer[];
}

/** An OCI layout as a tar. */
export function ociLayout({ listed, without = [], entries = [] }: OciLayoutOptions): Buffer {
  const missing = new Set(without.map(sha256Hex));
  const blobs = new Map(listed.flatMap(([one]) => one.blobs).map((bytes) => [sha256Hex(bytes), bytes]));
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: listed.map(([one, fields]) => descriptor(one.mediaType, one.bytes, fields)),
  };
  return tar(
    ...[...blobs].filter(([hex]) => !missing.has(hex)).map(([hex, bytes]) => tarEntry(`blobs/sha256/${hex}`, bytes)),
    tarEntry("index.json", json(index)),
    ...entries,
    tarEntry("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
  );
}

/** What `docker save` writes of an image in containerd's store: index.json and manifest.json, both with the name. */
export function containerdSave(image: OciImageFixture = ociImage(), reference: string = REFERENCE): Buffer {
  const item = {
    Config: `blobs/sha256/${image.configDigest.slice(7)}`,
    RepoTags: [reference],
    Layers: image.layers.map((bytes) => `blobs/sha256/${sha256Hex(bytes)}`),
  };
  return ociLayout({
    listed: [[image, nameFields(reference)]],
    entries: [tarEntry("manifest.json", json([item]))],
  });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export interface ZipMemberOptions {
  readonly name: string;
  readonly data: Buffer;
  /** @default "deflated" */
  readonly method?: "stored" | "deflated";
  /** Overrides of both headers. */
  readonly methodField?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  /** Overrides of the local header alone. */
  readonly local?: {
    readonly name?: string;
    readonly methodField?: number;
    readonly crc?: number;
    readonly flags?: number;
    readonly compressedSize?: number;
    readonly size?: number;
    /** @default - none */
    readonly extraField?: Buffer;
  };
}

/** A zip, or what pretends to be one. */
export function zip(...members: readonly ZipMemberOptions[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const isDeflated = (member.method ?? "deflated") === "deflated";
    const data = isDeflated ? deflateRawSync(member.data) : member.data;
    const fields = {
      flags: member.flags ?? 0,
      method: member.methodField ?? (isDeflated ? 8 : 0),
      crc: member.crc ?? crc32(member.data),
      compressedSize: data.length,
      size: member.size ?? member.data.length,
    };
    const localName = Buffer.from(member.local?.name ?? member.name);
    const extraField = member.local?.extraField ?? Buffer.alloc(0);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(member.local?.flags ?? fields.flags, 6);
    local.writeUInt16LE(member.local?.methodField ?? fields.method, 8);
    local.writeUInt32LE(member.local?.crc ?? fields.crc, 14);
    local.writeUInt32LE(member.local?.compressedSize ?? fields.compressedSize, 18);
    local.writeUInt32LE(member.local?.size ?? fields.size, 22);
    local.writeUInt16LE(localName.length, 26);
    local.writeUInt16LE(extraField.length, 28);
    const name = Buffer.from(member.name);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(20, 6);
    central.writeUInt16LE(fields.flags, 8);
    central.writeUInt16LE(fields.method, 10);
    central.writeUInt32LE(fields.crc, 16);
    central.writeUInt32LE(fields.compressedSize, 20);
    central.writeUInt32LE(fields.size, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    parts.push(local, localName, extraField, data);
    directory.push(central, name);
    offset += local.length + localName.length + extraField.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

export interface BufferSource extends RandomAccess {
  /** Ranges that were read, as `[start, end]`. */
  readonly reads: (readonly [number, number])[];
}

/** Bytes in memory as a source that remembers what was read of it. */
export function bufferSource(bytes: Buffer, name = "s3://drops/web.zip"): BufferSource {
  const reads: [number, number][] = [];
  const range = (start: number, end: number): Buffer => {
    reads.push([start, end]);
    return bytes.subarray(start, end);
  };
  return {
    name,
    size: bytes.length,
    reads,
    read: (start, end) => Readable.from([range(start, end)]),
    bytes: (start, end) => Promise.resolve(range(start, end)),
  };
}
