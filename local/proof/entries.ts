import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { openPromise } from "yauzl";
import { decompressed, type Content } from "./content";
import { ArchiveMemberMissingError, NotAnImageArchiveError, ProofError } from "./errors";

/** Where an archive lies: a tar, or a zip that holds one; the tar as it is, or compressed by gzip or zstd as a whole. */
export interface ArchiveFile {
  readonly archive: string;
  /** The tar's name within the zip. @default - `archive` is the tar itself, or a zip with one file */
  readonly member?: string;
}

export interface ArchiveEntry {
  /** Without `./` or `/` at its beginning. */
  readonly name: string;
  readonly content: Content;
  /** In bytes. */
  readonly size: number;
  /** Name of the entry that this one is a link to. */
  readonly link: string | undefined;
}

/** Reads an archive from its beginning to its end. Visits files and links, not directories. */
export async function eachEntry(file: ArchiveFile, visit: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const { stream, close } = await openArchive(file);
  try {
    const { plain } = await decompressed(stream, file.archive);
    const bytes = Readable.from(plain);
    const tar = extract();
    bytes.on("error", (error) => {
      tar.destroy(error);
    });
    bytes.pipe(tar);
    for await (const entry of tar) {
      const { header } = entry;
      const name = normalize(header.name);
      if (header.type !== "directory") {
        await visit({ name, content: entry as Content, size: header.size, link: linkTarget(name, header) });
      }
      entry.resume();
    }
  } catch (error) {
    throw error instanceof ProofError ? error : unreadable(file, error);
  } finally {
    stream.destroy();
    close();
  }
}

const ZIP_MAGIC = 0x04034b50;

async function openArchive(file: ArchiveFile): Promise<{ stream: Readable; close: () => void }> {
  const { archive, member } = file;
  if (member === undefined && !(await isZip(archive))) {
    return { stream: createReadStream(archive), close: () => undefined };
  }
  const zip = await openPromise(archive, { autoClose: false }).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const close = (): void => {
    zip.close();
  };
  const entries = [];
  for await (const entry of zip.eachEntry()) entries.push(entry);
  const files = entries.filter(({ fileName }) => !fileName.endsWith("/"));
  const found = member === undefined ? onlyOne(files) : files.find(({ fileName }) => fileName === member);
  if (found) return { stream: await zip.openReadStreamPromise(found), close };
  close();
  throw new ArchiveMemberMissingError(
    archive,
    member,
    files.map(({ fileName }) => fileName),
  );
}

function onlyOne<T>(all: readonly T[]): T | undefined {
  return all.length === 1 ? all[0] : undefined;
}

async function isZip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32LE(0) === ZIP_MAGIC;
  } finally {
    await file.close();
  }
}

export function normalize(name: string): string {
  return posix.normalize(name).replace(/^\.?\//, "");
}

function linkTarget(name: string, { type, linkname }: Header): string | undefined {
  if (type === "symlink") return normalize(posix.join(posix.dirname(name), linkname));
  return type === "link" ? normalize(linkname) : undefined;
}

function unreadable({ archive }: ArchiveFile, cause: unknown): NotAnImageArchiveError {
  return new NotAnImageArchiveError(archive, cause instanceof Error ? cause.message : String(cause), { cause });
}
