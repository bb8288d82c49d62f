import { posix } from "node:path";
import {
  AmbiguousEntryError,
  BrokenTarError,
  EntryMissingError,
  MemberTooLargeError,
  NamesTooLongError,
  NotAnImageArchiveError,
  NotSupportedYetError,
  TooManyEntriesError,
  TruncatedTarError,
  UnsafeLinkError,
  UnsafeNameError,
} from "./errors";
import { describeFormat, detectFormat, hasTarChecksum } from "./format";
import { LIMITS, type ArchiveLimits } from "./limits";
import { slice, type RandomAccess } from "./source";

export interface TarEntry {
  readonly kind: "file" | "hardlink" | "symlink" | "sparse" | "other";
  /** Offset of its bytes. */
  readonly start: number;
  readonly size: number;
  readonly target: string;
}

const BLOCK = 512;
/** Links, devices, directories, pipes: whatever size they claim, no data follows. Docker's own reader holds it so. */
const WITHOUT_DATA = "123456";

/**
 * Where each file of a tar lies. Only headers are read, nothing is unpacked, and names serve as keys of a map only:
 * no name of an archive ever becomes a path of this machine.
 *
 * ustar, GNU long names and base-256 sizes, pax `path`, `linkpath` and `size`
 * (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html,
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html).
 */
export class TarIndex {
  readonly #entries: ReadonlyMap<string, TarEntry | "several">;

  /** @param entries as {@link TarScan} found them in the same bytes. */
  constructor(
    readonly source: RandomAccess,
    entries: ReadonlyMap<string, TarEntry | "several">,
    readonly limits: ArchiveLimits = LIMITS,
  ) {
    this.#entries = entries;
  }

  static async read(source: RandomAccess, limits: ArchiveLimits = LIMITS): Promise<TarIndex> {
    return new TarIndex(source, await readEntries(source, limits), limits);
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(normalise(name));
  }

  /**
   * A file of the archive, links followed inside it.
   * @param wantedBy what names the file, for the message if it is not there.
   */
  file(name: string, wantedBy: string): RandomAccess {
    const seen = new Set<string>();
    let at = normalise(name);
    if (isUnsafe(at)) throw new UnsafeNameError(this.source.name, name, wantedBy);
    for (;;) {
      if (seen.has(at)) throw new UnsafeLinkError(this.source.name, name, "links to itself");
      seen.add(at);
      const entry = this.#entries.get(at);
      if (entry === undefined) throw new EntryMissingError(this.source.name, at, seen.size === 1 ? wantedBy : name);
      if (entry === "several") throw new AmbiguousEntryError(this.source.name, at);
      switch (entry.kind) {
        case "file":
          return slice(this.source, entry.start, entry.size, `${name} in ${this.source.name}`);
        case "hardlink":
          at = normalise(entry.target);
          break;
        case "symlink":
          at = normalise(posix.join(posix.dirname(at), entry.target));
          if (isUnsafe(at) || entry.target.startsWith("/")) {
            throw new UnsafeLinkError(this.source.name, name, "points out of the archive");
          }
          break;
        case "sparse":
          throw new NotSupportedYetError(
            `a sparse file (${at} in ${this.source.name})`,
            "plain files",
            "save the image again with `docker save`",
          );
        case "other":
          throw new EntryMissingError(this.source.name, `file ${at}`, wantedBy);
      }
    }
  }

  /** The bytes of a small file, such as JSON. */
  async bytes(name: string, wantedBy: string): Promise<Buffer> {
    const file = this.file(name, wantedBy);
    if (file.size > this.limits.json) throw new MemberTooLargeError(file.name, file.size, this.limits.json);
    return file.bytes(0, file.size);
  }
}

/** By ranges: headers alone are read. */
async function readEntries(source: RandomAccess, limits: ArchiveLimits): Promise<Entries["found"]> {
  const entries = new Entries(source.name, limits);
  for (let at = 0; ;) {
    if (at + BLOCK > source.size) throw new TruncatedTarError(source.name, source.size, "no end mark");
    const header = entries.header(await source.bytes(at, at + BLOCK), at);
    if (!header) return entries.found;
    // A tar cut inside the padding of its last file has lost its end mark, which the next round finds.
    if (header.start + header.size > source.size) throw cutShort(source.name, source.size, header);
    if (header.isExtension) {
      entries.extend(header, await source.bytes(header.start, header.start + header.size));
    } else {
      entries.add(header);
    }
    at = header.next;
  }
}

/** The same while a tar goes by, in whatever pieces it comes. */
export class TarScan {
  readonly #entries: Entries;
  /** Of the tar, so far. */
  #position = 0;
  /** Where the next header begins. */
  #next = 0;
  /** Bytes wanted in one piece: a header, or an extension's data. */
  #need = BLOCK;
  #held: Buffer[] = [];
  #heldSize = 0;
  /** The last one. */
  #header: TarHeader | undefined;
  #isExtending = false;
  #isEnded = false;

