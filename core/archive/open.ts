import { readDockerArchive } from "./docker-archive";
import { NotAnImageArchiveError, NotAZipError, NotSupportedYetError } from "./errors";
import { describeFormat, detectFormat, FORMAT_BYTES } from "./format";
import type { ImageArchive } from "./image";
import type { RandomAccess } from "./source";
import { TarIndex } from "./tar";
import { findZipMember, openZipMember, writeZipMember, type WriteOptions, type ZipMember } from "./zip";

export interface OpenArchiveOptions {
  /** Member of the zip that is the image archive. */
  readonly archivePath: string;
  /** Directory that takes the archive while it is read, if it cannot be read in place. */
  readonly spoolDirectory: string;
}

/** The images of the archive that a zip holds. Only directories and lists are read; layers are read when they are sent. */
export async function openArchive(object: RandomAccess, options: OpenArchiveOptions): Promise<ImageArchive> {
  const member = await findArchive(object, options.archivePath);
  return readImages(await openZipMember(object, member, options.spoolDirectory));
}

export interface WriteArchiveOptions extends WriteOptions {
  /** Member of the zip that is the image archive. */
  readonly archivePath: string;
  /** Takes the archive; what was there before is replaced. */
  readonly file: string;
}

/** The same images, and the whole archive in a file. */
export async function writeArchive(object: RandomAccess, options: WriteArchiveOptions): Promise<ImageArchive> {
  const member = await findArchive(object, options.archivePath);
  return readImages(await writeZipMember(object, member, options.file, options));
}

async function findArchive(object: RandomAccess, archivePath: string): Promise<ZipMember> {
  await checkZip(object, archivePath);
  return findZipMember(object, archivePath);
}

async function readImages(archive: RandomAccess): Promise<ImageArchive> {
  await checkTar(archive);
  return readDockerArchive(await TarIndex.read(archive));
}

async function checkZip(object: RandomAccess, archivePath: string): Promise<void> {
  const head = await object.bytes(0, Math.min(object.size, FORMAT_BYTES));
  const format = detectFormat(head);
  if (format === "zip") return;
  const found = describeFormat(format, head);
  if (format === "empty" || format === "unknown") throw new NotAZipError(object.name, object.size, found, archivePath);
  throw new NotSupportedYetError(
    `${found} as the object itself (${object.name})`,
    `a zip that holds the image archive at ${archivePath}`,
    "put the output of `docker save` into a zip under that path",
  );
}

async function checkTar(archive: RandomAccess): Promise<void> {
  const head = await archive.bytes(0, Math.min(archive.size, FORMAT_BYTES));
  const format = detectFormat(head);
  if (format === "tar") return;
  const found = describeFormat(format, head);
  if (format === "empty" || format === "unknown" || format === "zip")
    throw new NotAnImageArchiveError(archive.name, found);
  throw new NotSupportedYetError(
    `${found} (${archive.name})`,
    "the plain tar that `docker save` writes",
    "decompress it before zipping it; the zip compresses it anyway",
  );
}
