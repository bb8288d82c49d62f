import { certificateRemedy } from "../certificates";
import { registryRegion } from "./host";
import { ProxyRefusedError } from "./http";

/** The registry could not be reached or said no. The message quotes it and says what to do. */
export abstract class RegistryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Whether the same request may succeed in a moment; a number: after so many milliseconds. */
  retryable(): boolean | number {
    return false;
  }
}

export class RegistryUnreachableError extends RegistryError {
  constructor(
    host: string,
    action: string,
    override readonly cause: Error,
  ) {
    const remedy = certificateRemedy(cause) ?? "check the name, the network of the build, HTTPS_PROXY and NO_PROXY";
    super(`${action}: found no answer from ${host} (${describe(cause)}), expected a registry; ${remedy}`);
  }

  override retryable(): boolean {
    if (this.cause instanceof ProxyRefusedError) return this.cause.status >= 500;
    return certificateRemedy(this.cause) === undefined && codeOf(this.cause) !== "ENOTFOUND";
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

/** An AggregateError of several addresses has no message of its own. */
function describe(error: Error): string {
  return error.message === "" ? codeOf(error) : error.message;
}

/** What a registry answers instead of success. Of a HEAD there is the status alone. */
export interface Refusal {
  readonly host: string;
  readonly status: number;
  /** https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes; empty if it gave none. */
  readonly code: string;
  readonly message: string;
  /** Milliseconds that it asks to wait. */
  readonly retryAfter?: number;
}

export class RegistryRefusedError extends RegistryError {
  constructor(
    readonly action: string,
    readonly refusal: Refusal,
    expected = "success",
    remedy = "look the code up in the registry's documentation and start the build again",
  ) {
    super(`${action}: found ${quote(refusal)} from ${refusal.host}, expected ${expected}; ${remedy}`);
  }

  override retryable(): boolean | number {
    const { code, retryAfter } = this.refusal;
    const isTransient = this.isMomentary || code === "BLOB_UPLOAD_UNKNOWN" || code === "BLOB_UPLOAD_INVALID";
    return isTransient && (retryAfter ?? true);
  }

  /** The registry is busy or broken: nothing is said about the request itself. */
  get isMomentary(): boolean {
    const { status, code } = this.refusal;
    return status === 408 || status === 429 || status >= 500 || code === "TOOMANYREQUESTS";
  }
}

function quote({ status, code, message }: Refusal): string {
  const said = [code, message.replace(/\.$/, "")].filter((part) => part !== "").join(": ");
  return said === "" ? `HTTP ${status}` : `HTTP ${status} ${said}`;
}

export class RepositoryMissingError extends RegistryRefusedError {
  constructor(action: string, repository: string, refusal: Refusal) {
    super(
      action,
      refusal,
      `the repository ${repository}`,
      "apply the pipeline's Terraform, which makes it, or correct the service's repository",
    );
  }
}

export class RegistryDeniedError extends RegistryRefusedError {
  constructor(action: string, repository: string, refusal: Refusal) {
    const isEcr = registryRegion(refusal.host) !== undefined;
    super(
      action,
      refusal,
      `${isEcr ? "the build's role" : "the user"} to be allowed to read and push ${repository}`,
      isEcr
        ? "grant ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:CompleteLayerUpload, ecr:GetDownloadUrlForLayer, " +
            "ecr:InitiateLayerUpload, ecr:PutImage and ecr:UploadLayerPart on it"
        : "check user and password, and what the registry lets that user do",
    );
  }
}

export class TagImmutableError extends RegistryRefusedError {
  constructor(action: string, tag: string, refusal: Refusal) {
    super(
      action,
      refusal,
      `a tag that may be written`,
      `exclude ${tag} from the repository's tag immutability, or remove it from the moving tags`,
    );
  }
}

/**
 * A manifest under a tag bears no digest that could be wrong: docker's registry says so while another build writes the same manifest.
 */
export class ManifestClashError extends RegistryRefusedError {
  override retryable(): boolean {
    return true;
  }
}

/** The token ran out while a body was sent that cannot be rewound here; a new one is there. */
export class TokenExpiredError extends RegistryRefusedError {
  constructor(action: string, refusal: Refusal) {
    super(action, refusal, "a token that is still valid", "start the build again");
  }

  override retryable(): boolean {
    return true;
  }

  override get isMomentary(): boolean {
    return true;
  }
}

export class TokenUnavailableError extends RegistryError {
  constructor(host: string, reason: string, options?: ErrorOptions) {
    const other = reason.startsWith("CredentialsProviderError")
      ? "log in to AWS, or set AWS_PROFILE"
      : "grant it to the build's role on *, and check the network of the build";
    const remedy = certificateRemedy(options?.cause) ?? other;
    super(`no token for ${host}: found ${reason}, expected an answer to ecr:GetAuthorizationToken; ${remedy}`, options);
  }
}

/** The registry's answer breaks the protocol. */
export class RegistryProtocolError extends RegistryError {
  constructor(action: string, found: string, expected: string) {
    super(`${action}: found ${found}, expected ${expected}; look at the registry, or at the proxy in front of it`);
  }
}

/** Nothing was sent. */
export class LayerTooLargeError extends RegistryError {
  constructor(action: string, size: number, limit: number) {
    super(
      `${action}: found ${size} bytes, expected at most ${limit}, ECR's limit for a layer; ` +
        "build the image so that its files are spread over more layers",
    );
  }
}

/** Nothing was sent. */
export class ManifestTooLargeError extends RegistryError {
  constructor(action: string, size: number, limit: number) {
    super(
      `${action}: found a manifest of ${size} bytes, expected at most ${limit}, ECR's limit; build the image with fewer layers and annotations`,
    );
  }
}

/** Nothing was sent. */
export class TooManyLayersError extends RegistryError {
  constructor(action: string, count: number, limit: number) {
    super(
      `${action}: found an image of ${count} layers, expected at most ${limit}, ECR's limit; ` +
        "build the image with fewer layers, for example by a last stage that copies from the others",
    );
  }
}

/** What was to be sent is not what it was said to be. */
export class BlobSizeError extends Error {
  override readonly name = "BlobSizeError";

  constructor(found: number, expected: number) {
    super(
      `cannot send a blob: found ${found > expected ? "more than that" : `${found} bytes`}, expected ${expected} bytes; ` +
        "make the archive again",
    );
  }
}
