import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { RepositoryRoute } from "./routes";

export interface StorageRequest {
  readonly method: string;
  readonly route: RepositoryRoute;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | Buffer;
}

/**
 * What keeps blobs, manifests and tags: a plain registry that knows nothing of ECR.
 * Refusals are thrown as DistributionError or answered with their status, as the storage likes it.
 */
export interface Storage {
  serve(request: StorageRequest): Promise<Answer>;
}
