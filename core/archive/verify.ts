import { createHash } from "node:crypto";
import { finished } from "node:stream/promises";
import { pipeline, Transform, PassThrough, type TransformCallback } from "node:stream";
import { DigestStream, type Digest } from "../digest";
import { decompress } from "./decompress";
import { DigestMismatchError } from "./errors";
import type { Layer } from "./image";
import { LIMITS, type ArchiveLimits } from "./limits";

/**
 * Passes a layer's content on unchanged, and checks it on the way: its size, its digest where the archive names one, and the diffID of
 * what it is decompressed to. Ends only if all are right, else fails with DigestMismatchError or what {@link decompress} throws.
 */
export class LayerCheck extends Transform {
  readonly #hash = createHash("sha256");
  #size = 0;
  /** Takes the same bytes, to be decompressed. */
  readonly #compressed: PassThrough | undefined;
  readonly #plain: DigestStream | undefined;
  #digest: Digest | undefined;

  constructor(
    readonly layer: Layer,
    limits: Pick<ArchiveLimits, "layer" | "ratio"> = LIMITS,
  ) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 20 });
    const { compression, content } = layer;
    if (compression === "none") return;
    this.#compressed = new PassThrough();
    this.#plain = new DigestStream();
    const options = { name: content.name, maximum: limits.layer, ratio: limits.ratio };
    pipeline(decompress(this.#compressed, compression, options), this.#plain, (error) => {
      if (error) this.destroy(error);
    });
    this.#plain.resume();
  }

  /** Bytes that have gone past so far. */
  get size(): number {
    return this.#size;
  }

  /** Of all bytes that went past: known after the end. */
  get digest(): Digest | undefined {
    return this.#digest;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const next = (): void => {
      done(null, chunk);
    };
    this.#hash.update(chunk);
    this.#size += chunk.length;
    if (this.#compressed?.write(chunk) === false) this.#compressed.once("drain", next);
    else next();
  }

  override _flush(done: TransformCallback): void {
    const check = async (): Promise<void> => {
      this.#compressed?.end();
      if (this.#plain) await finished(this.#plain);
      const { content, digest, diffId } = this.layer;
      const found: Digest = `sha256:${this.#hash.digest("hex")}`;
      this.#digest = found;
      checkContent(
        content.name,
        { size: content.size, digest, diffId },
        { size: this.#size, digest: found, diffId: this.#plain?.digest() ?? found },
      );
    };
    check().then(() => {
      done();
    }, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#compressed?.destroy();
    done(error);
  }
}

/** Reads layers from end to end, and checks each. */
export async function verifyLayers(
  layers: readonly Layer[],
  limits: Pick<ArchiveLimits, "layer" | "ratio"> = LIMITS,
): Promise<void> {
  for (const layer of layers) {
    const check = new LayerCheck(layer, limits);
    // Whoever waits for the last stream learns of a failure by it.
    pipeline(layer.content.read(0, layer.content.size), check, () => undefined);
    await finished(check.resume());
  }
}

interface Measured {
  readonly size: number;
  readonly digest?: Digest;
  readonly diffId: Digest;
}

function checkContent(name: string, expected: Measured, found: Measured): void {
  if (found.size !== expected.size) throw new DigestMismatchError(name, `${found.size} bytes`, `${expected.size}`);
  if (expected.digest !== undefined && found.digest !== expected.digest) {
    throw new DigestMismatchError(name, found.digest ?? "no digest", expected.digest);
  }
  if (found.diffId !== expected.diffId) {
    throw new DigestMismatchError(name, `a layer with the diffID ${found.diffId}`, expected.diffId);
  }
}
