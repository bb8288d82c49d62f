import { Zip, ZipDeflate } from "fflate";

/** A file of the archive. */
export interface ZipEntry {
  /** Path in the archive, with forward slashes. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Unix permission bits; absent leaves them out of the archive, so that an extractor takes its own default. */
  readonly mode?: number;
}

const UNIX = 3;
const REGULAR_FILE = 0o100000;
const OWNER_MAY_WRITE = 0o200;
const DOS_READ_ONLY = 1;

/**
 * The time that hashicorp/archive gives every file on disk: its zero time, as it comes out of the two-byte DOS date. Local time,
 * because DOS dates are.
 */
const FILE_TIME = new Date(2049, 0, 1);
/** Entries made of inline content have no time there (an all-zero DOS date); the earliest valid date stands for it. */
const CONTENT_TIME = new Date(1980, 0, 1);

/**
 * A zip of the entries in the given order. The same entries give the same bytes on every machine and Node version: the
 * compressor is plain JavaScript, where Node's own zlib differs by processor.
 */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const chunks: Uint8Array[] = [];
  const archive = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  for (const { name, content, mode } of entries) {
    const file = new ZipDeflate(name);
    file.mtime = mode === undefined ? CONTENT_TIME : FILE_TIME;
    if (mode !== undefined) {
      file.os = UNIX;
      file.attrs = (((REGULAR_FILE | mode) << 16) | (mode & OWNER_MAY_WRITE ? 0 : DOS_READ_ONLY)) >>> 0;
    }
    archive.add(file);
    file.push(content, true);
  }
  archive.end();
  return Buffer.concat(chunks);
}
