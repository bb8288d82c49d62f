import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ApiError, SerializationException, UnknownOperationException } from "./errors";

/** Answers one call; throws an ApiError for what the caller did wrong. */
export type Operation = (region: string, input: unknown) => unknown;

interface AwsJsonServerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** What stands before the dot in `X-Amz-Target`. */
  readonly targetPrefix: string;
  /** For requests without a signature. */
  readonly defaultRegion: string;
  readonly operations: Readonly<Record<string, Operation>>;
}

/** A loopback server of AWS JSON 1.1 (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html). */
export async function serveAwsJson(options: AwsJsonServerOptions): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    void respond(options, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function respond(options: AwsJsonServerOptions, request: IncomingMessage, response: ServerResponse) {
  try {
    const input = parseBody(await readBody(request));
    const output = await operationOf(options, request)(regionOf(request) ?? options.defaultRegion, input);
    send(response, 200, output ?? {});
  } catch (error) {
    if (error instanceof ApiError) send(response, 400, { __type: error.type, message: error.message });
    else send(response, 500, { __type: "InternalFailure", message: String(error) });
  }
}

function operationOf({ operations, targetPrefix }: AwsJsonServerOptions, request: IncomingMessage): Operation {
  const target = request.headers["x-amz-target"];
  const name = typeof target === "string" ? target : `${request.method ?? "GET"} ${request.url ?? "/"}`;
  const operation = name.startsWith(`${targetPrefix}.`) ? name.slice(targetPrefix.length + 1) : name;
  const handler = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
  if (!handler) throw new UnknownOperationException(operation, Object.keys(operations));
  return handler;
}

/** The region that the caller signed for: `Credential=<key>/<date>/<region>/<service>/aws4_request`. */
function regionOf(request: IncomingMessage): string | undefined {
  return /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1];
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function parseBody(body: string): unknown {
  try {
    return body === "" ? {} : JSON.parse(body);
  } catch (cause) {
    throw new SerializationException(`The request's body is no JSON: ${String(cause)}`);
  }
}

function send(response: ServerResponse, status: number, output: unknown): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": randomUUID() });
  response.end(JSON.stringify(timestampsAsSeconds(output)));
}

function timestampsAsSeconds(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(timestampsAsSeconds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, timestampsAsSeconds(member)]));
}
