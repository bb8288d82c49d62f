import { Readable } from "node:stream";
import { z } from "zod";
import { sha256, type Digest } from "../digest";
import { retry, DEFAULT_RETRY, type RetryPolicy } from "../retry";
import type { Credentials } from "./credentials";
import {
  RegistryDeniedError,
  RegistryError,
  RegistryProtocolError,
  RegistryRefusedError,
  RegistryUnreachableError,
  RepositoryMissingError,
  TagImmutableError,
  TokenExpiredError,
  type Refusal,
} from "./errors";
import { exchange, type HttpRequest, type HttpResponse } from "./http";
import { MEDIA_TYPES, type Manifest } from "./manifest";

export interface RepositoryOptions {
  /** `https://HOST[:PORT]`. */
  readonly registry: URL;
  /** Such as `tomofun/web`. */
  readonly name: string;
  /** @default - none are sent */
  readonly credentials?: Credentials;
  /** @default DEFAULT_RETRY */
  readonly retry?: RetryPolicy;
}

/** A blob whose digest is known only when its last byte has gone past. */
export interface StreamedBlob {
  readonly stream: Readable;
  /** Called after the end. What it throws leaves the upload unfinished: the blob does not come to be. */
  seal(): { digest: Digest; size: number };
}

export interface UploadedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** The repository had it already; nothing was sent. */
  readonly existed: boolean;
}

/** Bytes of a blob that are kept to learn its digest before anything is sent, so that it need not be sent. */
const SMALL_BLOB = 4 * 1024 * 1024;
const MAX_REDIRECTS = 5;
const ACCEPTED = [MEDIA_TYPES.dockerManifest, MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerList, MEDIA_TYPES.ociIndex];

/**
 * One repository of a registry, by the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
 * What can be repeated is repeated when the registry is busy or the connection breaks; a token that ran out is renewed once.
 */
export class Repository {
  readonly name: string;
  readonly host: string;
  readonly #registry: URL;
  readonly #credentials: Credentials | undefined;
  readonly #retry: RetryPolicy;

  constructor(options: RepositoryOptions) {
    this.name = options.name;
    this.host = options.registry.host;
    this.#registry = options.registry;
    this.#credentials = options.credentials;
    this.#retry = options.retry ?? DEFAULT_RETRY;
  }

  /** `host/name`, as in references. */
  get reference(): string {
    return `${this.host}/${this.name}`;
  }

  /** @param reference tag or digest */
  async manifest(reference: string): Promise<Manifest | undefined> {
    const action = `reading the manifest of ${this.reference}:${reference}`;
    const { status, headers, body } = await this.#repeatable(
      action,
      { method: "GET", url: this.#url(`manifests/${reference}`), headers: { accept: ACCEPTED.join(", ") } },
      [200, 404],
    );
    if (status === 404) return undefined;
    return { digest: sha256(body), mediaType: headers["content-type"] ?? MEDIA_TYPES.dockerManifest, bytes: body };
  }

  /** @throws TagImmutableError if the tag exists and may not be moved. */
  async putManifest(tag: string, { mediaType, bytes }: Pick<Manifest, "mediaType" | "bytes">): Promise<void> {
    const action = `tagging ${this.reference}:${tag}`;
    try {
      const request = {
        method: "PUT",
        url: this.#url(`manifests/${tag}`),
        headers: { "content-type": mediaType },
        body: bytes,
      } as const;
      await this.#repeatable(action, request, [201]);
    } catch (error) {
      // ECR: "TAG_INVALID: The image tag 'x' already exists in the 'y' repository and cannot be overwritten because the
      // repository (or: the tag) is immutable."
      const isImmutable = error instanceof RegistryRefusedError && /immutable/i.test(error.refusal.message);
      throw isImmutable ? new TagImmutableError(action, tag, error.refusal) : error;
    }
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    // An answer of 307 leads to where the blob lies, so there is one.
    const { status } = await this.#repeatable(
      `looking for ${digest} in ${this.reference}`,
      { method: "HEAD", url: this.#url(`blobs/${digest}`) },
      [200, 307, 404],
    );
    return status !== 404;
  }

