import { pipeline, Transform, type Readable, type TransformCallback } from "node:stream";
import { types } from "node:util";
import { constants, crc32, inflateRawSync } from "node:zlib";
import {
  fromRandomAccessReaderPromise,
  parseExtraFields,
  RandomAccessReader,
  type Entry,
  type LocalFileHeader,
  type ZipFile,
} from "yauzl";
import {
  AmbiguousEntryError,
  ArchiveError,
  BrokenZipError,
  CompressionRatioError,
  LISTED,
  MemberMissingError,
  NotSupportedYetError,
  TooManyEntriesError,
  TooMuchDataError,
  TruncatedZipError,
  UnclearMemberError,
} from "./errors";
import { detectFormat, FORMAT_BYTES, type Format } from "./format";
import { Inflate } from "./inflate";
import { LIMITS, RATIO_FLOOR, type ArchiveLimits } from "./limits";
import { slice, type RandomAccess } from "./source";

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

/** Members whose content is looked at to find the image archive: each costs a request. */
const LOOKED_AT = 100;
const ARCHIVES: ReadonlySet<Format> = new Set(["tar", "gzip", "zstd"]);

/**
 * Finds the one member of that name by the zip's central directory, and checks that its local header says the same.
 * @param name @default - the only member that is no directory, else the only one that is a tar, gzip or zstd by its content
 * @throws ArchiveError for anything that a reader of the local headers would see differently, or that is not supported.
 */
export async function findZipMember(
  zip: RandomAccess,
  name?: string,
  limits: ArchiveLimits = LIMITS,
): Promise<ZipMember> {
  return naming(zip, async () => {
    const file = await fromRandomAccessReaderPromise(new SourceReader(zip), zip.size, { autoClose: false });
    try {
      const member =
        name === undefined
          ? await findOnly(file, zip, limits)
          : await openEntry(file, zip, await findEntry(file, zip, name, limits));
      checkGrowth(member, limits);
      return member;
    } finally {
      file.close();
    }
  });
}

/** The first bytes of a member, enough to tell its format. */
export async function readZipMemberHead(zip: RandomAccess, member: ZipMember): Promise<Buffer> {
  return naming(zip, async () => {
    const stored = await zip.bytes(member.start, member.start + Math.min(member.compressedSize, 8 * FORMAT_BYTES));
    const head = member.method === "stored" ? stored : inflateHead(stored);
    return head.subarray(0, FORMAT_BYTES);
  });
}

function inflateHead(compressed: Buffer): Buffer {
  // Not its end, which lies elsewhere.
  return inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH });
}

/** A member that can be read where it is. */
export function sliceZipMember(zip: RandomAccess, member: ZipMember): RandomAccess {
  return slice(zip, member.start, member.size, member.name);
}

/**
 * Streams a member from end to end, and checks it by the zip's size and checksum on the way.
 * Whoever reads the result learns of every failure by it.
 */
export function readZipMember(zip: RandomAccess, member: ZipMember): Readable {
  const check = new MemberCheck(zip.name, member);
  const stored = zip.read(member.start, member.start + member.compressedSize);
  if (member.method === "stored") {
    pipeline(stored, check, () => undefined);
  } else {
    const inflate = new Inflate("deflate", (damage, cause) =>
      damage === "followed by something else"
        ? check.mismatch("something behind the end")
        : new BrokenZipError(zip.name, cause.message, { cause }),
    );
    pipeline(stored, inflate, check, () => undefined);
  }
  return check;
}

function checkGrowth({ name, size, compressedSize }: ZipMember, limits: ArchiveLimits): void {
  if (size > limits.archive) throw new TooMuchDataError(name, limits.archive, `${size} bytes`);
  if (size > RATIO_FLOOR && size > limits.ratio * compressedSize) {
    throw new CompressionRatioError(name, size, compressedSize, limits.ratio);
  }
}

