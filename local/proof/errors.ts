/** The image in the registry is not the archive's, or one of the two cannot be read. */
export abstract class ProofError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class ArchiveMemberMissingError extends ProofError {
  constructor(archive: string, member: string | undefined, members: readonly string[]) {
    const lacks = member === undefined ? "is a zip that does not hold one file" : `has no member ${member}`;
    super(`${archive} ${lacks}; it has: ${members.join(", ") || "none"}`);
  }
}

export class NotAnImageArchiveError extends ProofError {
  constructor(archive: string, reason: string, options?: ErrorOptions) {
    super(`${archive} is not an image archive: ${reason}`, options);
  }
}

export class ImageChoiceError extends ProofError {
  constructor(archive: string, reference: string | undefined, references: readonly string[]) {
    const wanted =
      reference === undefined ? "holds several images, name one by `reference`" : `has no image ${reference}`;
    super(`${archive} ${wanted}; it has: ${references.join(", ")}`);
  }
}

export class RegistryAnswerError extends ProofError {
  constructor(url: string, status: number, body: string) {
    super(`GET ${url} answered ${status}, expected 200: ${body.slice(0, 500)}`);
  }
}

export class ManifestKindError extends ProofError {
  constructor(reference: string, mediaType: string, expected: string) {
    super(`${reference} is a ${mediaType}, expected ${expected}`);
  }
}

/** The archive's image has several platforms, and none of that name. */
export class PlatformChoiceError extends ProofError {
  constructor(archive: string, platform: string, platforms: readonly string[]) {
    super(`${archive} has no image for ${platform}; it has: ${platforms.join(", ") || "none"}`);
  }
}

export class PlatformsDifferError extends ProofError {
  constructor(reference: string, found: readonly string[], expected: readonly string[]) {
    const list = (platforms: readonly string[]): string => platforms.join(", ") || "none";
    super(`${reference} has images for ${list(found)}; the archive's are for ${list(expected)}`);
  }
}

export class AttestationSubjectError extends ProofError {
  constructor(reference: string, digest: string, found: string, expected: string) {
    super(`${reference}: the attestation ${digest} is about ${found}, expected ${expected}`);
  }
}

export class MediaTypeError extends ProofError {
  constructor(what: string, found: string, expected: string) {
    super(`${what} is called ${found}, expected ${expected}`);
  }
}

export class ManifestChangedError extends ProofError {
  constructor(reference: string, found: string, expected: string | undefined) {
    super(`${reference} is ${found}, expected the archive's own: ${expected ?? "it has no manifest"}`);
  }
}

export class InvalidJsonError extends ProofError {
  constructor(what: string, cause: unknown) {
    super(`${what} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export class DigestMismatchError extends ProofError {
  constructor(what: string, found: string, expected: string) {
    super(`${what}: its bytes hash to ${found}, expected ${expected}`);
  }
}

export class SizeMismatchError extends ProofError {
  constructor(what: string, found: number, expected: number) {
    super(`${what}: ${found} bytes, the manifest says ${expected}`);
  }
}

export class ConfigDiffersError extends ProofError {
  constructor(reference: string, found: string, expected: string) {
    super(`${reference} has the config ${found}, the archive's is ${expected}: it is another image`);
  }
}

export class LayerCountError extends ProofError {
  constructor(where: "registry" | "archive", found: number, expected: number) {
    super(`layers: ${found} in the ${where}'s manifest, the config has ${expected} diffIDs`);
  }
}

export class LayerDiffersError extends ProofError {
  constructor(index: number, where: "registry" | "archive", found: string, expected: string) {
    super(`layer ${index}: the ${where}'s content hashes to ${found}, the config's diffID is ${expected}`);
  }
}

export class DamagedContentError extends ProofError {
  constructor(what: string, compression: string, reason: string, options?: ErrorOptions) {
    super(`${what} cannot be decompressed (${compression}): ${reason}`, options);
  }
}

export class ZstdUnavailableError extends ProofError {
  constructor(what: string, reason: string) {
    super(
      `${what} is compressed by zstd, expected the program zstd to read it with: ${reason}; install it (Debian's package \`zstd\`)`,
    );
  }
}

export class SkopeoError extends ProofError {
  constructor(reference: string, code: number | null, output: string) {
    super(`skopeo copy of ${reference} ended with code ${code ?? "none"}: ${output.trim()}`);
  }
}
