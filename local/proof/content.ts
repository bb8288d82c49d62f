import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DamagedContentError, InvalidJsonError } from "./errors";
import { unzstd } from "./zstd";

export type Content = AsyncIterable<Uint8Array>;

export type Compression = "none" | "gzip" | "zstd";

interface Measure {
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly bytes: number;
}

export interface Measured {
  /** As the bytes are. */
  readonly raw: Measure;
  /** As they are without their compression. */
  readonly content: Measure;
  /** By their first bytes, whatever they are called. */
  readonly compression: Compression;
}

/** Hashes bytes as they are and as they are without their compression, in one pass. */
export async function measure(source: Content, what: string): Promise<Measured> {
  const raw = meter();
  const content = meter();
  const { compression, plain } = await decompressed(raw.through(source), what);
  for await (const chunk of plain) content.add(chunk);
  return { raw: raw.result(), content: content.result(), compression };
}

/**
 * Takes off gzip (of one or several members) or zstd (of one or several frames), by what the first bytes say.
 * @throws DamagedContentError while it is read
 */
export async function decompressed(
  source: Content,
  what: string,
): Promise<{ readonly compression: Compression; readonly plain: Content }> {
  const { head, all } = await peek(source);
  const compression = compressionOf(head);
  return { compression, plain: compression === "none" ? all : decoders[compression](all, what) };
}

export async function collect(source: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** @throws InvalidJsonError */
export function parseJson(what: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new InvalidJsonError(what, error);
  }
}

function meter() {
  const hash = createHash("sha256");
  let bytes = 0;
  const add = (chunk: Uint8Array): void => {
    hash.update(chunk);
    bytes += chunk.length;
  };
  return {
    add,
    async *through(source: Content): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of source) {
        add(chunk);
        yield chunk;
      }
    },
    result: (): Measure => ({ digest: `sha256:${hash.digest("hex")}`, bytes }),
  };
}

const MAGIC_BYTES = 4;

async function peek(source: Content): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array, void> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head, all: all() };
}

const decoders = { gzip: gunzip, zstd: unzstd };

async function* gunzip(source: Content, what: string): AsyncGenerator<Uint8Array, void> {
  const decoder = createGunzip();
  const fed = pipeline(source, decoder);
  fed.catch(() => undefined);
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
    await fed;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code?.startsWith("Z_") ? new DamagedContentError(what, "gzip", message, { cause: error }) : error;
  }
}

function compressionOf(head: Buffer): Compression {
  if (head.length < MAGIC_BYTES) return "none";
  if (head.readUInt16BE(0) === 0x1f8b) return "gzip";
  return head.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : "none";
}
