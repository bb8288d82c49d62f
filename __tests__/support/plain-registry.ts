import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createEmbeddedStorage } from "../../local/registry/embedded";
import { DistributionError } from "../../local/registry/errors";
import { parseRoute } from "../../local/registry/routes";

/** The registry works, but not as it should. */
export interface Interference {
  /** What it gets in place of the request's body. @default - the body itself */
  readonly body?: AsyncIterable<Buffer>;
  /** Whether the connection breaks instead of its answer. @default false */
  readonly losesAnswer?: boolean;
}

/** Answers in the registry's place (true), or not: then the registry does. */
export type Intercept = (
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | Interference | Promise<boolean | Interference>;

export interface PlainRegistry {
  readonly url: URL;
  /** `METHOD path`, oldest first, without the ids of uploads. */
  readonly requests: readonly string[];
  intercept: Intercept;
  close(): Promise<void>;
}

/** The embedded registry over plain HTTP, without ECR's front, open to interference. */
export async function startPlainRegistry(directory: string): Promise<PlainRegistry> {
  const storage = createEmbeddedStorage(directory);
  const requests: string[] = [];

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://registry");
    const method = request.method ?? "";
    requests.push(`${method} ${pathname.replace(/(?<=\/uploads\/).+$/, "ID")}`);
    const interference = await registry.intercept(request, response);
    if (interference === true) return;
    const { body = request, losesAnswer = false } = interference === false ? {} : interference;
    const route = parseRoute(pathname);
    if (!route || route.kind === "base") throw new Error(`unexpected ${method} ${pathname}`);
    const answer = await storage
      // All that it does with a body is to iterate over it; a stream would read ahead.
      .serve({ method, route, query: searchParams, headers: request.headers, body: body as Readable })
      .catch((error: unknown) => refusal(error));
    if (losesAnswer) {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, answer.headers);
    await pipeline(Readable.from(method === "HEAD" ? [] : (answer.body ?? [])), response);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const registry: PlainRegistry = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    intercept: () => false,
    close: () =>
      new Promise((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
      }),
  };
  return registry;
}

function refusal(error: unknown): { status: number; headers: Record<string, string>; body: Buffer } {
  if (!(error instanceof DistributionError)) throw error;
  const body = JSON.stringify({ errors: [{ code: error.code, message: error.message }] });
  return { status: error.status, headers: { "content-type": "application/json" }, body: Buffer.from(body) };
}
