import { Transform, type TransformCallback } from "node:stream";
import { BrokenCompressionError, NotSupportedYetError, TruncatedCompressionError, type ArchiveError } from "./errors";

/** What a decoder keeps in memory of a frame: the program's own limit, 2^27. */
export const WINDOW_LOG = 27;
const MAGIC = 0xfd2fb528;
/** Low byte 0x50 to 0x5f. */
const SKIPPABLE = 0x184d2a50;
const CHUNK = 1 << 18;

/**
 * Passes frames on, each in pieces of its own, and looks at their outlines only: whether all are whole, what follows the last, and how
 * much memory they ask for. So both decoders see the same, and nothing that they treat differently: skippable frames and zeros behind
 * the last frame are left out. https://www.rfc-editor.org/rfc/rfc8878#section-3.1
 */
export class ZstdFrames extends Transform {
  /** Bytes taken so far. */
  bytesIn = 0;
  /** Bytes of a header that is not whole yet. */
  #held = Buffer.alloc(0);
  #need = 4;
  /** What a whole header is for. */
  #then: (header: Buffer) => void = (header) => {
    this.#magic(header);
  };
  /** Bytes to go to the next header. */
  #passing = 0;
  #isSkipped = false;
  #hasFrame = false;
  #isBetween = true;
  #isPadding = false;
  #hasChecksum = false;

  constructor(readonly name: string) {
    super({ readableHighWaterMark: CHUNK });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytesIn += chunk.length;
    try {
      this.#walk(chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    const isWhole = this.#isBetween && this.#passing === 0 && this.#held.every((byte) => byte === 0);
    done(isWhole && this.#hasFrame ? null : new TruncatedCompressionError(this.name, "zstd"));
  }

  #walk(chunk: Buffer): void {
    /** Where what is passed on begins. */
    let from = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#isPadding) {
        if (!chunk.subarray(at).every((byte) => byte === 0)) throw this.#broken("something else behind its end");
        return;
      }
      if (this.#passing > 0) {
        const passed = Math.min(this.#passing, chunk.length - at);
        this.#passing -= passed;
        at += passed;
        if (this.#passing > 0) break;
        if (this.#isBetween) {
          if (!this.#isLeftOut()) this.push(chunk.subarray(from, at));
          from = at;
        }
        continue;
      }
      const part = chunk.subarray(at, at + this.#need - this.#held.length);
      at += part.length;
      const header = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
      if (header.length < this.#need) {
        this.#held = Buffer.from(header);
        // The magic is passed on when it is known what it begins.
        if (this.#isBetween) return;
        break;
      }
      this.#held = Buffer.alloc(0);
      const wasBetween = this.#isBetween;
      this.#then(header);
      if (wasBetween) {
        if (!this.#isLeftOut()) this.push(Buffer.from(header));
        from = at;
      } else if (this.#isBetween && this.#passing === 0) {
        if (!this.#isLeftOut()) this.push(chunk.subarray(from, at));
        from = at;
      }
    }
    if (!this.#isLeftOut() && from < chunk.length) this.push(chunk.subarray(from));
  }

  #isLeftOut(): boolean {
    return this.#isSkipped || this.#isPadding;
  }

  #magic(header: Buffer): void {
    const magic = header.readUInt32LE(0);
    this.#isSkipped = magic >>> 4 === SKIPPABLE >>> 4;
    if (magic === MAGIC) {
      this.#isBetween = false;
      this.#expect(1, (descriptor) => {
        this.#descriptor(descriptor.readUInt8(0));
      });
    } else if (this.#isSkipped) {
      this.#isBetween = false;
      this.#expect(4, (size) => {
        this.#end(size.readUInt32LE(0));
      });
    } else if (magic === 0 && this.#hasFrame) {
      this.#isPadding = true;
    } else {
      throw this.#broken(this.#hasFrame ? "something else behind its end" : "no frame");
    }
  }

  #descriptor(descriptor: number): void {
    const isSingle = (descriptor & 0x20) !== 0;
    if ((descriptor & 0x08) !== 0) throw this.#broken("a reserved bit");
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
    const window = isSingle ? 0 : 1;
    const check = (header: Buffer): void => {
      const size = isSingle ? contentSize(header.subarray(dictionary)) : windowSize(header.readUInt8(0));
      if (size > 2 ** WINDOW_LOG) {
        throw new NotSupportedYetError(
          `zstd data with a window of ${size} bytes (${this.name})`,
          `at most ${2 ** WINDOW_LOG}`,
          "compress it again by `zstd` without --long or --ultra",
        );
      }
      this.#expectBlock();
    };
    this.#expect(window + dictionary + content, check);
  }

  #expectBlock(): void {
    this.#expect(3, (header) => {
      const block = header.readUIntLE(0, 3);
      const type = (block >>> 1) & 3;
      if (type === 3) throw this.#broken("a reserved block");
      // Of a run, the byte that is repeated.
      const size = type === 1 ? 1 : block >>> 3;
      if ((block & 1) === 0) {
        this.#passing = size;
        this.#expectBlock();
      } else {
        this.#end(size + (this.#hasChecksum ? 4 : 0));
      }
    });
  }

  /** So many bytes to the end of the frame. */
  #end(passing: number): void {
    this.#passing = passing;
    this.#isBetween = true;
    this.#hasFrame ||= !this.#isSkipped;
    this.#expect(4, (header) => {
      this.#magic(header);
    });
  }

  #expect(need: number, then: (header: Buffer) => void): void {
    this.#need = need;
    this.#then = then;
  }

  #broken(problem: string): ArchiveError {
    return new BrokenCompressionError(this.name, "zstd", problem);
  }
}

function contentSize(field: Buffer): number {
  switch (field.length) {
    case 1:
      return field.readUInt8(0);
    case 2:
      return field.readUInt16LE(0) + 256;
    case 4:
      return field.readUInt32LE(0);
    default:
      return Number(field.readBigUInt64LE(0));
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}
