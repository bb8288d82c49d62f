import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import type { Digest } from "../digest";
import { TooMuchDataError } from "./errors";
import { FORMAT_BYTES } from "./format";
import { LIMITS, type ArchiveLimits } from "./limits";
import { Room } from "./room";
import { collect, openFile, streamOf, type RandomAccess } from "./source";
import { TarIndex } from "./tar";
import type { TarEntry } from "./tar-headers";
import { TarScan } from "./tar-scan";

export interface SpoolOptions {
  /** What messages call the tar. */
  readonly name: string;
  /** Streams the tar from its beginning, each time anew. */
  readonly stream: () => Readable;
  /** Takes the tar's files at their own offsets; what was there before is replaced. */
  readonly file: string;
  readonly limits: ArchiveLimits;
  /** Bytes of the tar. @default - it is not known before it has gone by */
  readonly size?: number;
  /** Whether the caller needs no blob of that digest: such ones are passed by. @default - all are needed */
  readonly isKnown?: (digest: Digest) => boolean;
  /** Hears the names of files that were passed by and are needed after all, before the tar is read once more. @default - nobody */
  readonly onSecondPass?: (names: readonly string[]) => void;
  /** Hears how many bytes have gone by so far, for each piece. @default - nobody */
  readonly onProgress?: (bytes: number) => void;
  /** What to do if there is no room. @default - what a publisher that can read stored members in place needs to know */
  readonly roomRemedy?: string;
}

/** Files up to this size are always written: to read the tar again for them would cost more. */
const SMALL = 1 << 20;

/** A file of the tar that was passed by. */
interface Hole {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes a tar that cannot be read in place into a sparse file in one pass, and indexes it meanwhile. Files that are not needed stay
 * holes, but for their first bytes, which tell their format; a hole that is read nevertheless is filled by another pass.
 * @throws ArchiveError for a tar that is none, or SpoolFullError
 */
export async function spoolTar(options: SpoolOptions): Promise<TarIndex> {
  const { name, limits, size, isKnown } = options;
  const room = new Room(dirname(options.file), options.roomRemedy);
  if (size !== undefined && isKnown === undefined) room.check(size);
  const holes: Hole[] = [];
  const scan = new TarScan(name, limits, (entryName, entry) => {
    if (entry.size <= SMALL) return;
    if (isKnown && isPassedBy(entryName, isKnown)) holes.push(holeOf(entryName, entry));
    else if (size === undefined || isKnown) room.check(entry.size);
  });
  const length = await room.explain(async () => {
    const file = await open(options.file, "w", 0o600);
    try {
      return await writePass(file, scan, holes, options);
    } finally {
      await file.close();
    }
  });
  const entries = scan.end();
  return new TarIndex(new Spooled(options, length, holes, room), entries, limits);
}

/** @returns bytes of the tar. */
async function writePass(
  file: FileHandle,
  scan: TarScan,
  holes: readonly Hole[],
  options: SpoolOptions,
): Promise<number> {
  const writer = new Writer(file);
  let position = 0;
  let hole = 0;
  for await (const chunk of options.stream() as AsyncIterable<Buffer>) {
    if (position + chunk.length > options.limits.archive)
      throw new TooMuchDataError(options.name, options.limits.archive);
    scan.push(chunk);
    const end = position + chunk.length;
    for (let at = position; at < end;) {
      while ((holes[hole]?.end ?? Infinity) <= at) hole++;
      const { start, end: after } = holes[hole] ?? { start: Infinity, end: Infinity };
      if (at < start) await writer.write(chunk.subarray(at - position, start - position), at);
      at = at < start ? Math.min(start, end) : after;
    }
    position = end;
    options.onProgress?.(position);
  }
  await writer.end();
  // The last bytes may be a hole.
  await file.truncate(position);
  return position;
}

/** One write is under way while the next bytes are decompressed. */
class Writer {
  #writing: Promise<unknown> = Promise.resolve();

  constructor(readonly file: FileHandle) {}

  async write(bytes: Buffer, position: number): Promise<void> {
    await this.#writing;
    this.#writing = this.#all(bytes, position);
    // Whoever waits for it next learns of it.
    this.#writing.catch(() => undefined);
  }

