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

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        const rest = this.#skip(chunk);
        if (rest.length === 0) continue;
        this.sent += rest.length;
        if (this.#expected !== undefined && this.sent > this.#expected) break;
        yield rest;
      }
    } catch (cause) {
      throw new BlobSourceError("reading what is sent", { cause });
    }
    if (this.#expected !== undefined && this.sent !== this.#expected) {
      throw new BlobSourceError("its length", { cause: new BlobSizeError(this.sent, this.#expected) });
    }
    this.isFinished = true;
  }

  #skip(chunk: Buffer): Buffer {
    const rest = chunk.subarray(this.#toSkip);
    this.#toSkip -= chunk.length - rest.length;
    return rest;
  }
}
