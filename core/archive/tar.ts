import { posix } from "node:path";
import {
  AmbiguousEntryError,
  EntryMissingError,
  MemberTooLargeError,
  TruncatedTarError,
  UnsafeLinkError,
  UnsafeNameError,
} from "./errors";
import { LIMITS, type ArchiveLimits } from "./limits";
import { slice, type RandomAccess } from "./source";
import { BLOCK, cutShort, normalise, TarHeaders, type TarEntries } from "./tar-headers";

/**
 * Where each file of a tar lies. Only headers are read, nothing is unpacked, and names serve as keys of a map only:
 * no name of an archive ever becomes a path of this machine.
 */
export class TarIndex {
  readonly #entries: TarEntries;

  /** @param entries as TarScan found them in the same bytes. */
  constructor(
    readonly source: RandomAccess,
    entries: TarEntries,
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
async function readEntries(source: RandomAccess, limits: ArchiveLimits): Promise<TarEntries> {
  const headers = new TarHeaders(source.name, limits);
  for (let at = 0; ;) {
    if (at + BLOCK > source.size) throw new TruncatedTarError(source.name, source.size, "no end mark");
    const header = headers.header(await source.bytes(at, at + BLOCK), at);
    if (!header) return headers.found;
    // A tar cut inside the padding of its last file has lost its end mark, which the next round finds.
    if (header.start + header.size > source.size) throw cutShort(source.name, source.size, header);
    if (header.isExtension) {
      headers.extend(header, await source.bytes(header.start, header.start + header.size));
    } else {
      headers.add(header);
    }
    at = header.next;
  }
}

/** Whether a name is none of a file inside the archive. It could do no harm here, but whoever unpacks the archive is not so sure. */
function isUnsafe(name: string): boolean {
  return name === ".." || name.startsWith("../") || name.startsWith("/") || name.includes("\\") || name.includes("\0");
}
