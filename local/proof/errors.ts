/** The image in the registry is not the archive's, or one of the two cannot be read. */
export abstract class ProofError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class ArchiveMemberMissingError extends ProofError {
  constructor(archive: string, member: string, members: readonly string[]) {
    super(`${archive} has no member ${member}; it has: ${members.join(", ") || "none"}`);
  }
}

export class NotAnImageArchiveError extends ProofError {
  constructor(archive: string, reason: string, options?: ErrorOptions) {
    super(`${archive} is not a docker-save archive: ${reason}`, options);
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
  constructor(reference: string, mediaType: string) {
    super(`${reference} is a ${mediaType}, expected the manifest of one image`);
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
  constructor(counts: { readonly manifest: number; readonly config: number; readonly archive: number }) {
    const { manifest, config, archive } = counts;
    super(`layers: ${manifest} in the registry's manifest, ${config} diffIDs in the config, ${archive} in the archive`);
  }
}

export class LayerDiffersError extends ProofError {
  constructor(index: number, where: "registry" | "archive", found: string, expected: string) {
    super(`layer ${index}: the ${where}'s content hashes to ${found}, the config's diffID is ${expected}`);
  }
}

export class LayerCompressionError extends ProofError {
  constructor(what: string, compression: string) {
    super(`${what} is compressed by ${compression}, expected gzip or none`);
  }
}

export class SkopeoError extends ProofError {
  constructor(reference: string, code: number | null, output: string) {
    super(`skopeo copy of ${reference} ended with code ${code ?? "none"}: ${output.trim()}`);
  }
}
