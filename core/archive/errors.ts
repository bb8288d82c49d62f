import { certificateRemedy } from "../certificates";

/** An archive cannot be read or is not what was promised. The message says what was found, what was expected, what to do. */
export abstract class ArchiveError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A form of archive that exists in the wild and that the publisher does not read. */
export class NotSupportedYetError extends ArchiveError {
  constructor(found: string, expected: string, remedy: string) {
    super(`not supported yet: found ${found}, expected ${expected}; ${remedy}`);
  }
}

export class ShortReadError extends ArchiveError {
  constructor(name: string, found: number, expected: number) {
    super(`reading ${name} gave ${found} bytes, expected ${expected}; try again, and look at what changes it`);
  }
}

export class TruncatedZipError extends ArchiveError {
  constructor(name: string, size: number) {
    super(
      `${name} is truncated: found the start of a zip but not its end in ${size} bytes, expected the whole zip; ` +
        "compare the size with the original and upload it again",
    );
  }
}

export class BrokenZipError extends ArchiveError {
  constructor(name: string, problem: string, options?: ErrorOptions) {
    super(
      `${name} is a damaged zip: found ${problem}, expected a zip that \`unzip -t\` accepts; zip and upload it again`,
      options,
    );
  }
}

export class MemberMissingError extends ArchiveError {
  /** @param found the first members, at least as many as a message lists, of `count` */
  constructor(name: string, member: string, found: readonly string[], count = found.length) {
    super(
      `${name} has no image archive at ${member}: found ${list(found, "no members", count)}, expected a member named exactly ${member}; ` +
        "zip the archive under that path, or set the service's archive path to where it is",
    );
  }
}

/** No archive path was set, and the zip's content does not say which member is meant. */
export class UnclearMemberError extends ArchiveError {
  /** @param found the first members, at least as many as a message lists, of `count` */
  constructor(name: string, which: "no" | "several", found: readonly string[], count = found.length) {
    super(
      `${name} has ${which === "no" ? "no image archive" : "several image archives"}: found ${list(found, "no members", count)}, ` +
        "expected one member that is a tar, or a tar compressed by gzip or zstd; " +
        (which === "no" ? "zip the output of `docker save`" : "name the member that is meant by its path"),
    );
  }
}

export class TooManyEntriesError extends ArchiveError {
  constructor(name: string, limit: number) {
    super(
      `${name} has too many entries: found more than ${limit}, expected at most ${limit}; save one image per archive`,
    );
  }
}

export class NamesTooLongError extends ArchiveError {
  constructor(name: string, limit: number) {
    super(
      `${name} has too long names: found more than ${limit} characters, expected at most ${limit} in all; ` +
        "save the image again with `docker save`",
    );
  }
}

export class MemberTooLargeError extends ArchiveError {
  constructor(name: string, found: number, limit: number) {
    super(
      `${name} is too large: found ${found} bytes, expected at most ${limit}; save the image again with \`docker save\``,
    );
  }
}

export class TooMuchJsonError extends ArchiveError {
  constructor(name: string, limit: number) {
    super(
      `${name} has too many or too large manifests: found more than ${limit} bytes of them, expected at most ${limit}; ` +
        "save fewer images in one archive",
    );
  }
}

export class TooManyImagesError extends ArchiveError {
  constructor(name: string, limit: number) {
    super(
      `${name} has too many images: found more than ${limit}, expected at most ${limit}; save fewer images in one archive`,
    );
  }
}

/** An archive, or a layer of it, that is larger than one wants to see. */
export class TooMuchDataError extends ArchiveError {
  /** @param found @default - what is decompressed, whose end is not known */
  constructor(name: string, limit: number, found = `more than ${limit} bytes when decompressing it`) {
    super(
      `${name} is too large: found ${found}, expected at most ${limit}; ` +
        "look at what was saved, and raise the limit if all of it is meant",
    );
  }
}

/** Decompressed data is so much larger than its compressed form that it is a bomb rather than an image. */
export class CompressionRatioError extends ArchiveError {
  constructor(name: string, found: number, compressed: number, limit: number) {
    super(
      `${name} is suspiciously small: found ${found} bytes in ${compressed} compressed ones, expected at most ${limit} times as many; ` +
        "look at what was saved, and upload it uncompressed if all of it is meant",
    );
  }
}

