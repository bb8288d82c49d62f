import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands in front of an HTTP server of this machine and counts. */
export interface CountingProxy {
  readonly host: string;
  /** `METHOD path`, in the order of their beginning. */
  readonly requests: string[];
  /** Bytes of bodies that came from the server. */
  received: number;
  /** Bytes of bodies that went to the server. */
  sent: number;
  close(): void;
}

/** @param delay milliseconds until a request goes on. @default - at once */
export async function startCountingProxy(target: string, delay?: number): Promise<CountingProxy> {
  const [hostname = "", port = ""] = target.split(":");
  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    proxy.requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    const { method, url: path, headers } = request;
    const onward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("data", (chunk: Buffer) => (proxy.received += chunk.length));
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.on("data", (chunk: Buffer) => (proxy.sent += chunk.length));
    request.pipe(onward);
  };
  const server = createServer((request, response) => {
    if (delay === undefined) forward(request, response);
    else setTimeout(forward, delay, request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const proxy: CountingProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    received: 0,
    sent: 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
