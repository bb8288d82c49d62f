import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { CHUNK } from "./chunks";
import { ShortReadError } from "./errors";

/** Bytes that can be read from anywhere: an S3 object, a file, a part of either. */
export interface RandomAccess {
  /** What messages call it, such as `s3://bucket/key`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Streams the bytes from `start` up to, not including, `end`; fails if they do not all come. */
  read(start: number, end: number): Readable;
  /** The same bytes at once: for small ranges. */
  bytes(start: number, end: number): Promise<Buffer>;
}

/** The part of a source from `start` up to, not including, `start + size`, as a source of its own. */
export function slice(source: RandomAccess, start: number, size: number, name: string): RandomAccess {
  return {
    name,
    size,
    read: (from, to) => source.read(start + from, start + to),
    bytes: (from, to) => source.bytes(start + from, start + to),
  };
}

/**
 * A stream of what a generator yields. Destroying it stops the generator at once, whatever it waits for, by the signal.
 */
export function streamOf(make: (signal: AbortSignal) => AsyncGenerator<Buffer, void, undefined>): Readable {
  const stop = new AbortController();
  const chunks = make(stop.signal);
  const stream = new Readable({
    highWaterMark: 1 << 20,
    read: () => {
      chunks.next().then(
        ({ done, value }) => stream.push(done ? null : value),
        (error: unknown) => stream.destroy(error as Error),
      );
    },
    destroy: (error, done) => {
      stop.abort();
      chunks.return().catch(() => undefined);
      done(error);
    },
  });
  return stream;
}

/** What `bytes` needs of a stream: all of it, and not one byte more or less. */
export async function collect(stream: Readable, size: number, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.length !== size) throw new ShortReadError(name, bytes.length, size);
  return bytes;
}

/** A file. It is opened anew by each read, so there is nothing to close. */
export async function openFile(path: string, name = path): Promise<RandomAccess> {
  const { size } = await stat(path);
  const read = (start: number, end: number): Readable =>
    start >= end ? Readable.from([]) : streamOf((signal) => readFrom(path, start, end, name, signal));
  const bytes = (start: number, end: number): Promise<Buffer> =>
    new Promise((resolve) => {
      resolve(readAt(path, start, end - start, name));
    });
  return { name, size, read, bytes };
}

async function* readFrom(path: string, start: number, end: number, name: string, signal: AbortSignal) {
  let position = start;
  const file = createReadStream(path, { start, end: end - 1, highWaterMark: CHUNK, signal });
  for await (const chunk of file as AsyncIterable<Buffer>) {
    position += chunk.length;
    yield chunk;
  }
  if (position < end) throw new ShortReadError(name, position - start, end - start);
}

/** At once: for ranges this small, a turn of the event loop takes longer than the disk. */
function readAt(path: string, start: number, size: number, name: string): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(size);
    const read = readSync(file, bytes, 0, size, start);
    if (read !== size) throw new ShortReadError(name, read, size);
    return bytes;
  } finally {
    closeSync(file);
  }
}

interface Window {
  readonly start: number;
  readonly data: Buffer;
}

/** Windows kept, 2 MiB in all: the zip's end and directory, and a header and its layer's first bytes for many layers. */
const WINDOWS = 32;
const WINDOW_SIZE = 64 * 1024;

/**
 * Answers many small reads that lie close together, as those of headers do, by one larger read.
 * @param known a part of the source that has been read already.
 */
export function readAhead(source: RandomAccess, known?: Window): RandomAccess {
  let windows: readonly Window[] = known ? [known] : [];
  const bytes = async (start: number, end: number): Promise<Buffer> => {
    let window = windows.find(({ start: first, data }) => first <= start && end <= first + data.length);
    if (!window) {
      if (end - start > WINDOW_SIZE) return source.bytes(start, end);
      window = { start, data: await source.bytes(start, Math.min(source.size, start + WINDOW_SIZE)) };
      windows = [window, ...windows].slice(0, WINDOWS);
    }
    return window.data.subarray(start - window.start, end - window.start);
  };
  return { name: source.name, size: source.size, read: (start, end) => source.read(start, end), bytes };
}