  /** A small blob, such as a configuration. Redirects are followed, without credentials to another host. */
  async blob(digest: Digest): Promise<Buffer> {
    const action = `reading ${digest} of ${this.reference}`;
    const { body } = await this.#repeatable(action, { method: "GET", url: this.#url(`blobs/${digest}`) }, [200]);
    const found = sha256(body);
    if (found !== digest) throw new RegistryProtocolError(action, `bytes with the digest ${found}`, digest);
    return body;
  }

  async uploadBytes(bytes: Buffer): Promise<UploadedBlob> {
    const digest = sha256(bytes);
    const existed = await this.hasBlob(digest);
    if (!existed) {
      const action = `uploading ${digest} to ${this.reference}`;
      await this.#retrying(async () => {
        await this.#finishUpload(action, await this.#startUpload(action), digest, bytes);
      });
    }
    return { digest, size: bytes.length, existed };
  }

  /**
   * Uploads while the blob is being made, without knowing its length. If it proves small it is sent only if the repository
   * lacks it.
   * @param what for messages
   * @param open gives the blob from its start, again for each attempt: a session that broke cannot be trusted.
   */
  async uploadStream(what: string, open: () => StreamedBlob): Promise<UploadedBlob> {
    const action = `uploading ${what} to ${this.reference}`;
    const result = await this.#retrying(async () => {
      const blob = open();
      try {
        const { head, rest } = await readHead(blob.stream, SMALL_BLOB);
        if (!rest) {
          blob.seal();
          return head;
        }
        const location = await this.#sendStream(action, await this.#startUpload(action), rest);
        const { digest, size } = blob.seal();
        try {
          await this.#finishUpload(action, location, digest);
          return { digest, size, existed: false };
        } catch (error) {
          // The answer may have been lost, or a twin was faster: a blob that is there need not be sent again.
          const isThere = await this.hasBlob(digest).catch(() => false);
          if (isThere) return { digest, size, existed: true };
          throw error;
        }
      } finally {
        blob.stream.destroy();
      }
    });
    return Buffer.isBuffer(result) ? this.uploadBytes(result) : result;
  }

  async #startUpload(action: string): Promise<URL> {
    const url = this.#url("blobs/uploads/");
    const response = await this.#expect(action, { method: "POST", url }, [202]);
    return this.#location(action, url, response);
  }

  /**
   * One PATCH takes the whole blob, however large, as `docker push` does it. ECR answers it by 201, where the specification
   * says 202 (https://github.com/dotnet/sdk/pull/33019).
   */
  async #sendStream(action: string, url: URL, body: Readable): Promise<URL> {
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#expect(action, { method: "PATCH", url, headers, body }, [201, 202]);
    if (!body.readableEnded)
      throw new RegistryProtocolError(action, "an answer before the end of the blob", "one after it");
    return this.#location(action, url, response);
  }

  async #finishUpload(action: string, location: URL, digest: Digest, body?: Buffer): Promise<void> {
    const url = new URL(location);
    url.searchParams.set("digest", digest);
    await this.#expect(
      action,
      { method: "PUT", url, headers: { "content-type": "application/octet-stream" }, body },
      [201],
    );
  }

  #repeatable(action: string, request: HttpRequest, expected: readonly number[]): Promise<HttpResponse> {
    return this.#retrying(() => this.#expect(action, request, expected));
  }

  #retrying<T>(action: () => Promise<T>): Promise<T> {
    return retry(action, (error) => error instanceof RegistryError && error.retryable(), this.#retry);
  }

  async #expect(action: string, request: HttpRequest, expected: readonly number[]): Promise<HttpResponse> {
    const response = await this.#send(action, request);
    // A missing manifest is an answer; a missing repository is not.
    const isMissing = response.status === 404 && this.#refusal(response).code === "NAME_UNKNOWN";
    if (!expected.includes(response.status) || isMissing) throw this.#refused(action, response);
    return response;
  }

  /** One exchange, with credentials, a renewed token and redirects. */
  async #send(action: string, request: HttpRequest): Promise<HttpResponse> {
    const authorization = await this.#credentials?.authorization();
    const response = await this.#follow(action, request, authorization);
    if (authorization === undefined || !isTokenRefused(response.status, this.#refusal(response))) return response;
    this.#credentials?.renew(authorization);
    if (request.body instanceof Readable) throw new TokenExpiredError(action, this.#refusal(response));
    return this.#follow(action, request, await this.#credentials?.authorization());
  }

  async #follow(action: string, request: HttpRequest, authorization: string | undefined): Promise<HttpResponse> {
    let url = request.url;
    for (let redirects = 0; ; redirects++) {
      // ECR sends whoever reads a blob to S3, which must not see the registry's token.
      const isOurs = url.origin === this.#registry.origin;
      const headers = { ...request.headers, ...(authorization !== undefined && isOurs && { authorization }) };
      const response = await this.#exchange(action, { ...request, url, headers });
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status) && response.headers.location !== undefined;
      if (!isRedirect || request.method !== "GET") return response;
      if (redirects === MAX_REDIRECTS)
        throw new RegistryProtocolError(action, `${MAX_REDIRECTS} redirects`, "an answer");
      url = new URL(response.headers.location ?? "", url);
    }
  }

  async #exchange(action: string, request: HttpRequest): Promise<HttpResponse> {
    try {
      return await exchange(request);
    } catch (error) {
      if (error instanceof BlobSourceError) throw error.cause;
      throw new RegistryUnreachableError(request.url.host, action, error as Error);
    }
  }

  #url(path: string): URL {
    return new URL(`/v2/${this.name}/${path}`, this.#registry);
  }

  #location(action: string, base: URL, { headers }: HttpResponse): URL {
    if (headers.location === undefined)
      throw new RegistryProtocolError(action, "no Location", "the address of the upload");
    return new URL(headers.location, base);
  }

  #refused(action: string, response: HttpResponse): RegistryError {
    const refusal = this.#refusal(response);
    if (refusal.code === "NAME_UNKNOWN") return new RepositoryMissingError(action, this.name, refusal);
    if (refusal.status === 401 || refusal.status === 403) return new RegistryDeniedError(action, this.name, refusal);
    return new RegistryRefusedError(action, refusal);
  }

  #refusal({ status, headers, body }: HttpResponse): Refusal {
    const seconds = Number(headers["retry-after"]);
    const retryAfter = seconds > 0 ? { retryAfter: seconds * 1000 } : {};
    return { host: this.host, status, ...readErrors(body), ...retryAfter };
  }
}

