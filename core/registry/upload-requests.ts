import type { Digest } from "../digest";
import { readLocation, type Connection } from "./connection";
import { RegistryProtocolError, RegistryRefusedError } from "./errors";
import type { HttpResponse } from "./http";
import type { OutgoingStream } from "./outgoing";

const OCTETS = { "content-type": "application/octet-stream" };

/** The requests of which an upload consists (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push). */
export class UploadRequests {
  constructor(
    readonly connection: Connection,
    readonly action: string,
    readonly signal?: AbortSignal,
  ) {}

  /** @returns where the bytes go. */
  async start(): Promise<URL> {
    const { action, signal } = this;
    const url = this.connection.url("blobs/uploads/");
    const response = await this.connection.once(action, { method: "POST", url, signal }, [202]);
    return this.#location(response, url);
  }

  /** @returns where the bytes go; undefined if none need to, because the blob is there now. */
  async mount(digest: Digest, from: string): Promise<URL | undefined> {
    const { action, signal } = this;
    const url = this.connection.url("blobs/uploads/");
    url.search = new URLSearchParams({ mount: digest, from }).toString();
    const response = await this.connection.once(action, { method: "POST", url, signal }, [201, 202]);
    return response.status === 201 ? undefined : this.#location(response, url);
  }

  async append(url: URL, offset: number, body: OutgoingStream, rest: number | undefined): Promise<URL> {
    const { action, signal } = this;
    // Without a known end there is no Content-Range; what comes is then taken for what follows.
    const range = offset > 0 && rest !== undefined && { "content-range": `${offset}-${offset + rest - 1}` };
    const headers = { ...OCTETS, ...(rest !== undefined && { "content-length": rest }), ...range };
    // ECR answers by 201, where the specification says 202 (https://github.com/dotnet/sdk/pull/33019).
    const request = { method: "PATCH", url, headers, body, signal } as const;
    const response = await this.connection.once(action, request, [201, 202]);
    if (!body.isFinished)
      throw new RegistryProtocolError(action, "an answer before the end of the blob", "one after it");
    return this.#location(response, url);
  }

  async finish(location: URL, digest: Digest, body?: Buffer): Promise<void> {
    const { action, signal } = this;
    const url = new URL(location);
    url.searchParams.set("digest", digest);
    await this.connection.once(action, { method: "PUT", url, headers: OCTETS, body, signal }, [201]);
  }

  /** How many bytes have arrived and where the next ones go; undefined if the registry does not tell or forgot the upload. */
  async status(url: URL): Promise<{ location: URL; offset: number } | undefined> {
    const { action, signal } = this;
    try {
      const response = await this.connection.once(action, { method: "GET", url, signal }, [204]);
      const last = Number(/^(?:bytes=)?0-([0-9]+)$/.exec(response.headers.range ?? "")?.[1] ?? 0);
      // 0-0 stands for one byte and for none.
      return last === 0 ? undefined : { location: this.#location(response, url, url), offset: last + 1 };
    } catch (error) {
      if (error instanceof RegistryRefusedError && !error.isMomentary) return undefined;
      throw error;
    }
  }

  async isThere(digest: Digest): Promise<boolean> {
    const { action, signal } = this;
    const request = { method: "HEAD", url: this.connection.url(`blobs/${digest}`), signal } as const;
    return this.connection.once(action, request, [200, 307]).then(
      () => true,
      () => false,
    );
  }

  #location({ headers }: HttpResponse, base: URL, fallback?: URL): URL {
    if (headers.location !== undefined) return readLocation(this.action, headers.location, base);
    if (fallback) return fallback;
    throw new RegistryProtocolError(this.action, "no Location", "the address of the upload");
  }
}