  /** @param onFile hears of every file before its bytes go by. */
  constructor(
    readonly name: string,
    limits: ArchiveLimits,
    readonly onFile: (name: string, entry: TarEntry) => void = () => undefined,
  ) {
    this.#entries = new Entries(name, limits);
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#isEnded;) {
      const passing = this.#next - (this.#position + at);
      if (passing > 0) {
        at += passing;
        continue;
      }
      const part = chunk.subarray(at, at + this.#need - this.#heldSize);
      at += part.length;
      this.#held.push(part);
      this.#heldSize += part.length;
      if (this.#heldSize < this.#need) continue;
      const piece = this.#held.length === 1 ? part : Buffer.concat(this.#held);
      this.#held = [];
      this.#heldSize = 0;
      this.#take(piece, this.#position + at);
    }
    this.#position += chunk.length;
  }

  /** @throws TruncatedTarError if the end mark has not come. */
  end(): Entries["found"] {
    if (this.#isEnded) return this.#entries.found;
    const header = this.#header;
    if (!header) {
      const head = Buffer.concat(this.#held);
      throw new NotAnImageArchiveError(this.name, describeFormat(detectFormat(head), head));
    }
    if (header.start + header.size > this.#position) throw cutShort(this.name, this.#position, header);
    throw new TruncatedTarError(this.name, this.#position, "no end mark");
  }

  #take(piece: Buffer, end: number): void {
    const before = this.#header;
    if (this.#isExtending && before) {
      this.#isExtending = false;
      this.#need = BLOCK;
      this.#next = before.next;
      this.#entries.extend(before, piece);
      return;
    }
    if (!before && !hasTarChecksum(piece)) {
      throw new NotAnImageArchiveError(this.name, describeFormat(detectFormat(piece), piece));
    }
    const header = this.#entries.header(piece, end - BLOCK);
    if (!header) {
      this.#isEnded = true;
      return;
    }
    this.#header = header;
    this.#next = header.next;
    if (!header.isExtension) {
      const [name, entry] = this.#entries.add(header);
      if (entry.kind === "file") this.onFile(name, entry);
    } else if (header.size === 0) {
      this.#entries.extend(header, Buffer.alloc(0));
    } else {
      this.#isExtending = true;
      this.#need = header.size;
      this.#next = header.start;
    }
  }
}

function cutShort(source: string, size: number, header: TarHeader): TruncatedTarError {
  return new TruncatedTarError(source, size, `${size - header.start} of ${header.size} bytes of ${header.name}`);
}

interface TarHeader {
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

/** What the headers of a tar say, one after the other. */
class Entries {
  readonly found = new Map<string, TarEntry | "several">();
  #extension: Extension = {};
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
    const name = extension.path ?? headerName(block);
    return { at, type, name, target: extension.linkpath ?? text(block, 157, 100), isExtension, start, size, next };
  }

  /** @param data of a header that is an extension. */
  extend({ at, type }: TarHeader, data: Buffer): void {
    if (type !== "g") this.#extension = { ...this.#extension, ...readExtension(this.source, at, type, data) };
  }

  add({ type, name: written, target, start, size }: TarHeader): [string, TarEntry] {
    const name = normalise(written);
    const entry = { kind: kindOf(type, this.#extension), start, size, target };
    this.#extension = {};
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
  if (type === "L") return { path: untilNul(data) };
  if (type === "K") return { linkpath: untilNul(data) };
  let extension: Extension = {};
  for (const [key, value] of paxRecords(source, at, data)) {
    if (key === "path") extension = { ...extension, path: value };
    else if (key === "linkpath") extension = { ...extension, linkpath: value };
    else if (key === "size") extension = { ...extension, size: paxSize(source, at, value) };
    else if (key.startsWith("GNU.sparse.")) extension = { ...extension, sparse: true };
  }
  return extension;
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
  const octal = field.toString("latin1").replaceAll("\0", " ").trim();
  if (!/^[0-7]*$/.test(octal)) throw new BrokenTarError(source, at, "an impossible size");
  return octal === "" ? 0 : Number.parseInt(octal, 8);
}

function kindOf(type: string, extension: Extension): TarEntry["kind"] {
  if (extension.sparse) return "sparse";
  switch (type) {
    case "0":
    case "\0":
    case "7":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "S":
      return "sparse";
    default:
      return "other";
  }
}

function headerName(block: Buffer): string {
  const prefix = text(block, 257, 6) === "ustar" ? text(block, 345, 155) : "";
  return prefix === "" ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
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
function normalise(name: string): string {
  return posix.normalize(name).replace(/^\.\/|\/$/g, "");
}

/** Whether a name is none of a file inside the archive. It could do no harm here, but whoever unpacks the archive is not so sure. */
function isUnsafe(name: string): boolean {
  return name === ".." || name.startsWith("../") || name.startsWith("/") || name.includes("\\") || name.includes("\0");
}
