import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream";
import { agentFor, CONNECT_TIMEOUT } from "../network";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT";
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  /** What is iterated over is sent in chunks, unless the headers tell its length. */
  readonly body?: Buffer | AsyncIterable<Buffer>;
  /** Breaks the request off with its reason. @default - none */
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** The proxy of HTTPS_PROXY does not lead to the host. */
export class ProxyRefusedError extends Error {
  constructor(readonly status: number) {
    super(`the proxy answered HTTP ${status}`);
  }
}

/** Bytes of an answer: manifests and configurations. ECR's limit for a manifest is 4 MiB. */
const MAX_ANSWER = 8 * 1024 * 1024;

export class AnswerTooLargeError extends Error {
  constructor() {
    super(`an answer of more than ${MAX_ANSWER} bytes`);
  }
}

export interface Timeouts {
  /** Milliseconds until there is a connection, through the proxy if there is one. */
  readonly connect: number;
  /** Milliseconds in which the connection may carry nothing. */
  readonly idle: number;
}

/** A registry says nothing while it puts a blob of gigabytes together, and one that is cut off there is sent again whole. */
export const DEFAULT_TIMEOUTS: Timeouts = { connect: CONNECT_TIMEOUT, idle: 300_000 };

/** One request and its whole answer. Rejects if the answer does not come; any status is an answer. */
export function exchange(
  { method, url, headers, body, signal }: HttpRequest,
  timeouts: Timeouts = DEFAULT_TIMEOUTS,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const isStream = body !== undefined && !Buffer.isBuffer(body);
    const length = isStream ? {} : method === "GET" || method === "HEAD" ? {} : { "content-length": body?.length ?? 0 };
    const request = send(url, { method, agent: agentFor(url), headers: { ...length, ...headers }, signal });
    // Node's own agents do this; a proxy's does not. A chunk that waits for the one before costs a round trip.
    request.setNoDelay(true);
    let answer: IncomingMessage | undefined;
    const giveUp = (message: string): void => {
      const error = Object.assign(new Error(message), { code: "ETIMEDOUT" });
      (answer ?? request).destroy(error);
      // A request without a connection reports nothing.
      fail(error);
    };
    // The idle time counts from the connection on only.
    const connecting = setTimeout(() => {
      giveUp(`no connection within ${timeouts.connect / 1000} seconds`);
    }, timeouts.connect);
    const connected = (): void => {
      clearTimeout(connecting);
    };
    request.on("close", connected).on("socket", (socket) => {
      if (socket.connecting) socket.once("connect", connected);
      else connected();
    });
    request.setTimeout(timeouts.idle, () => {
      giveUp(`nothing heard for ${timeouts.idle / 1000} seconds`);
    });
    // Without this the proxy's refusal would pass for the registry's answer.
    request.on("proxyConnect", ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) request.destroy(new ProxyRefusedError(statusCode));
    });
    // A registry may refuse while the body is still being sent: its answer is worth more than the broken pipe that follows.
    const fail = (error: Error): void => {
      connected();
      if (answer === undefined) reject(error);
    };
    request.on("error", fail);
    request.on("response", (response) => {
      answer = response;
      readAnswer(response)
        .finally(() => {
          if (isStream && !request.writableFinished) request.destroy();
        })
        .then(resolve, reject);
    });
    if (isStream) {
      pipeline(body, request, (error) => {
        if (error) fail(error);
      });
    } else {
      request.end(body);
    }
  });
}

async function readAnswer(response: IncomingMessage): Promise<HttpResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new AnswerTooLargeError();
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}