  async end(): Promise<void> {
    await this.#writing;
  }

  async #all(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await this.file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  }
}

/** Names that claim a digest: those of OCI layouts, of docker, and of its other writers. */
const CLAIM = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})(?:\.tar|\/layer\.tar))$/;

function isPassedBy(name: string, isKnown: (digest: Digest) => boolean): boolean {
  const [, blob, layer] = CLAIM.exec(name) ?? [];
  const hex = blob ?? layer;
  return hex !== undefined && isKnown(`sha256:${hex}`);
}

function holeOf(name: string, { start, size }: TarEntry): Hole {
  return { name, start: start + FORMAT_BYTES, end: start + size };
}

/** The file, and what it takes to fill its holes. */
class Spooled implements RandomAccess {
  readonly name: string;
  #holes: readonly Hole[];
  /** Holes that the next pass is to fill. */
  #wanted = new Set<Hole>();
  #pass: Promise<void> | undefined;

  constructor(
    readonly options: SpoolOptions,
    readonly size: number,
    holes: readonly Hole[],
    readonly room: Room,
  ) {
    this.name = options.name;
    this.#holes = holes;
  }

  read(start: number, end: number): Readable {
    return streamOf((signal) => this.#chunks(start, end, signal));
  }

  bytes(start: number, end: number): Promise<Buffer> {
    return collect(this.read(start, end), end - start, this.name);
  }

  async *#chunks(start: number, end: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    await this.#fill(start, end);
    signal.throwIfAborted();
    yield* (await openFile(this.options.file, this.name)).read(start, end) as AsyncIterable<Buffer>;
  }

  /** Whoever asks while a pass runs is served by the next one, together with all who ask meanwhile. */
  async #fill(start: number, end: number): Promise<void> {
    const open = (): Hole[] => this.#holes.filter((hole) => hole.start < end && start < hole.end);
    while (open().length > 0) {
      for (const hole of open()) this.#wanted.add(hole);
      this.#pass ??= this.#nextPass().finally(() => {
        this.#pass = undefined;
      });
      await this.#pass;
    }
  }

  async #nextPass(): Promise<void> {
    // For those who ask in the same turn.
    await new Promise(setImmediate);
    const filled = this.#wanted;
    this.#wanted = new Set();
    const wanted = this.#holes.filter((hole) => filled.has(hole));
    this.options.onSecondPass?.(wanted.map(({ name }) => name));
    await this.room.explain(async () => {
      const file = await open(this.options.file, "r+");
      try {
        await fillHoles(file, this.options.stream(), wanted);
      } finally {
        await file.close();
      }
    });
    this.#holes = this.#holes.filter((hole) => !filled.has(hole));
  }
}

/** @param holes in the order of their offsets. */
async function fillHoles(file: FileHandle, stream: Readable, holes: readonly Hole[]): Promise<void> {
  const writer = new Writer(file);
  const last = holes.at(-1)?.end ?? 0;
  let position = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const { start, end } of holes) {
      const from = Math.max(start, position);
      const to = Math.min(end, position + chunk.length);
      if (from < to) await writer.write(chunk.subarray(from - position, to - position), from);
    }
    position += chunk.length;
    if (position >= last) break;
  }
  await writer.end();
}

/**
 * Writes a stream into a file as it is: what cannot be read twice, such as standard input, becomes a source like any other.
 * @param file what was there before is replaced.
 * @param onProgress hears how many bytes have come so far, for each piece
 * @throws SpoolFullError, or TooMuchDataError beyond `maximum` bytes
 */
export async function openStream(
  stream: Readable,
  name: string,
  file: string,
  maximum = LIMITS.archive,
  onProgress?: (bytes: number) => void,
): Promise<RandomAccess> {
  const room = new Room(dirname(file), "or name a file instead of a stream");
  await room.explain(async () => {
    const handle = await open(file, "w", 0o600);
    try {
      const writer = new Writer(handle);
      let position = 0;
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (position + chunk.length > maximum) throw new TooMuchDataError(name, maximum, `more than ${maximum} bytes`);
        await writer.write(chunk, position);
        position += chunk.length;
        onProgress?.(position);
      }
      await writer.end();
    } finally {
      await handle.close();
    }
  });
  return openFile(file, name);
}
