import { list } from "../archive/errors";
import type { Digest } from "../digest";

/** The hash tag belongs to another image. Hash tags never move. */
export class HashTagTakenError extends Error {
  override readonly name = "HashTagTakenError";

  constructor(reference: string, found: readonly Digest[], manifestDigest: Digest, expected: readonly Digest[]) {
    const other =
      found.length === 0
        ? `something that is no image (manifest ${manifestDigest})`
        : `another image (${configs(found)})`;
    super(
      `${reference} exists already: found ${other}, expected the image of this archive (${configs(expected)}); no tag was changed; ` +
        "build the image under a new commit, or delete the tag if the image in the registry is the wrong one",
    );
  }
}

function configs(digests: readonly Digest[]): string {
  return `${digests.length === 1 ? "config" : "configs"} ${list(digests, "none")}`;
}

/** The image that was chosen bears no git hash, and no tag was given. */
export class UntaggedImageError extends Error {
  override readonly name = "UntaggedImageError";

  constructor(id: string) {
    super(
      `no tag to publish ${id} under: found none that is a git hash in the archive, expected one; name the tag in the destination, or tag the ` +
        "image before it is saved",
    );
  }
}

/** Nothing can be written here that an archive may have to be unpacked into. */
export class NoSpoolError extends Error {
  override readonly name = "NoSpoolError";

  constructor(
    directory: string,
    override readonly cause: Error,
  ) {
    super(
      `cannot work in ${directory}: found ${cause.message}, expected a folder that can be written; set TMPDIR to one`,
    );
  }
}
