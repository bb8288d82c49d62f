import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { LayerCompressionError } from "./errors";

export type Content = AsyncIterable<Uint8Array>;

export interface Measure {
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly bytes: number;
}

/** Hashes bytes as they are and as they are without their compression, in one pass. */
export async function measure(
  source: Content,
  what: string,
): Promise<{ readonly raw: Measure; readonly content: Measure }> {
  const raw = meter();
  const content = meter();
  const { head, all } = await peek(raw.through(source));
  if (isGzip(head)) {
    await pipeline(all, createGunzip(), content.take);
  } else {
    if (isZstd(head)) throw new LayerCompressionError(what, "zstd");
    await content.take(all);
  }
  return { raw: raw.result(), content: content.result() };
}

export async function collect(source: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function meter() {
  const hash = createHash("sha256");
  let bytes = 0;
  const add = (chunk: Uint8Array): void => {
    hash.update(chunk);
    bytes += chunk.length;
  };
  return {
    /** Hands the bytes on. */
    async *through(source: Content): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of source) {
        add(chunk);
        yield chunk;
      }
    },
    /** Is where the bytes end. */
    take: async (source: Content): Promise<void> => {
      for await (const chunk of source) add(chunk);
    },
    result: (): Measure => ({ digest: `sha256:${hash.digest("hex")}`, bytes }),
  };
}

const MAGIC_BYTES = 4;

async function peek(
  source: AsyncGenerator<Uint8Array, void>,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array, void> }> {
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await source.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void> {
    yield head;
    yield* source;
  }
  return { head, all: all() };
}

function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

function isZstd(head: Buffer): boolean {
  return head.length >= MAGIC_BYTES && head.readUInt32LE(0) === 0xfd2fb528;
}
