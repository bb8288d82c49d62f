import { finished } from "node:stream/promises";
import { pipeline } from "node:stream";
import { DigestStream } from "../digest";
import { DigestMismatchError } from "./errors";
import type { Layer } from "./image";

/**
 * @param read has seen the layer's content to its end.
 * @throws DigestMismatchError unless it is what the image's configuration lists.
 */
export function checkLayer({ diffId, content }: Layer, read: DigestStream): void {
  const found = read.digest();
  if (read.size !== content.size) throw new DigestMismatchError(content.name, `${read.size} bytes`, `${content.size}`);
  if (found !== diffId) throw new DigestMismatchError(content.name, `a layer with the diffID ${found}`, diffId);
}

/** Reads layers from end to end, and checks each. */
export async function verifyLayers(layers: readonly Layer[]): Promise<void> {
  for (const layer of layers) {
    const { content } = layer;
    const read = new DigestStream();
    // Whoever waits for the last stream learns of a failure by it.
    pipeline(content.read(0, content.size), read, () => undefined);
    await finished(read.resume());
    checkLayer(layer, read);
  }
}
