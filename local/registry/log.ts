/** One request that the registry or its layer host answered. */
export interface RequestRecord {
  readonly at: Date;
  readonly method: string;
  readonly host: string;
  /** Path and query as sent. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the request's body that were read. */
  readonly bytesIn: number;
  /** Bytes of the response's body that were sent. */
  readonly bytesOut: number;
  /** False while the answer is on its way, and for good when the client left before its end. */
  readonly complete: boolean;
}

export type RegistryEvent =
  | { readonly kind: "request"; readonly request: RequestRecord }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string; readonly error: unknown };

/** The newest requests; older ones are forgotten, so that an environment may stay up for days. */
export const MAX_RECORDED_REQUESTS = 10_000;