export class TruncatedCompressionError extends ArchiveError {
  constructor(name: string, format: string, options?: ErrorOptions) {
    super(
      `${name} is truncated: found ${format}-compressed data without its end, expected all of it; ` +
        "compare the size with the original, save the image again and upload it",
      options,
    );
  }
}

export class BrokenCompressionError extends ArchiveError {
  constructor(name: string, format: string, problem: string, options?: ErrorOptions) {
    super(
      `${name} is damaged: found ${format}-compressed data with ${problem}, expected data that \`${format} -t\` accepts; ` +
        "save the image again and upload it",
      options,
    );
  }
}

export class ZstdMissingError extends ArchiveError {
  constructor(name: string, options?: ErrorOptions) {
    super(
      `${name} cannot be decompressed: found no zstd here, expected Node.js 22.15 or later, or the program zstd on the PATH; ` +
        "take a newer Node.js or install zstd, or compress the image by gzip",
      options,
    );
  }
}

export class SpoolFullError extends ArchiveError {
  constructor(
    directory: string,
    needed: number | "more",
    free: number,
    remedy = "or store the archive in the zip without compression (`zip -0`), which needs no room",
  ) {
    super(
      `no room to unpack the archive: found ${free} bytes free in ${directory}, expected ${needed}; ` +
        `make room, or choose a larger compute type, ${remedy}`,
    );
  }
}

export class TruncatedTarError extends ArchiveError {
  constructor(name: string, size: number, found: string) {
    super(
      `${name} is truncated: found ${found} at its end (${size} bytes), expected a whole tar; ` +
        "save the image again with `docker save`, check that it ended without an error, and upload it",
    );
  }
}

export class BrokenTarError extends ArchiveError {
  constructor(name: string, offset: number, problem: string) {
    super(
      `${name} is a damaged tar: found ${problem} at byte ${offset}, expected a tar that \`tar -t\` accepts; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class NotAnImageArchiveError extends ArchiveError {
  constructor(name: string, found: string) {
    super(
      `${name} is not an image archive: found ${found}, expected the tar that \`docker save\` writes, or an OCI layout, plain or compressed by gzip or zstd, ` +
        "by itself or in a zip; save the image with `docker save` and upload it again",
    );
  }
}

