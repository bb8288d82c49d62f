/**
 * An answer of the registry other than success: HTTP status and error code of the distribution API
 * (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes).
 */
export class DistributionError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

export class UnsupportedError extends DistributionError {
  constructor(method: string, path: string) {
    super(405, "UNSUPPORTED", `${method} ${path} is not part of the registry's API`);
  }
}

/** A docker client shows it as `denied: User: ... is not authorized to perform: ...`. */
export class DeniedError extends DistributionError {
  constructor(cause: Error) {
    super(403, "DENIED", cause.message);
    this.cause = cause;
  }
}

export class RepositoryUnknownError extends DistributionError {
  constructor(repository: string, account: string) {
    super(
      404,
      "NAME_UNKNOWN",
      `The repository with name '${repository}' does not exist in the registry with id '${account}'`,
    );
  }
}

export class BlobUnknownError extends DistributionError {
  constructor(digest: string) {
    super(404, "BLOB_UNKNOWN", `blob unknown to registry: ${digest}`);
  }
}

export class ManifestUnknownError extends DistributionError {
  constructor(reference: string) {
    super(404, "MANIFEST_UNKNOWN", `Requested image not found: ${reference}`);
  }
}

export class ManifestInvalidError extends DistributionError {
  constructor(reason: string) {
    super(400, "MANIFEST_INVALID", `Invalid parameter at 'ImageManifest': ${reason}`);
  }
}

export class ManifestTooLargeError extends DistributionError {
  constructor(limit: number) {
    super(413, "SIZE_INVALID", `The image manifest is larger than ${limit} bytes`);
  }
}

/** ECR's answer as it was seen at https://github.com/openai/tart/issues/890. */
export class TooManyLayersError extends DistributionError {
  constructor() {
    super(
      405,
      "UNSUPPORTED",
      "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Limit on number of layers per image exceeded'",
    );
  }
}

/** `Layers with digests` for an image, `Images with digests` for an index: ECR's wording. */
export class ManifestBlobUnknownError extends DistributionError {
  constructor(what: "Layers" | "Images", digests: readonly string[], repository: string, account: string) {
    super(
      400,
      "MANIFEST_BLOB_UNKNOWN",
      `${what} with digests '[${digests.join(", ")}]' required for pushing image into repository with name ` +
        `'${repository}' in the registry with id '${account}' do not exist`,
    );
  }
}

export class TagImmutableError extends DistributionError {
  constructor(tag: string, repository: string) {
    super(
      400,
      "TAG_INVALID",
      `The image tag '${tag}' already exists in the '${repository}' repository and cannot be overwritten because the repository is immutable.`,
    );
  }
}

export class DigestInvalidError extends DistributionError {
  constructor(found: string, expected: string) {
    super(
      400,
      "DIGEST_INVALID",
      `provided digest did not match uploaded content: found ${found}, expected ${expected}`,
    );
  }
}

export class UploadUnknownError extends DistributionError {
  constructor(id: string) {
    super(404, "BLOB_UPLOAD_UNKNOWN", `blob upload unknown to registry: ${id}`);
  }
}

export class UploadBusyError extends DistributionError {
  constructor(id: string) {
    super(409, "BLOB_UPLOAD_INVALID", `another request is writing to upload ${id}`);
  }
}

export class UploadRangeError extends DistributionError {
  constructor(received: number, first: number) {
    super(416, "BLOB_UPLOAD_INVALID", `First byte of the layer part is ${first} instead of ${received}`);
  }
}

/** docker-registry ended before it answered: its own last words are in the message. */
export class DockerRegistryStartError extends Error {
  constructor(reason: string, log: string, options?: ErrorOptions) {
    super(
      `docker-registry did not start: ${reason}. Install it by \`apt-get install docker-registry\` or read its log:\n${log}`,
      options,
    );
    this.name = "DockerRegistryStartError";
  }
}
