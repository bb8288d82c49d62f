import { posix } from "node:path";
import {
  BrokenTarError,
  list,
  MemberTooLargeError,
  NamesTooLongError,
  NotSupportedYetError,
  TooManyEntriesError,
  TruncatedTarError,
} from "./errors";
import { hasTarChecksum } from "./format";
import type { ArchiveLimits } from "./limits";

export interface TarEntry {
  readonly kind: "file" | "hardlink" | "symlink" | "other";
  /** Offset of its bytes. */
  readonly start: number;
  readonly size: number;
  readonly target: string;
}

/** By name. */
export type TarEntries = ReadonlyMap<string, TarEntry | "several">;

export const BLOCK = 512;
/** Links, devices, directories, pipes: whatever size they claim, no data follows. Docker's own reader holds it so. */
const WITHOUT_DATA = "123456";

export interface TarHeader {
  /** Of the header itself. */
  readonly at: number;
  readonly type: string;
  readonly name: string;
  readonly target: string;
  /** Whether it says something of the next entry. */
  readonly isExtension: boolean;
  /** Offset of its bytes. */
  readonly start: number;
  readonly size: number;
  /** Offset of the next header. */
  readonly next: number;
}

/**
 * What the headers of a tar say, one after the other: ustar, GNU long names and base-256 sizes, pax `path`, `linkpath` and `size`
 * (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html,
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html).
 */
export class TarHeaders {
  readonly found = new Map<string, TarEntry | "several">();
  #extension: Extension = {};
  /** Types of the headers that it is from. */
  #extendedBy = "";
  #count = 0;
  #characters = 0;

  constructor(
    readonly source: string,
    readonly limits: ArchiveLimits,
  ) {}

