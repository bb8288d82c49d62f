import type { Transform } from "node:stream";

/**
 * What one of Node's compressing streams makes of one chunk. The stream is made to end what it compresses with each chunk, and has room
 * for all of that: then one turn in Node's threads does it. By `zlib.gzip` and `zlib.zstdCompress` it is two, and two pieces to be put
 * together.
 */
export async function compressFrame(stream: Transform, chunk: Buffer): Promise<Buffer> {
  try {
    return await new Promise((resolve, reject) => {
      stream.once("error", reject);
      stream.write(chunk, (error) => {
        if (error) reject(error);
        else resolve(stream.read() as Buffer);
      });
    });
  } finally {
    stream.destroy();
  }
}

/**
 * Options of a stream for which the result is one piece, however badly the chunk compresses.
 * https://github.com/facebook/zstd/blob/v1.5.7/lib/zstd.h#L246-L249 (ZSTD_COMPRESSBOUND); gzip takes less.
 */
export function roomFor({ length }: Buffer): { readonly chunkSize: number; readonly readableHighWaterMark: number } {
  const most = length + (length >> 8) + (64 << 10);
  return { chunkSize: most, readableHighWaterMark: most + 1 };
}
