import type { Digest } from "../digest";

/** The hash tag belongs to another image. Hash tags never move. */
export class HashTagTakenError extends Error {
  override readonly name = "HashTagTakenError";

  constructor(reference: string, found: Digest | undefined, manifestDigest: Digest, expected: Digest) {
    const other =
      found === undefined
        ? `something that is no image (manifest ${manifestDigest})`
        : `another image (config ${found})`;
    super(
      `${reference} exists already: found ${other}, expected the image of this archive (config ${expected}); no tag was changed; ` +
        "build the image under a new commit, or delete the tag if the image in the registry is the wrong one",
    );
  }
}
