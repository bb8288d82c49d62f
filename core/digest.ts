import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";

/** `sha256:` and 64 lower-case hexadecimal digits, the one algorithm that registries and `docker save` use. */
export type Digest = `sha256:${string}`;

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Passes bytes on unchanged, counts and hashes them. */
export class DigestStream extends Transform {
  readonly #hash = createHash("sha256");
  #size = 0;

  /** Bytes that have gone past so far. */
  get size(): number {
    return this.#size;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    done(null, chunk);
  }

  /** Of all bytes that went past: call it once, after the end. */
  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}
