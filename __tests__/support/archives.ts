import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { crc32, deflateRawSync } from "node:zlib";
import type { RandomAccess } from "../../core/archive/source";

export function sha256Hex(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface TarEntryOptions {
  readonly type?: string;
  readonly link?: string;
  readonly prefix?: string;
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
  header.write("ustar\x0000", 257, "latin1");
  header.write(options.prefix ?? "", 345, 155);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
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
    readonly compressedSize?: number;
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
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(fields.flags, 6);
    local.writeUInt16LE(member.local?.methodField ?? fields.method, 8);
    local.writeUInt32LE(member.local?.crc ?? fields.crc, 14);
    local.writeUInt32LE(member.local?.compressedSize ?? fields.compressedSize, 18);
    local.writeUInt32LE(fields.size, 22);
    local.writeUInt16LE(localName.length, 26);
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
    parts.push(local, localName, data);
    directory.push(central, name);
    offset += local.length + localName.length + data.length;
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
