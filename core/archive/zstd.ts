import { spawn, type ChildProcess } from "node:child_process";
import { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import { BrokenCompressionError, ZstdMissingError, type ArchiveError } from "./errors";
import { WINDOW_LOG } from "./zstd-frames";

/** Bytes that zlib hands over at once. */
const CHUNK = 1 << 18;

/** What Node's zlib has since 22.15 (https://nodejs.org/api/zlib.html#zlibcreatezstddecompressoptions); its types here are older. */
interface ZstdOfNode {
  readonly createZstdDecompress?: (options: {
    readonly chunkSize: number;
    readonly params: Readonly<Record<number, number>>;
  }) => Duplex;
  readonly constants: { readonly ZSTD_d_windowLogMax?: number };
}

/** Decoder for what ZstdFrames has passed: Node's own where it has one, else the program `zstd`. */
export function zstdDecoder(name: string): Duplex {
  const { createZstdDecompress, constants } = zlib as unknown as ZstdOfNode;
  if (!createZstdDecompress) return new ZstdProgram(name);
  return createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax ?? 100]: WINDOW_LOG } });
}

/** Names what a decoder of Node throws. */
export function zstdFailure(name: string, error: Error): ArchiveError {
  return new BrokenCompressionError(name, "zstd", `an error (${error.message})`, { cause: error });
}

/** `zstd -dc` as a stream. */
class ZstdProgram extends Duplex {
  readonly #child: ChildProcess;
  #said = "";

  constructor(name: string) {
    super({ readableHighWaterMark: CHUNK });
    // What reads a stranger's data gets none of the environment's credentials.
    const env = { PATH: process.env.PATH };
    const child = spawn("zstd", ["-dc"], { stdio: ["pipe", "pipe", "pipe"], env });
    this.#child = child;
    child.once("error", (error) => {
      this.destroy(new ZstdMissingError(name, { cause: error }));
    });
    child.stdout.on("data", (data: Buffer) => {
      if (!this.push(data)) child.stdout.pause();
    });
    child.stderr.on("data", (data: Buffer) => {
      if (this.#said.length < 300) this.#said += data.toString("utf8");
    });
    // Its end says more.
    child.stdin.on("error", () => undefined);
    child.once("close", (code, signal) => {
      if (code === 0) this.push(null);
      else
        this.destroy(zstdFailure(name, new Error(this.#said.trim() || `zstd ended by ${signal ?? code ?? "itself"}`)));
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, (error) => {
      if (!error) done();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end();
    done();
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }
}
