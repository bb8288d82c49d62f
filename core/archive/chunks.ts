/** Bytes that an archive is read, verified and compressed by at once: each piece takes its own way through everything that follows. */
export const CHUNK = 1 << 20;

/** The same bytes in pieces of {@link CHUNK}, but for the last. */
export async function* inChunks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let filled = 0;
  let chunk = Buffer.allocUnsafe(0);
  for await (const piece of source) {
    // Nothing is copied where they come in just such pieces.
    if (filled === 0 && piece.length === CHUNK) {
      yield piece;
      continue;
    }
    for (let at = 0; at < piece.length;) {
      if (filled === 0) chunk = Buffer.allocUnsafe(CHUNK);
      const copied = piece.copy(chunk, filled, at);
      at += copied;
      filled += copied;
      if (filled === CHUNK) {
        yield chunk;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
