import { posix } from "node:path";
import {
  AmbiguousEntryError,
  BrokenTarError,
  EntryMissingError,
  MemberTooLargeError,
  NamesTooLongError,
  NotSupportedYetError,
  TooManyEntriesError,
  TruncatedTarError,
  UnsafeLinkError,
} from "./errors";
import { hasTarChecksum } from "./format";
import { LIMITS } from "./limits";
import { slice, type RandomAccess } from "./source";

interface TarEntry {
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

  private constructor(
    readonly source: RandomAccess,
    entries: ReadonlyMap<string, TarEntry | "several">,
  ) {
    this.#entries = entries;
  }

  static async read(source: RandomAccess): Promise<TarIndex> {
    return new TarIndex(source, await readEntries(source));
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * A file of the archive, links followed inside it.
   * @param wantedBy what names the file, for the message if it is not there.
   */
  file(name: string, wantedBy: string): RandomAccess {
    const seen = new Set<string>();
    let at = normalise(name);
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
          if (at.startsWith("../") || entry.target.startsWith("/")) {
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
    if (file.size > LIMITS.json) throw new MemberTooLargeError(file.name, file.size, LIMITS.json);
    return file.bytes(0, file.size);
  }
}

async function readEntries(source: RandomAccess): Promise<Map<string, TarEntry | "several">> {
  const entries = new Map<string, TarEntry | "several">();
  let extension: Extension = {};
  let count = 0;
  let characters = 0;
  for (let at = 0; ;) {
    if (at + BLOCK > source.size) throw new TruncatedTarError(source.name, source.size, "no end mark");
    const block = await source.bytes(at, at + BLOCK);
    if (isZero(block)) return entries;
    if (!hasTarChecksum(block)) throw new BrokenTarError(source.name, at, "no valid header");
    if (++count > LIMITS.entries) throw new TooManyEntriesError(source.name, LIMITS.entries);

    const type = String.fromCharCode(block.readUInt8(156));
    const isExtension = type === "L" || type === "K" || type === "x" || type === "g";
    const size = WITHOUT_DATA.includes(type)
      ? 0
      : ((isExtension ? undefined : extension.size) ?? readNumber(source, at, block.subarray(124, 136)));
    const start = at + BLOCK;
    const next = start + Math.ceil(size / BLOCK) * BLOCK;
    // A tar cut inside the padding of its last file has lost its end mark, which the next round finds.
    if (start + size > source.size) {
      const name = extension.path ?? headerName(block);
      throw new TruncatedTarError(source.name, source.size, `${source.size - start} of ${size} bytes of ${name}`);
    }
    if (isExtension) {
      if (size > LIMITS.headerExtension) throw new MemberTooLargeError(source.name, size, LIMITS.headerExtension);
      if (type !== "g")
        extension = { ...extension, ...readExtension(source, at, type, await source.bytes(start, start + size)) };
    } else {
      const name = normalise(extension.path ?? headerName(block));
      const entry = { kind: kindOf(type, extension), start, size, target: extension.linkpath ?? text(block, 157, 100) };
      characters += name.length + entry.target.length;
      if (characters > LIMITS.names) throw new NamesTooLongError(source.name, LIMITS.names);
      // Directories may be repeated, and are of no use here.
      if (entry.kind !== "other") entries.set(name, entries.has(name) ? "several" : entry);
      extension = {};
    }
    at = next;
  }
}

/** What the headers before an entry say in its place. */
interface Extension {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
  readonly sparse?: true;
}

function readExtension(source: RandomAccess, at: number, type: string, data: Buffer): Extension {
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
function* paxRecords(source: RandomAccess, at: number, data: Buffer): Generator<[string, string]> {
  for (let start = 0; start < data.length;) {
    const space = data.indexOf(" ", start);
    const equals = data.indexOf("=", space);
    const end = start + Number(data.toString("latin1", start, Math.max(start, space)));
    const isWhole = start < space && space < equals && equals < end && end <= data.length && data[end - 1] === 0x0a;
    if (!isWhole) throw new BrokenTarError(source.name, at, "a malformed pax record");
    yield [data.toString("utf8", space + 1, equals), data.toString("utf8", equals + 1, end - 1)];
    start = end;
  }
}

function paxSize(source: RandomAccess, at: number, value: string): number {
  const size = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(size))
    throw new BrokenTarError(source.name, at, "an impossible size");
  return size;
}

/** Octal text, or base-256 if its first bit is set: GNU's way to write 8 GiB and more. */
function readNumber(source: RandomAccess, at: number, field: Buffer): number {
  if (field.readUInt8(0) === 0x80) {
    const value = field.readBigUInt64BE(field.length - 8);
    const fits =
      value <= BigInt(Number.MAX_SAFE_INTEGER) && field.subarray(1, field.length - 8).every((byte) => byte === 0);
    if (!fits) throw new BrokenTarError(source.name, at, "an impossible size");
    return Number(value);
  }
  const octal = field.toString("latin1").replaceAll("\0", " ").trim();
  if (!/^[0-7]*$/.test(octal)) throw new BrokenTarError(source.name, at, "an impossible size");
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

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** `./a//b/` is `a/b`. What climbs above the root keeps its `..` and so is equal to no entry of a sound archive. */
function normalise(name: string): string {
  return posix.normalize(name).replace(/^\.\/|\/$/g, "");
}
