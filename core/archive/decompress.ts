import { pipeline, Transform, type Readable, type TransformCallback } from "node:stream";
import {
  BrokenCompressionError,
  CompressionRatioError,
  TooMuchDataError,
  TruncatedCompressionError,
  ArchiveError,
} from "./errors";
import { Inflate, type Damage } from "./inflate";
import { RATIO_FLOOR } from "./limits";
import { zstdDecoder, zstdFailure } from "./zstd";
import { ZstdFrames } from "./zstd-frames";

export interface DecompressOptions {
  /** What messages call the data. */
  readonly name: string;
  /** Bytes that may come out. */
  readonly maximum: number;
  /** How many times as many bytes as go in may come out. Looked at beyond {@link RATIO_FLOOR}. */
  readonly ratio: number;
}

/**
 * The decompressed bytes of a stream: gzip (also in several members) or zstd (also in several frames). Zeros may follow, nothing else.
 * Whoever reads the result learns of every failure by it, of the source's too; where it is destroyed, so is the source.
 * @throws TruncatedCompressionError, BrokenCompressionError, TooMuchDataError, CompressionRatioError, ZstdMissingError,
 * NotSupportedYetError (a zstd window of more than 128 MiB)
 */
export function decompress(source: Readable, format: "gzip" | "zstd", options: DecompressOptions): Readable {
  const { name } = options;
  if (format === "gzip") {
    const inflate = new Inflate("gzip", (damage, cause) => gzipFailure(name, damage, cause));
    const guard = new OutputGuard(options, () => inflate.bytesIn);
    pipeline(source, inflate, guard, () => undefined);
    return guard;
  }
  const frames = new ZstdFrames(name);
  const guard = new OutputGuard(options, () => frames.bytesIn);
  const decoder = zstdDecoder(name);
  pipeline(source, frames, decoder, guard, () => undefined);
  return guard;
}

function gzipFailure(name: string, damage: Damage, cause: Error): ArchiveError {
  if (damage === "truncated") return new TruncatedCompressionError(name, "gzip", { cause });
  const problem = damage === "damaged" ? `an error (${cause.message})` : "something else behind its end";
  return new BrokenCompressionError(name, "gzip", problem, { cause });
}

/** Counts what comes out, and stops a bomb. */
class OutputGuard extends Transform {
  #size = 0;

  constructor(
    readonly options: DecompressOptions,
    readonly bytesIn: () => number,
  ) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 18 });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#size += chunk.length;
    const { name, maximum, ratio } = this.options;
    if (this.#size > maximum) done(new TooMuchDataError(name, maximum));
    else if (this.#size > RATIO_FLOOR && this.#size > ratio * this.bytesIn()) {
      done(new CompressionRatioError(name, this.#size, this.bytesIn(), ratio));
    } else done(null, chunk);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const code = error && "code" in error ? String(error.code) : "";
    done(error && code.startsWith("ZSTD_") ? zstdFailure(this.options.name, error) : error);
  }
}