  /** Undefined at the end mark. */
  header(block: Buffer, at: number): TarHeader | undefined {
    const { source, limits } = this;
    if (isZero(block)) return undefined;
    if (!hasTarChecksum(block)) throw new BrokenTarError(source, at, "no valid header");
    if (++this.#count > limits.entries) throw new TooManyEntriesError(source, limits.entries);
    const extension = this.#extension;
    const type = String.fromCharCode(block.readUInt8(156));
    const isExtension = type === "L" || type === "K" || type === "x" || type === "g";
    const size = WITHOUT_DATA.includes(type)
      ? 0
      : ((isExtension ? undefined : extension.size) ?? readNumber(source, at, block.subarray(124, 136)));
    if (isExtension && size > limits.headerExtension) {
      throw new MemberTooLargeError(source, size, limits.headerExtension);
    }
    const start = at + BLOCK;
    const next = start + Math.ceil(size / BLOCK) * BLOCK;
    if (!Number.isSafeInteger(next)) throw new BrokenTarError(source, at, "an impossible size");
    const name = extension.path ?? headerName(source, at, block);
    // An old one may have further headers in front of its data, a newer one another name: readers that do not unpack it find other entries.
    if (type === "S" || (extension.sparse && !isExtension)) {
      throw new NotSupportedYetError(
        `a sparse file (${list([normalise(name)], "")} in ${source})`,
        "plain files",
        "save the image again with `docker save`",
      );
    }
    return { at, type, name, target: extension.linkpath ?? text(block, 157, 100), isExtension, start, size, next };
  }

  /**
   * Refuses what other readers resolve differently, who would see other files. In Go's, which docker has, a GNU name passes before
   * one of pax, of two pax headers the second replaces the first, and a global one says nothing of entries and ends what was said before it
   * (https://github.com/golang/go/blob/go1.23.0/src/archive/tar/reader.go#L75).
   * @param data of a header that is an extension.
   */
  extend({ at, type }: TarHeader, data: Buffer): void {
    const { source } = this;
    const found = readExtension(source, at, type, data);
    const keys = Object.keys(found);
    if (type === "g") {
      if (keys[0] !== undefined) throw new BrokenTarError(source, at, `a ${keys[0]} of all entries`);
      if (this.#extendedBy !== "") throw new BrokenTarError(source, at, "a global header between those of an entry");
      return;
    }
    const again = keys.find((key) => key in this.#extension);
    if (again !== undefined) throw new BrokenTarError(source, at, `a second ${again} of one entry`);
    if (this.#extendedBy.includes(type)) throw new BrokenTarError(source, at, "a second pax header of one entry");
    this.#extension = { ...this.#extension, ...found };
    this.#extendedBy += type;
  }

  add({ type, name: written, target, start, size }: TarHeader): [string, TarEntry] {
    // Whoever unpacks an archive strips the slashes that a name begins with.
    const name = normalise(written).replace(/^\/+/, "");
    const entry = { kind: kindOf(type), start, size, target };
    this.#extension = {};
    this.#extendedBy = "";
    this.#characters += name.length + target.length;
    if (this.#characters > this.limits.names) throw new NamesTooLongError(this.source, this.limits.names);
    // Directories may be repeated, and are of no use here.
    if (entry.kind !== "other") this.found.set(name, this.found.has(name) ? "several" : entry);
    return [name, entry];
  }
}

/** What the headers before an entry say in its place. */
interface Extension {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
  readonly sparse?: true;
}

function readExtension(source: string, at: number, type: string, data: Buffer): Extension {
  if (type === "L") return { path: someName(source, at, "path", untilNul(data)) };
  if (type === "K") return { linkpath: someName(source, at, "linkpath", untilNul(data)) };
  let extension: Extension = {};
  for (const [key, value] of paxRecords(source, at, data)) {
    if (key === "path" || key === "linkpath") {
      extension = { ...extension, [key]: someName(source, at, key, value) };
    } else if (key === "size") extension = { ...extension, size: paxSize(source, at, value) };
    else if (key.startsWith("GNU.sparse.")) extension = { ...extension, sparse: true };
  }
  return extension;
}

/** An empty one is none for some readers, to whom the header's own name stands. */
function someName(source: string, at: number, key: string, name: string): string {
  if (name === "") throw new BrokenTarError(source, at, `an empty ${key}`);
  return name;
}

/** Records are `LENGTH KEY=VALUE\n`, the length in bytes of the whole record. */
function* paxRecords(source: string, at: number, data: Buffer): Generator<[string, string]> {
  for (let start = 0; start < data.length;) {
    const space = data.indexOf(" ", start);
    const equals = data.indexOf("=", space);
    const end = start + Number(data.toString("latin1", start, Math.max(start, space)));
    const isWhole = start < space && space < equals && equals < end && end <= data.length && data[end - 1] === 0x0a;
    if (!isWhole) throw new BrokenTarError(source, at, "a malformed pax record");
    yield [data.toString("utf8", space + 1, equals), data.toString("utf8", equals + 1, end - 1)];
    start = end;
  }
}

function paxSize(source: string, at: number, value: string): number {
  const size = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(size)) throw new BrokenTarError(source, at, "an impossible size");
  return size;
}

/** Octal text, or base-256 if its first bit is set: GNU's way to write 8 GiB and more. */
function readNumber(source: string, at: number, field: Buffer): number {
  if (field.readUInt8(0) === 0x80) {
    const value = field.readBigUInt64BE(field.length - 8);
    const fits =
      value <= BigInt(Number.MAX_SAFE_INTEGER) && field.subarray(1, field.length - 8).every((byte) => byte === 0);
    if (!fits) throw new BrokenTarError(source, at, "an impossible size");
    return Number(value);
  }
  const octal = octalOf(field);
  if (octal === undefined) throw new BrokenTarError(source, at, "an impossible size");
  return octal === "" ? 0 : Number.parseInt(octal, 8);
}

function isTime(field: Buffer): boolean {
  return field.readUInt8(0) >= 0x80 || octalOf(field) !== undefined;
}

function octalOf(field: Buffer): string | undefined {
  const text = field.toString("latin1").replaceAll("\0", " ").trim();
  return /^[0-7]*$/.test(text) ? text : undefined;
}

function kindOf(type: string): TarEntry["kind"] {
  switch (type) {
    case "0":
    case "\0":
    case "7":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    default:
      return "other";
  }
}

/** In two parts where ustar has room for them. Where these have its prefix, GNU's headers have times, and so has the end of star's. */
function headerName(source: string, at: number, block: Buffer): string {
  const name = text(block, 0, 100);
  switch (text(block, 257, 6)) {
    case "ustar": {
      const isStar = text(block, 508, 4) === "tar";
      const prefix = text(block, 345, isStar ? 131 : 155);
      return prefix === "" ? name : `${prefix}/${name}`;
    }
    case "ustar ":
      // Go's reader takes what are no times for the prefix that old writers put there
      // (https://github.com/golang/go/blob/go1.26.0/src/archive/tar/reader.go#L439).
      if (!isTime(block.subarray(345, 357)) || !isTime(block.subarray(357, 369)))
        throw new BrokenTarError(source, at, `a prefix of ${name} in a GNU header`);
      return name;
    default:
      return name;
  }
}

function text(block: Buffer, start: number, length: number): string {
  return untilNul(block.subarray(start, start + length));
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? bytes.length : end);
}

const ZEROS = Buffer.alloc(BLOCK);

function isZero(block: Buffer): boolean {
  return block.equals(ZEROS);
}

/** `./a//b/` is `a/b`. What climbs above the root keeps its `..` and so is equal to no entry of a sound archive. */
export function normalise(name: string): string {
  return posix.normalize(name).replace(/^\.\/|\/$/g, "");
}

/** The archive ends within the bytes of an entry. */
export function cutShort(source: string, size: number, header: TarHeader): TruncatedTarError {
  return new TruncatedTarError(source, size, `${size - header.start} of ${header.size} bytes of ${header.name}`);
}
