import { createWriteStream } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough, Transform, type Readable, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry, type ZipFile } from "yauzl";
import {
  AmbiguousEntryError,
  ArchiveError,
  BrokenZipError,
  LISTED,
  MemberMissingError,
  NotSupportedYetError,
  SpoolFullError,
  TooManyEntriesError,
  TruncatedZipError,
} from "./errors";
import { LIMITS } from "./limits";
import { openFile, readAhead, slice, type RandomAccess } from "./source";

/** A file in a zip. */
export interface ZipMember {
  /** What messages call it: member and zip. */
  readonly name: string;
  readonly method: "stored" | "deflated";
  /** Offset in the zip of its bytes, behind its local header. */
  readonly start: number;
  /** Bytes it takes in the zip. */
  readonly compressedSize: number;
  /** Bytes it has. */
  readonly size: number;
  readonly crc32: number;
}

/** https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.5 */
const METHODS = new Map([
  [9, "deflate64"],
  [12, "bzip2"],
  [14, "lzma"],
  [93, "zstd"],
  [95, "xz"],
]);

/**
 * Finds the one member of that name by the zip's central directory, and checks that its local header says the same.
 * @throws ArchiveError for anything that a reader of the local headers would see differently, or that is not supported.
 */
export async function findZipMember(zip: RandomAccess, name: string): Promise<ZipMember> {
  return naming(zip, async () => {
    const file = await fromRandomAccessReaderPromise(new SourceReader(zip), zip.size, { autoClose: false });
    try {
      const entry = await findEntry(file, zip, name);
      if (entry.isEncrypted()) throw encrypted(`${name} in ${zip.name}`);
      return await checkLocalHeader(file, zip, entry);
    } finally {
      file.close();
    }
  });
}

/** Stored members are read where they are; a deflated one is inflated into the directory first. */
export async function openZipMember(zip: RandomAccess, member: ZipMember, directory: string): Promise<RandomAccess> {
  if (member.method === "stored") return slice(zip, member.start, member.size, member.name);
  return writeZipMember(zip, member, join(directory, "archive"));
}

export interface WriteOptions {
  /** Hears how many bytes have been written so far, for each piece. @default - nobody */
  readonly onProgress?: (bytes: number) => void;
  /** What to do if there is no room. @default - what a publisher that can read stored members in place needs to know */
  readonly roomRemedy?: string;
}

/** Writes a member into a file, from end to end, and checks what is written by the zip's size and checksum. */
export async function writeZipMember(
  zip: RandomAccess,
  member: ZipMember,
  path: string,
  { onProgress, roomRemedy }: WriteOptions = {},
): Promise<RandomAccess> {
  const directory = dirname(path);
  const { bavail, bsize } = await statfs(directory);
  const full = new SpoolFullError(directory, member.size, bavail * bsize, roomRemedy);
  if (bavail * bsize < member.size) throw full;
  await naming(zip, () =>
    pipeline(
      zip.read(member.start, member.start + member.compressedSize),
      member.method === "stored" ? new PassThrough() : createInflateRaw({ chunkSize: 1 << 18 }),
      new MemberCheck(zip.name, member, onProgress),
      createWriteStream(path, { mode: 0o600 }),
    ),
  ).catch((error: unknown) => {
    // Something else took the room meanwhile.
    throw (error as NodeJS.ErrnoException).code === "ENOSPC" ? full : error;
  });
  return readAhead(await openFile(path, member.name));
}

async function findEntry(file: ZipFile, zip: RandomAccess, name: string): Promise<Entry> {
  const others: string[] = [];
  let found: Entry | undefined;
  let count = 0;
  for await (const entry of file.eachEntry()) {
    if (++count > LIMITS.entries) throw new TooManyEntriesError(zip.name, LIMITS.entries);
    if (entry.fileName !== name) {
      // No more than the message lists: each may have 64 KiB.
      if (others.length < LISTED) others.push(entry.fileName);
    } else if (found) {
      throw new AmbiguousEntryError(zip.name, name);
    } else {
      found = entry;
    }
  }
  if (!found) throw new MemberMissingError(zip.name, name, others, count);
  return found;
}

