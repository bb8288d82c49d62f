import type { Readable } from "node:stream";
import type { Digest } from "../digest";
import { decompress } from "./decompress";
import { NotAnImageArchiveError, NotSupportedYetError, TooMuchDataError } from "./errors";
import { describeFormat, detectFormat, FORMAT_BYTES } from "./format";
import type { ImageArchive } from "./image";
import { readImages } from "./images";
import { LIMITS, type ArchiveLimits } from "./limits";
import { readAhead, type RandomAccess } from "./source";
import { spoolTar, type SpoolOptions } from "./spool";
import { TarIndex } from "./tar";
import { findZipMember, readZipMember, readZipMemberHead, sliceZipMember } from "./zip";

interface FindOptions {
  /**
   * Member of the zip that is the image archive. Without meaning for what is no zip.
   * @default - the only member, else the only one that looks like an archive
   */
  readonly archivePath?: string;
  /** @default LIMITS */
  readonly limits?: Partial<ArchiveLimits>;
}

export interface OpenArchiveOptions
  extends FindOptions, Pick<SpoolOptions, "onProgress" | "onSecondPass" | "roomRemedy"> {
  /** Blobs that need not be read; asked for only where the archive has to be decompressed. @default - all are needed */
  readonly findKnown?: () => Promise<{ has(digest: Digest): boolean }>;
  /** Where a file of that name may be written: asked for only if the archive cannot be read in place. */
  readonly spoolFile: (name: string) => string;
}

/**
 * The images of an archive, whatever its form: a zip that holds it, or the archive itself; a tar, or one compressed by gzip or zstd.
 * What is stored uncompressed is read in place: only directories and lists, and layers when they are sent. What is compressed is
 * decompressed once into a file, without the blobs that are known.
 * @throws ArchiveError, of a class for each cause.
 */
export async function openArchive(object: RandomAccess, options: OpenArchiveOptions): Promise<ImageArchive> {
  const limits = { ...LIMITS, ...options.limits };
  const { name, inPlace, stream, size } = await findTar(object, options.archivePath, limits);
  if (inPlace) return readImages(await TarIndex.read(readAhead(inPlace), limits));
  const { onProgress, onSecondPass, roomRemedy, spoolFile } = options;
  const known = await options.findKnown?.();
  const isKnown = known && ((digest: Digest) => known.has(digest));
  const file = spoolFile("archive");
  return readImages(
    await spoolTar({ name, stream, size, limits, isKnown, onProgress, onSecondPass, roomRemedy, file }),
  );
}

export interface WriteArchiveOptions extends FindOptions, Pick<SpoolOptions, "onProgress" | "roomRemedy"> {
  /** Takes the archive as a plain tar; what was there before is replaced. */
  readonly file: string;
}

/** The same images, and the whole archive in a file, decompressed. */
export async function writeArchive(object: RandomAccess, options: WriteArchiveOptions): Promise<ImageArchive> {
  const limits = { ...LIMITS, ...options.limits };
  const { name, stream, size } = await findTar(object, options.archivePath, limits);
  const { file, onProgress, roomRemedy } = options;
  return readImages(await spoolTar({ name, stream, size, limits, file, onProgress, roomRemedy }));
}

/** Where the tar's bytes are. */
interface FoundTar {
  readonly name: string;
  /** @default - it is compressed */
  readonly inPlace?: RandomAccess;
  /** From its beginning, each time anew. */
  readonly stream: () => Readable;
  /** @default - only its end will tell */
  readonly size?: number;
}

async function findTar(
  object: RandomAccess,
  archivePath: string | undefined,
  limits: ArchiveLimits,
): Promise<FoundTar> {
  const head = await object.bytes(0, Math.min(object.size, FORMAT_BYTES));
  if (detectFormat(head) !== "zip") {
    const { name, size } = object;
    return unwrap({ name, size, head, inPlace: object, stream: () => object.read(0, size) }, limits);
  }
  const member = await findZipMember(object, archivePath, limits);
  const isStored = member.method === "stored";
  return unwrap(
    {
      name: member.name,
      size: member.size,
      head: await readZipMemberHead(object, member),
      ...(isStored && { inPlace: sliceZipMember(object, member) }),
      stream: () => readZipMember(object, member),
    },
    limits,
  );
}

function unwrap({ head, ...found }: FoundTar & { readonly head: Buffer }, limits: ArchiveLimits): FoundTar {
  const { name, size = 0, stream } = found;
  const format = detectFormat(head);
  switch (format) {
    case "tar":
      // Nothing is decompressed, and so nothing else counts it.
      if (size > limits.archive) throw new TooMuchDataError(name, limits.archive, `${size} bytes`);
      return found;
    case "gzip":
    case "zstd": {
      const options = { name, maximum: limits.archive, ratio: limits.ratio };
      return { name, stream: () => decompress(stream(), format, options) };
    }
    case "bzip2":
    case "xz":
      throw new NotSupportedYetError(
        `${describeFormat(format, head)} (${name})`,
        "a tar, or a tar compressed by gzip or zstd",
        "decompress it, or compress it by gzip or zstd",
      );
    default:
      throw new NotAnImageArchiveError(name, describeFormat(format, head));
  }
}