async function findEntry(file: ZipFile, zip: RandomAccess, name: string, limits: ArchiveLimits): Promise<Entry> {
  const others: string[] = [];
  let found: Entry | undefined;
  let count = 0;
  for await (const entry of file.eachEntry()) {
    if (++count > limits.entries) throw new TooManyEntriesError(zip.name, limits.entries);
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

async function findOnly(file: ZipFile, zip: RandomAccess, limits: ArchiveLimits): Promise<ZipMember> {
  const files: Entry[] = [];
  let count = 0;
  let entries = 0;
  for await (const entry of file.eachEntry()) {
    if (++entries > limits.entries) throw new TooManyEntriesError(zip.name, limits.entries);
    if (entry.fileName.endsWith("/")) continue;
    count++;
    if (files.length < LOOKED_AT) files.push(entry);
  }
  const names = files.map(({ fileName }) => fileName);
  const [only] = files;
  if (only && count === 1) return openEntry(file, zip, only);
  if (count > LOOKED_AT) throw new UnclearMemberError(zip.name, "several", names, count);
  const found: ZipMember[] = [];
  for (const entry of files) {
    const member = entry.isEncrypted() || !isReadable(entry) ? undefined : await openEntry(file, zip, entry);
    if (member && ARCHIVES.has(detectFormat(await readZipMemberHead(zip, member)))) found.push(member);
  }
  const [archive] = found;
  if (archive && found.length === 1) return archive;
  if (!archive) throw new UnclearMemberError(zip.name, "no", names);
  throw new UnclearMemberError(
    zip.name,
    "several",
    found.map(({ name }) => memberOf(zip.name, name)),
  );
}

function isReadable({ compressionMethod }: Entry): boolean {
  return compressionMethod === 0 || compressionMethod === 8;
}

async function openEntry(file: ZipFile, zip: RandomAccess, entry: Entry): Promise<ZipMember> {
  if (entry.isEncrypted()) throw encrypted(`${entry.fileName} in ${zip.name}`);
  return checkLocalHeader(file, zip, entry);
}

function memberOf(zipName: string, name: string): string {
  return name.slice(0, -` in ${zipName}`.length);
}

const ENCRYPTED = 0x1;
/** Sizes and checksum stand behind the data instead of in the local header. */
const DATA_DESCRIPTOR = 0x8;
/** The size stands in the zip64 extra field. */
const IN_ZIP64 = 0xffffffff;
const ZIP64 = 0x0001;

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
  // The other flags differ where writers mean the same, such as that of UTF-8 for a name in ASCII.
  const flags = (header: Entry | LocalFileHeader): number =>
    header.generalPurposeBitFlag & (ENCRYPTED | DATA_DESCRIPTOR);
  if (flags(local) !== flags(entry)) throw differs("flags", flags(entry), flags(local));
  // Whoever streams a zip knows none of them yet, and writes zeros there, 0xffffffff, or what the file had.
  if ((local.generalPurposeBitFlag & DATA_DESCRIPTOR) === 0) {
    if (local.crc32 !== entry.crc32) throw differs("checksum", entry.crc32, local.crc32);
    const sizes = localSizes(zip.name, entry.fileName, local);
    for (const field of ["compressedSize", "uncompressedSize"] as const) {
      if (sizes[field] !== entry[field]) throw differs("size", entry[field], sizes[field]);
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

/** https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.5.3 */
function localSizes(
  zipName: string,
  fileName: string,
  { uncompressedSize, compressedSize, extraField }: LocalFileHeader,
): Readonly<Record<"uncompressedSize" | "compressedSize", number>> {
  if (uncompressedSize !== IN_ZIP64 && compressedSize !== IN_ZIP64) return { uncompressedSize, compressedSize };
  const fields = parseExtraFields(extraField).filter(({ id }) => id === ZIP64);
  const [field] = fields;
  if (!field || fields.length > 1) {
    throw new BrokenZipError(zipName, `${fields.length} zip64 fields in the local header for ${fileName}`);
  }
  let at = 0;
  // In this order, and only those that the header has no room for.
  const read = (size: number): number => {
    if (size !== IN_ZIP64) return size;
    if (at + 8 > field.data.length) {
      throw new BrokenZipError(zipName, `a zip64 field without a size in the local header for ${fileName}`);
    }
    at += 8;
    return Number(field.data.readBigUInt64LE(at - 8));
  };
  return { uncompressedSize: read(uncompressedSize), compressedSize: read(compressedSize) };
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
  ) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 18 });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#size += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    if (this.#size > this.member.size) done(this.mismatch(`more than ${this.member.size} bytes`));
    else done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    if (this.#size !== this.member.size) done(this.mismatch(`${this.#size} of ${this.member.size} bytes`));
    else if (this.#crc !== this.member.crc32) done(this.mismatch("a wrong checksum"));
    else done();
  }

  mismatch(found: string): BrokenZipError {
    return new BrokenZipError(this.zipName, `${found} when unpacking ${memberOf(this.zipName, this.member.name)}`);
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

async function naming<T>(zip: RandomAccess, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw named(zip, error);
  }
}

/** Gives what yauzl and zlib throw a name and says of which zip; what has a name already passes. */
function named(zip: RandomAccess, error: unknown): unknown {
  if (error instanceof ArchiveError || !types.isNativeError(error)) return error;
  if (error.message.startsWith("End of central directory record signature not found")) {
    return new TruncatedZipError(zip.name, zip.size);
  }
  if (error.message === "strong encryption is not supported") return encrypted(zip.name);
  // This machine's file system, not the zip.
  if ((error as NodeJS.ErrnoException).syscall !== undefined) return error;
  return new BrokenZipError(zip.name, error.message, { cause: error });
}
