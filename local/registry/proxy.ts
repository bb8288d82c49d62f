import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isLoopback, parseHost } from "./hosts";

export interface ProxyOptions {
  /** Takes a tunnel to one of ECR's hosts over; its first byte will be a TLS hello. */
  readonly onRegistry: (socket: Duplex) => void;
  readonly onRefused: (message: string) => void;
}

/** An HTTP proxy that leads ECR's hosts to the registry, lets loopback through, and refuses the rest of the world. */
export function createProxy({ onRegistry, onRefused }: ProxyOptions): Server {
  const refusal = (target: string): string => {
    const message =
      `the local proxy refuses ${target}: it leads to ECR hosts (<account>.dkr.ecr.<region>.amazonaws.com[.cn] ` +
      `and their layer buckets) on port 443 and to loopback only; add the host to NO_PROXY to go there directly`;
    onRefused(message);
    return message;
  };

  const server = createServer((request, response) => {
    response.writeHead(403, { "content-type": "text/plain; charset=utf-8" });
    response.end(`${refusal(`${request.method ?? ""} ${request.url ?? ""}`)}\n`);
  });
  server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const target = parseTarget(request.url ?? "");
    // A client speaks only after the 200, so nothing can have come along with the CONNECT itself.
    if (target?.port === 443 && parseHost(target.hostname) && head.length === 0) {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onRegistry(socket);
    } else if (target && isLoopback(target.hostname)) {
      passThrough(socket, head, target);
    } else {
      const body = `${refusal(`CONNECT ${request.url ?? ""}`)}\n`;
      socket.end(
        `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  });
  return server;
}

interface Target {
  readonly hostname: string;
  readonly port: number;
}

function parseTarget(authority: string): Target | undefined {
  const match = /^(?:\[(?<v6>[0-9a-f:]+)\]|(?<name>[^:[\]]+)):(?<port>[0-9]{1,5})$/i.exec(authority)?.groups;
  const hostname = match?.v6 ?? match?.name;
  return hostname === undefined ? undefined : { hostname: hostname.toLowerCase(), port: Number(match?.port) };
}

function passThrough(socket: Socket, head: Buffer, { hostname, port }: Target): void {
  const upstream = connect(port, hostname, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on("error", () => {
    socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n");
  });
  socket.on("close", () => upstream.destroy());
}
