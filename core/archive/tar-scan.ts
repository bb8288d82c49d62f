import { NotAnImageArchiveError, TruncatedTarError } from "./errors";
import { describeFormat, detectFormat, hasTarChecksum } from "./format";
import type { ArchiveLimits } from "./limits";
import { BLOCK, cutShort, TarHeaders, type TarEntries, type TarEntry, type TarHeader } from "./tar-headers";

/** Indexes a tar while it goes by, in whatever pieces it comes. */
export class TarScan {
  readonly #headers: TarHeaders;
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
    this.#headers = new TarHeaders(name, limits);
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
  end(): TarEntries {
    if (this.#isEnded) return this.#headers.found;
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
      this.#headers.extend(before, piece);
      return;
    }
    if (!before && !hasTarChecksum(piece)) {
      throw new NotAnImageArchiveError(this.name, describeFormat(detectFormat(piece), piece));
    }
    const header = this.#headers.header(piece, end - BLOCK);
    if (!header) {
      this.#isEnded = true;
      return;
    }
    this.#header = header;
    this.#next = header.next;
    if (!header.isExtension) {
      const [name, entry] = this.#headers.add(header);
      if (entry.kind === "file") this.onFile(name, entry);
    } else if (header.size === 0) {
      this.#headers.extend(header, Buffer.alloc(0));
    } else {
      this.#isExtending = true;
      this.#need = header.size;
      this.#next = header.start;
    }
  }
}
