import { retry, DEFAULT_RETRY, type RetryPolicy } from "../retry";
import type { Credentials } from "./credentials";
import {
  RegistryDeniedError,
  RegistryError,
  RegistryProtocolError,
  RegistryRefusedError,
  RegistryUnreachableError,
  RepositoryMissingError,
  TokenExpiredError,
} from "./errors";
import {
  AnswerTooLargeError,
  DEFAULT_TIMEOUTS,
  exchange,
  type HttpRequest,
  type HttpResponse,
  type Timeouts,
} from "./http";
import { readRefusal } from "./refusal";

export interface ConnectionOptions {
  /** `https://HOST[:PORT]`; see `registryUrl`. */
  readonly registry: URL;
  /** Name of the repository, such as `team/web`. */
  readonly name: string;
  /** @default - none are sent */
  readonly credentials?: Credentials;
  /** @default DEFAULT_RETRY */
  readonly retry?: RetryPolicy;
  /** Hears why a request is sent again, and after how many milliseconds. @default - nobody */
  readonly onRetry?: (error: unknown, wait: number) => void;
  /** @default DEFAULT_TIMEOUTS */
  readonly timeouts?: Timeouts;
}

const MAX_REDIRECTS = 5;

/** What is being sent could not be read: no fault of the registry. */
export class BlobSourceError extends Error {}

/** Requests to one repository, with credentials, redirects and repetition, and refusals as named errors. */
export class Connection {
  readonly registry: URL;
  readonly name: string;
  readonly #credentials: Credentials | undefined;
  readonly #retry: RetryPolicy;
  readonly #onRetry: ConnectionOptions["onRetry"];
  readonly #timeouts: Timeouts;

  constructor(options: ConnectionOptions) {
    this.registry = options.registry;
    this.name = options.name;
    this.#credentials = options.credentials;
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#onRetry = options.onRetry;
    this.#timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  }

  get host(): string {
    return this.registry.host;
  }

  /** @param path below the repository, such as `manifests/latest` */
  url(path: string): URL {
    return new URL(`/v2/${this.name}/${path}`, this.registry);
  }

  /** Repeats what fails for a moment, as often as the policy says. Reasons that are not the registry's end it. */
  retrying<T>(action: (progress: () => void) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const judge = (error: unknown): boolean | number => error instanceof RegistryError && error.retryable();
    return retry(action, { judge, onRetry: this.#onRetry, policy: this.#retry, signal });
  }

  /** {@link once}, repeated. */
  request(action: string, request: HttpRequest, expected: readonly number[]): Promise<HttpResponse> {
    return this.retrying(() => this.once(action, request, expected), request.signal);
  }

  /**
   * One request. Where the token is refused it is renewed, once, and the request sent again.
   * @param expected statuses; a redirect that is expected is not followed.
   * @throws TokenExpiredError if the body is a stream, which cannot be sent again from here.
   */
  async once(action: string, request: HttpRequest, expected: readonly number[]): Promise<HttpResponse> {
    const response = await this.#send(action, request, expected);
    const isExpected = expected.includes(response.status);
    if (isExpected && response.status !== 404) return response;
    const refusal = readRefusal(this.host, response);
    // A missing manifest is an answer; a missing repository is not.
    if (isExpected && refusal.code !== "NAME_UNKNOWN") return response;
    if (refusal.code === "NAME_UNKNOWN") throw new RepositoryMissingError(action, this.name, refusal);
    if (refusal.status === 401 || refusal.status === 403) throw new RegistryDeniedError(action, this.name, refusal);
    throw new RegistryRefusedError(action, refusal);
  }

  async #send(action: string, request: HttpRequest, expected: readonly number[]): Promise<HttpResponse> {
    const authorization = await this.#credentials?.authorization();
    const response = await this.#follow(action, request, expected, authorization);
    const challenge = response.headers["www-authenticate"];
    const isUseless = authorization === undefined && challenge === undefined;
    if (!this.#credentials || isUseless || !isTokenRefused(request, response)) return response;
    this.#credentials.renew(authorization, challenge);
    if (request.body !== undefined && !Buffer.isBuffer(request.body))
      throw new TokenExpiredError(action, readRefusal(this.host, response));
    return this.#follow(action, request, expected, await this.#credentials.authorization());
  }

  async #follow(
    action: string,
    request: HttpRequest,
    expected: readonly number[],
    authorization: string | undefined,
  ): Promise<HttpResponse> {
    let url = request.url;
    for (let redirects = 0; ; redirects++) {
      // ECR sends whoever reads a blob to S3, which must not see the registry's token.
      const isOurs = url.origin === this.registry.origin;
      const headers = { ...request.headers, ...(authorization !== undefined && isOurs && { authorization }) };
      const response = await this.#exchange(action, { ...request, url, headers });
      if (!isFollowed(request, response) || expected.includes(response.status)) return response;
      if (redirects === MAX_REDIRECTS)
        throw new RegistryProtocolError(action, `${MAX_REDIRECTS} redirects`, "an answer");
      url = readLocation(action, response.headers.location ?? "", url);
    }
  }

  async #exchange(action: string, request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    try {
      return await exchange(request, this.#timeouts);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof BlobSourceError) throw error.cause;
      if (error instanceof AnswerTooLargeError)
        throw new RegistryProtocolError(action, error.message, "a manifest or a configuration");
      throw new RegistryUnreachableError(request.url.host, action, error as Error);
    }
  }
}

/**
 * Where an answer sends whoever asked.
 * @throws RegistryProtocolError for what is no address of a server
 */
export function readLocation(action: string, location: string, base: URL): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  throw new RegistryProtocolError(action, `the Location ${JSON.stringify(location)}`, "an https: or http: address");
}

function isFollowed({ method }: HttpRequest, { status, headers }: HttpResponse): boolean {
  const isRedirect = [301, 302, 303, 307, 308].includes(status) && headers.location !== undefined;
  return isRedirect && (method === "GET" || method === "HEAD");
}

/**
 * ECR says 403, not 401, to a token that ran out: "Your authorization token has expired. Reauthenticate and try again." An answer to
 * HEAD has no text that could tell.
 */
function isTokenRefused({ method }: HttpRequest, { status, body }: HttpResponse): boolean {
  return status === 401 || (status === 403 && (method === "HEAD" || /token has expired/i.test(body.toString("utf8"))));
}