const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string().optional() })).min(1),
});

/** The first of the errors that a registry lists, or the text that something in front of it says. */
function readErrors(body: Buffer): { code: string; message: string } {
  const text = body.toString("utf8");
  try {
    const [error] = errorsSchema.parse(JSON.parse(text)).errors;
    return { code: error?.code ?? "", message: error?.message ?? "" };
  } catch {
    return { code: "", message: text.slice(0, 200).trim() };
  }
}

/** ECR says 403, not 401, to a token that ran out: "Your authorization token has expired. Reauthenticate and try again." */
function isTokenRefused(status: number, { message }: Refusal): boolean {
  return status === 401 || (status === 403 && /token has expired/i.test(message));
}

/** What is being sent could not be read: no fault of the registry. */
class BlobSourceError extends Error {}

/** The beginning of a stream, and all of it as a stream again unless that was all. */
async function readHead(stream: Readable, size: number): Promise<{ head: Buffer; rest?: Readable }> {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  const chunks: Buffer[] = [];
  for (let length = 0; length < size;) {
    const { value, done } = await iterator.next();
    if (done) return { head: Buffer.concat(chunks) };
    chunks.push(value);
    length += value.length;
  }
  const next = (): Promise<IteratorResult<Buffer, undefined>> =>
    iterator.next().catch((cause: unknown) => {
      throw new BlobSourceError("reading what is sent", { cause });
    });
  const whole = async function* (): AsyncGenerator<Buffer> {
    for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) yield chunk;
    for (let result = await next(); !result.done; result = await next()) yield result.value;
  };
  return { head: Buffer.alloc(0), rest: Readable.from(whole(), { objectMode: false, highWaterMark: 1 << 20 }) };
}