export class EntryMissingError extends ArchiveError {
  constructor(archive: string, entry: string, wantedBy: string) {
    super(
      `${archive} is incomplete: found no ${entry}, expected it since ${wantedBy} names it; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class AmbiguousEntryError extends ArchiveError {
  constructor(archive: string, entry: string) {
    super(
      `${archive} is ambiguous: found several entries named ${entry}, expected one; ` +
        "save the image again into a new file and upload it",
    );
  }
}

export class UnsafeLinkError extends ArchiveError {
  constructor(archive: string, entry: string, problem: string) {
    super(
      `${archive} has an unusable link: found ${entry}, which ${problem}, expected a link to a file of the archive; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class UnsafeNameError extends ArchiveError {
  constructor(archive: string, entry: string, wantedBy: string) {
    super(
      `${archive} has an unusable name: found ${list([entry], "")} in ${wantedBy}, expected the path of a file inside the archive; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

/** Indexes that lead into each other, or too deep. */
export class IndexDepthError extends ArchiveError {
  constructor(index: string, problem: string) {
    super(
      `${index} cannot be followed: found ${problem}, expected an index of image manifests; save the image again with \`docker save\``,
    );
  }
}

/** An index whose images are all somewhere else. */
export class EmptyIndexError extends ArchiveError {
  constructor(index: string, missing: readonly string[]) {
    super(
      `${index} has none of its images: found an index for ${list(missing, "no platform")} but no image of it, expected at least one; ` +
        "pull the image for the platform that is meant, and save it again",
    );
  }
}

/** A layer that the archive leaves to another server. */
export class ForeignLayerError extends ArchiveError {
  constructor(layer: string, urls: readonly string[]) {
    super(
      `${layer} is not in the archive: found a layer that lies at ${list(urls, "no address")}, expected all layers in the archive; ` +
        "save the image by a tool that includes foreign layers, or build it on another base",
    );
  }
}

export class InvalidJsonError extends ArchiveError {
  constructor(entry: string, problem: string, options?: ErrorOptions) {
    super(
      `${entry} cannot be understood: found ${problem}, expected what \`docker save\` writes; save the image again with it`,
      options,
    );
  }
}

export class DigestMismatchError extends ArchiveError {
  constructor(what: string, found: string, expected: string) {
    super(
      `${what} is damaged: found ${found}, expected ${expected}; nothing was tagged; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class LayerCountError extends ArchiveError {
  constructor(archive: string, layers: number, diffIds: number) {
    super(
      `${archive} contradicts itself: found ${layers} layers in its manifest, expected ${diffIds} as in the image's configuration; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class DiffIdConflictError extends ArchiveError {
  constructor(layer: string, found: string, expected: string) {
    super(
      `${layer} contradicts itself: found the diffID ${found} in a configuration, expected ${expected} as elsewhere in them; ` +
        "save the image again with `docker save` and upload it",
    );
  }
}

export class NoImageError extends ArchiveError {
  constructor(archive: string, references: readonly string[], wanted: string) {
    super(
      `${archive} has no image for this service: found ${list(references, "only images without a name")}, expected ${wanted}; ` +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    );
  }
}

export class NoGitHashError extends ArchiveError {
  constructor(archive: string, references: readonly string[], tagPattern: RegExp) {
    super(
      `${archive} has no image tagged with a git hash: found ${list(references, "no references")}, ` +
        `expected a tag that matches ${tagPattern.source}; tag the image with its git hash before \`docker save NAME:TAG\``,
    );
  }
}

export class SeveralImagesError extends ArchiveError {
  constructor(archive: string, references: readonly string[], wanted: string) {
    super(
      `${archive} has several images for this service: found ${list(references, "no references")}, ` +
        `expected one image with one git hash under ${wanted}; save only that image with \`docker save NAME:TAG\`, or name it by its digest`,
    );
  }
}

/** The image that was asked for by name or digest is not there. */
export class ImageMissingError extends ArchiveError {
  constructor(archive: string, images: readonly string[], wanted: string) {
    super(
      `${archive} has no image ${wanted}: found ${list(images, "no images")}, expected that name or digest among them; name one of them`,
    );
  }
}

/** What was asked for by name or digest is not one image. */
export class SeveralNamedError extends ArchiveError {
  /** @param wanted the name that several have. @default - none was asked for */
  constructor(archive: string, images: readonly string[], wanted?: string) {
    const which = wanted === undefined ? "" : ` ${wanted}`;
    const remedy = wanted === undefined ? "name one, by its name or its digest" : "name it by its digest";
    super(`${archive} has several images${which}: found ${list(images, "no images")}, expected one; ${remedy}`);
  }
}

/** The object is not there any more, or never was. */
export class ObjectGoneError extends ArchiveError {
  constructor(name: string, reason: string, options?: ErrorOptions) {
    super(
      `${name} cannot be read: found that it was deleted or overwritten, or was never there (${reason}), expected the object as it was uploaded; ` +
        "a newer upload has its own build, otherwise upload it again",
      options,
    );
  }
}

export class ObjectDeniedError extends ArchiveError {
  constructor(name: string, reason: string, options?: ErrorOptions) {
    super(
      `${name} cannot be read: found that S3 denies access (${reason}), expected s3:GetObject and s3:GetObjectVersion, and kms:Decrypt for ` +
        "its key, to be granted to the build's role; grant them, or upload the object again if it was deleted",
      options,
    );
  }
}

export class ObjectUnreadableError extends ArchiveError {
  constructor(name: string, reason: string, options?: ErrorOptions) {
    const remedy = certificateRemedy(options?.cause) ?? "try again, and look at region and credentials";
    super(`${name} cannot be read: found ${reason}, expected the bytes of the object; ${remedy}`, options);
  }
}

/** Names that a message lists: an archive may hold a million. */
export const LISTED = 10;
/** Characters of each, enough for the longest reference: a name may have 64 KiB. */
const LISTED_LENGTH = 400;

/** The first ten of what was found, `count` in all, each cut to a length that a log line bears. */
export function list(items: readonly string[], none: string, count = items.length): string {
  if (count === 0) return none;
  const listed = items
    .slice(0, LISTED)
    .map((item) => (item.length > LISTED_LENGTH ? `${item.slice(0, LISTED_LENGTH)}...` : item));
  return listed.join(", ") + (count > LISTED ? ` and ${count - LISTED} more` : "");
}
