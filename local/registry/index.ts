import { mkdir, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createAuthority, type CertificateAuthority } from "./authority";
import { controlPlanes } from "./control-plane";
import { createEmbeddedStorage } from "./embedded";
import { DeniedError, DistributionError } from "./errors";
import { createFront, type Front, type FrontRequest } from "./front";
import { parseHost } from "./hosts";
import type { RegistryIam } from "./permissions";
import { MAX_RECORDED_REQUESTS, type RegistryEvent, type RequestRecord } from "./log";
import { createProxy } from "./proxy";
import type { Answer } from "./storage";
import { createUpstreamStorage } from "./upstream";

export type { RegistryEvent } from "./log";

export interface RegistryOptions {
  /** The AWS endpoint whose ECR API holds repositories, tag mutability and tokens, e.g. `http://127.0.0.1:5000`. */
  readonly endpoint: string;
  /**
   * Holds the authority's certificate and, with the embedded storage, the images. Made when it does not exist.
   * For one registry at a time: each start has an authority of its own.
   */
  readonly directory: string;
  /** A plain registry on loopback that stores instead. @default - images are stored in `directory` */
  readonly storage?: { readonly url: string };
  /**
   * The registry setting BLOB_MOUNTING: https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html
   * @default false
   */
  readonly blobMounting?: boolean;
  /** Decides what may be done with a token that the gate handed out. @default - every token may do everything */
  readonly iam?: RegistryIam;
  /** @default 0, any free port */
  readonly port?: number;
  readonly onEvent?: (event: RegistryEvent) => void;
}

export interface Registry {
  /** For HTTPS_PROXY, e.g. `http://127.0.0.1:40001`. */
  readonly proxyUrl: string;
  /** For NODE_EXTRA_CA_CERTS (Node) and SSL_CERT_FILE (Go): the PEM file of the authority behind every certificate here. */
  readonly caFile: string;
  /** What was asked so far, oldest first; the newest 10,000. */
  readonly requests: readonly RequestRecord[];
  close(): Promise<void>;
}

/**
 * Starts ECR's docker side on loopback: a proxy under which every `<account>.dkr.ecr.<region>.amazonaws.com[.cn]` is
 * reached by its own name, over TLS by an authority of its own.
 */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { onEvent = () => undefined } = options;
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true });
  const authority = await createAuthority("s3-codebuild-trigger local registry");
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.certificate);

  const planes = controlPlanes(options.endpoint);
  const storage = options.storage
    ? createUpstreamStorage(options.storage.url)
    : createEmbeddedStorage(join(directory, "images"));
  const front = createFront({
    storage,
    controlPlane: (host) => planes.of(host),
    blobMounting: options.blobMounting ?? false,
    iam: options.iam,
  });
  const requests: RequestRecord[] = [];
  const record = (request: RequestRecord): void => {
    requests.push(request);
    if (requests.length > MAX_RECORDED_REQUESTS) requests.shift();
  };

  const secure = createServer({ SNICallback: sniCallback(authority) }, (request, response) => {
    void handle(front, request, response, record, onEvent);
  });
  secure.requestTimeout = 0;
  const sockets = new Set<Socket>();
  const proxy = createProxy({
    onRegistry: (socket) => secure.emit("connection", socket),
    onRefused: (message) => {
      onEvent({ kind: "refused", message });
    },
  });
  proxy.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((listening, failed) => {
    proxy.once("error", failed).listen(options.port ?? 0, "127.0.0.1", listening);
  });

  return {
    proxyUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    caFile,
    requests,
    close: async () => {
      const closed = new Promise((done) => proxy.close(done));
      // Tunnels have left the server's own account of connections.
      for (const socket of sockets) socket.destroy();
      await closed;
      planes.close();
    },
  };
}

function sniCallback(authority: CertificateAuthority) {
  return (
    name: string,
    done: (error: Error | null, context?: Awaited<ReturnType<CertificateAuthority["contextFor"]>>) => void,
  ): void => {
    if (!parseHost(name)) {
      done(new Error(`no certificate for ${name}: not a host of ECR`));
      return;
    }
    authority.contextFor(name).then(
      (context) => {
        done(null, context);
      },
      (error: unknown) => {
        done(error as Error);
      },
    );
  };
}

async function handle(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  record: (request: RequestRecord) => void,
  onEvent: (event: RegistryEvent) => void,
): Promise<void> {
  const entry = {
    at: new Date(),
    method: request.method ?? "",
    host: (request.headers.host ?? "").replace(/:443$/, "").toLowerCase(),
    path: request.url ?? "",
    status: 0,
    bytesIn: 0,
    bytesOut: 0,
    complete: false,
  };
  const body = Readable.from(
    counted(request, (bytes) => (entry.bytesIn += bytes)),
    { objectMode: false },
  );
  const answer = await answerTo(front, entry.host, request, body).catch((error: unknown) =>
    failure(error, entry, request.errored !== null, onEvent),
  );
  entry.status = answer.status;
  record(entry);
  try {
    response.writeHead(answer.status, {
      "docker-distribution-api-version": "registry/2.0",
      ...lengthOf(answer),
      ...answer.headers,
    });
    const content =
      request.method === "HEAD" ? [] : answer.body instanceof Readable ? answer.body : [answer.body ?? ""];
    await pipeline(
      counted(content, (bytes) => (entry.bytesOut += bytes)),
      response,
    );
    entry.complete = true;
  } catch (error) {
    // A client may leave whenever it likes; anything else is ours.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") {
      onEvent({
        kind: "failed",
        message: `${entry.method} ${entry.host}${entry.path} broke off: ${String(error)}`,
        error,
      });
    }
    response.destroy();
  }
  onEvent({ kind: "request", request: entry });
}

function lengthOf({ status, body }: Answer): Record<string, string> {
  if (status === 204 || body instanceof Readable) return {};
  return { "content-length": String(body?.length ?? 0) };
}

async function answerTo(front: Front, host: string, request: IncomingMessage, body: Readable): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? "/", `https://${host}`);
  const asked: FrontRequest = {
    method: request.method ?? "GET",
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body,
  };
  const known = parseHost(host);
  switch (known?.kind) {
    case "registry":
      return front.registry(known, asked);
    case "layers":
      return front.layers(known, asked);
    default:
      throw new DistributionError(421, "UNSUPPORTED", `${host} is not a host of ECR`);
  }
}

function failure(
  error: unknown,
  entry: RequestRecord,
  clientLeft: boolean,
  onEvent: (event: RegistryEvent) => void,
): Answer {
  const known = error instanceof DistributionError;
  if (error instanceof DeniedError) onEvent({ kind: "refused", message: error.message });
  if (!known && !clientLeft) {
    onEvent({
      kind: "failed",
      message: `${entry.method} ${entry.host}${entry.path} failed in the registry: ${String(error)}`,
      error,
    });
  }
  const status = known ? error.status : 500;
  const code = known ? error.code : "UNKNOWN";
  const message = error instanceof Error ? error.message : String(error);
  return {
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
  };
}

async function* counted(
  source: AsyncIterable<unknown> | Iterable<unknown>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}