/** Sizes and checksum stand behind the data instead of in the local header. */
const DATA_DESCRIPTOR = 0x8;
/** The size stands in the zip64 extra field. */
const IN_ZIP64 = 0xffffffff;

async function checkLocalHeader(file: ZipFile, zip: RandomAccess, entry: Entry): Promise<ZipMember> {
  const local = await file.readLocalFileHeaderPromise(entry, {});
  const differs = (what: string, ours: number | string, theirs: number | string): BrokenZipError =>
    new BrokenZipError(
      zip.name,
      `${what} ${theirs} in the local header and ${ours} in the directory for ${entry.fileName}`,
    );
  if (!local.fileName.equals(entry.fileNameRaw)) throw differs("name", entry.fileName, local.fileName.toString());
  if (local.compressionMethod !== entry.compressionMethod) {
    throw differs("compression method", entry.compressionMethod, local.compressionMethod);
  }
  if ((local.generalPurposeBitFlag & DATA_DESCRIPTOR) === 0) {
    if (local.crc32 !== entry.crc32) throw differs("checksum", entry.crc32, local.crc32);
    for (const field of ["compressedSize", "uncompressedSize"] as const) {
      if (local[field] !== IN_ZIP64 && local[field] !== entry[field]) throw differs("size", entry[field], local[field]);
    }
  }
  const member = {
    name: `${entry.fileName} in ${zip.name}`,
    start: local.fileDataStart,
    compressedSize: entry.compressedSize,
    size: entry.uncompressedSize,
    crc32: entry.crc32,
  };
  if (entry.compressionMethod === 0) return { ...member, method: "stored" };
  if (entry.compressionMethod === 8) return { ...member, method: "deflated" };
  const method = METHODS.get(entry.compressionMethod) ?? `method ${entry.compressionMethod}`;
  throw new NotSupportedYetError(
    `${entry.fileName} compressed by ${method} in ${zip.name}`,
    "a stored or deflated member",
    "zip it again with `zip -0` or `zip`",
  );
}

function encrypted(what: string): NotSupportedYetError {
  return new NotSupportedYetError(`an encrypted zip (${what})`, "a zip without a password", "zip it again without one");
}

/** Refuses a member that grows beyond its declared size, at once, or that is not the one the checksum was made of. */
class MemberCheck extends Transform {
  #size = 0;
  #crc = 0;

  constructor(
    readonly zipName: string,
    readonly member: ZipMember,
    readonly onProgress?: (bytes: number) => void,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#size += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    if (this.#size > this.member.size) done(this.#mismatch(`more than ${this.member.size} bytes`));
    else {
      this.onProgress?.(this.#size);
      done(null, chunk);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#size !== this.member.size) done(this.#mismatch(`${this.#size} of ${this.member.size} bytes`));
    else if (this.#crc !== this.member.crc32) done(this.#mismatch("a wrong checksum"));
    else done();
  }

  #mismatch(found: string): BrokenZipError {
    return new BrokenZipError(this.zipName, `${found} when unpacking ${this.member.name.split(" in ")[0] ?? ""}`);
  }
}

class SourceReader extends RandomAccessReader {
  constructor(readonly source: RandomAccess) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return this.source.read(start, end);
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    const end = Math.min(position + length, this.source.size);
    if (position >= end) {
      callback(null, 0);
      return;
    }
    this.source.bytes(position, end).then(
      (bytes) => {
        callback(null, bytes.copy(buffer, offset));
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
  }
}

/** Gives what yauzl and zlib throw a name and says of which zip; what has a name already passes. */
async function naming<T>(zip: RandomAccess, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ArchiveError || !(error instanceof Error)) throw error;
    if (error.message.startsWith("End of central directory record signature not found")) {
      throw new TruncatedZipError(zip.name, zip.size);
    }
    if (error.message === "strong encryption is not supported") throw encrypted(zip.name);
    // This machine's file system, not the zip.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new BrokenZipError(zip.name, error.message, { cause: error });
  }
}
