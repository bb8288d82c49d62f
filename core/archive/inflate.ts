import { Duplex } from "node:stream";
import { createGunzip, createInflateRaw, type Gunzip, type InflateRaw } from "node:zlib";

/** Bytes that zlib hands over at once: each piece costs a turn through a thread. */
const CHUNK = 1 << 20;

/** What is wrong with compressed data. */
export type Damage = "truncated" | "followed by something else" | "damaged";

/**
 * Node's own inflater, made strict: it ignores what follows the end of the data (and then never takes another byte, so that a
 * pipeline would wait for ever). Here zeros may follow gzip, as some writers pad, and nothing may follow raw deflate.
 */
export class Inflate extends Duplex {
  /** Bytes taken so far. */
  bytesIn = 0;
  readonly #inner: Gunzip | InflateRaw;
  #chunk: Buffer = Buffer.alloc(0);
  /** `bytesWritten` of the inner one when it got the chunk. */
  #before = 0;
  #hasMagic = false;
  #isEnded = false;
  #pending: (() => void) | undefined;

  /** @param failure gives the damage its name. */
  constructor(
    readonly format: "gzip" | "deflate",
    readonly failure: (damage: Damage, cause: Error) => Error,
  ) {
    super({ readableHighWaterMark: 4 * CHUNK, writableHighWaterMark: 2 * CHUNK });
    this.#inner = format === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createInflateRaw({ chunkSize: CHUNK });
    this.#inner.on("data", (data: Buffer) => {
      // Whoever takes it works while the next piece is inflated, which begins after this event.
      process.nextTick(() => {
        if (!this.push(data)) this.#inner.pause();
      });
    });
    this.#inner.on("end", () => {
      this.#isEnded = true;
      const rest = this.#chunk.subarray(this.#inner.bytesWritten - this.#before);
      if (this.#isPadding(rest)) this.#settle();
      else this.#fail("followed by something else", new Error("data behind the end"));
    });
    this.#inner.on("error", (error: NodeJS.ErrnoException) => {
      // What follows a member of gzip has no header if it is no other member.
      const isBehind = this.#hasMagic && error.message === "incorrect header check";
      this.#fail(
        error.code === "Z_BUF_ERROR" ? "truncated" : isBehind ? "followed by something else" : "damaged",
        error,
      );
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.bytesIn === 0) this.#hasMagic = chunk[0] === 0x1f;
    this.bytesIn += chunk.length;
    if (this.#isEnded) {
      if (this.#isPadding(chunk)) done();
      else this.#fail("followed by something else", new Error("data behind the end"));
      return;
    }
    this.#chunk = chunk;
    this.#before = this.#inner.bytesWritten;
    this.#pending = done;
    this.#inner.write(chunk, (error) => {
      if (!error) this.#settle();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#pending = () => {
      this.push(null);
      done();
    };
    if (this.#isEnded) this.#settle();
    else if (this.bytesIn === 0) this.#fail("truncated", new Error("no data"));
    else {
      this.#chunk = Buffer.alloc(0);
      this.#before = this.#inner.bytesWritten;
      this.#inner.end();
    }
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }

  #isPadding(rest: Buffer): boolean {
    return rest.length === 0 || (this.format === "gzip" && rest.every((byte) => byte === 0));
  }

  #settle(): void {
    const done = this.#pending;
    this.#pending = undefined;
    done?.();
  }

  #fail(damage: Damage, cause: Error): void {
    this.destroy(this.failure(damage, cause));
  }
}
