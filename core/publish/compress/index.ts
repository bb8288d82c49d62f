import { availableParallelism } from "node:os";
import type { Transform } from "node:stream";
import zlib from "node:zlib";
import { findProgram } from "../../programs";
import { compressChunks } from "./chunks";
import { compressFrame, roomFor } from "./frame";
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

/** What takes the least time: a tenth less by the largest memory level, a twelfth by a small window, for 3 % more bytes. */
const GZIP = { level: zlib.constants.Z_BEST_SPEED, memLevel: 9, windowBits: 13, flush: zlib.constants.Z_FINISH };

const ownGzip: Compressor = {
  format: "gzip",
  name: "Node's gzip",
  compress: byStreams((room) => zlib.createGzip({ ...GZIP, ...room })),
};

/** Without a name or time of the file, of which there is none. */
async function igzip(): Promise<Compressor | undefined> {
  const file = await findProgram("igzip");
  if (file === undefined) return undefined;
  const args = ["-1", "--no-name", "--threads", PROGRAM_THREADS, "--stdout"];
  return { format: "gzip", name: "igzip", compress: (source, options) => throughProgram(file, args, source, options) };
}

/** What Node has from 22.15 on. */
interface NodeZstd {
  readonly createZstdCompress?: (options: object) => Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly ZSTD_e_end?: number };
}

function ownZstd(): Compressor | undefined {
  const { createZstdCompress, constants } = zlib as unknown as NodeZstd;
  const { ZSTD_c_compressionLevel: level, ZSTD_e_end: flush } = constants;
  if (createZstdCompress === undefined || level === undefined) return undefined;
  const zstd = { params: { [level]: 1 }, flush };
  return {
    format: "zstd",
    name: "Node's zstd",
    compress: byStreams((room) => createZstdCompress({ ...zstd, ...room })),
  };
}

/** Each piece by a stream of Node's. */
function byStreams(create: (room: ReturnType<typeof roomFor>) => Transform): Compressor["compress"] {
  return (source, { yields = false } = {}) =>
    compressChunks(
      source,
      (chunk) => compressFrame(create(roomFor(chunk)), chunk),
      yields ? Math.ceil(DEPTH / 2) : DEPTH,
    );
}

async function zstdProgram(): Promise<Compressor> {
  const file = await findProgram("zstd");
  if (file === undefined) throw new NoCompressorError("zstd");
  const args = ["-1", `-T${PROGRAM_THREADS}`, "--quiet", "--stdout"];
  return { format: "zstd", name: "zstd", compress: (source, options) => throughProgram(file, args, source, options) };
}
