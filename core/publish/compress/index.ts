import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { findProgram } from "../../programs";
import { compressChunks } from "./chunks";
import { NoCompressorError, type Compressor } from "./compressor";
import { throughProgram } from "./programs";

export type { Compressor } from "./compressor";

/** Pieces of one layer under way: enough that no core waits while what is done waits for the registry. Each takes twice its size of memory. */
const DEPTH = Math.min(availableParallelism(), 8) + 2;
/** Layers are compressed side by side as well. */
const PROGRAM_THREADS = String(Math.max(1, Math.ceil(Math.min(availableParallelism(), 16) / 2)));

/**
 * The fastest way that this machine has (docs/decisions/0012-compressors.md):
 * for gzip `igzip` if it is on the PATH, else Node's own; for zstd Node's own from 22.15, else the program `zstd`.
 * @throws NoCompressorError
 */
export async function findCompressor(format: Compressor["format"]): Promise<Compressor> {
  return format === "gzip" ? ((await igzip()) ?? ownGzip) : (ownZstd() ?? (await zstdProgram()));
}

const gzip = promisify(zlib.gzip);

/** The largest memory level takes a tenth less time than the default, and gives the same bytes. */
const GZIP = { level: zlib.constants.Z_BEST_SPEED, memLevel: 9, chunkSize: 1 << 19 };

const ownGzip: Compressor = {
  format: "gzip",
  name: "Node's gzip",
  compress: (source) => compressChunks(source, (chunk) => gzip(chunk, GZIP), DEPTH),
};

/** Without a name or time of the file, of which there is none. */
async function igzip(): Promise<Compressor | undefined> {
  const file = await findProgram("igzip");
  if (file === undefined) return undefined;
  const args = ["-1", "--no-name", "--threads", PROGRAM_THREADS, "--stdout"];
  return { format: "gzip", name: "igzip", compress: (source) => throughProgram(file, args, source) };
}

/** What Node has from 22.15 on. */
type ZstdCompress = (
  chunk: Buffer,
  options: { readonly params: Readonly<Record<number, number>> },
  callback: (error: Error | null, compressed: Buffer) => void,
) => void;

function ownZstd(): Compressor | undefined {
  const { zstdCompress, constants } = zlib as unknown as {
    readonly zstdCompress?: ZstdCompress;
    readonly constants: { readonly ZSTD_c_compressionLevel?: number };
  };
  const { ZSTD_c_compressionLevel: level } = constants;
  if (zstdCompress === undefined || level === undefined) return undefined;
  const compressChunk = (chunk: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      zstdCompress(chunk, { params: { [level]: 1 } }, (error, compressed) => {
        if (error) reject(error);
        else resolve(compressed);
      });
    });
  return {
    format: "zstd",
    name: "Node's zstd",
    compress: (source) => compressChunks(source, compressChunk, DEPTH),
  };
}

async function zstdProgram(): Promise<Compressor> {
  const file = await findProgram("zstd");
  if (file === undefined) throw new NoCompressorError("zstd");
  const args = ["-1", `-T${PROGRAM_THREADS}`, "--quiet", "--stdout"];
  return { format: "zstd", name: "zstd", compress: (source) => throughProgram(file, args, source) };
}
