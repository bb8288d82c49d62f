import type { Readable } from "node:stream";
import { BlobSourceError } from "./connection";
import { BlobSizeError } from "./errors";

/** A stream on its way out: counts, leaves its beginning away, and tells its own failures from the connection's. */
export class OutgoingStream implements AsyncIterable<Buffer> {
  readonly #stream: Readable;
  readonly #expected: number | undefined;
  #toSkip: number;
  /** Bytes that were handed over. */
  sent = 0;
  /** Whether the stream has ended well. */
  isFinished = false;

  /**
   * @param skip bytes at the beginning that are read and not sent
   * @param expected bytes after those; undefined if it is not known
   */
  constructor(stream: Readable, skip: number, expected?: number) {
    this.#stream = stream;
    this.#toSkip = skip;
    this.#expected = expected;
  }

  /**
   * Of a known length, the last piece is handed over when the stream has ended well: a registry that has all bytes answers, and would
   * have them before the stream's own check is over. Of any other, it hears the end when that is.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let held: Buffer | undefined;
    let size = 0;
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        const rest = this.#skip(chunk);
        if (rest.length === 0) continue;
        size += rest.length;
        if (this.#expected !== undefined && size > this.#expected) break;
        if (size === this.#expected) held = rest;
        else yield this.#handOver(rest);
      }
    } catch (cause) {
      throw new BlobSourceError("reading what is sent", { cause });
    }
    if (this.#expected !== undefined && size !== this.#expected) {
      throw new BlobSourceError("its length", { cause: new BlobSizeError(size, this.#expected) });
    }
    this.isFinished = true;
    if (held) yield this.#handOver(held);
  }

  #handOver(chunk: Buffer): Buffer {
    this.sent += chunk.length;
    return chunk;
  }

  #skip(chunk: Buffer): Buffer {
    const rest = chunk.subarray(this.#toSkip);
    this.#toSkip -= chunk.length - rest.length;
    return rest;
  }
}
