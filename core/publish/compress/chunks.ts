import { inChunks } from "../../archive/chunks";

/**
 * Compresses pieces of a source side by side, in the order of the source. Both gzip and zstd take what was compressed in pieces for the
 * whole: https://www.rfc-editor.org/rfc/rfc1952#section-2.2, https://www.rfc-editor.org/rfc/rfc8878#section-3
 * @param depth pieces under way, each of which takes twice its size of memory
 */
export async function* compressChunks(
  source: AsyncIterable<Buffer>,
  compressChunk: (chunk: Buffer) => Promise<Buffer>,
  depth: number,
): AsyncGenerator<Buffer, void, undefined> {
  const running: Promise<Buffer>[] = [];
  let isEmpty = true;
  for await (const chunk of inChunks(source)) {
    isEmpty = false;
    const compressed = compressChunk(chunk);
    // Whoever stops in between waits for none of the others.
    compressed.catch(() => undefined);
    running.push(compressed);
    if (running.length >= depth) yield await (running.shift() ?? compressed);
  }
  if (isEmpty) yield await compressChunk(Buffer.alloc(0));
  for (const compressed of running) yield await compressed;
}
