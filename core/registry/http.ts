import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline, type Readable } from "node:stream";
import { agentFor, IDLE_TIMEOUT } from "../network";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT";
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  /** A stream is sent in chunks, as its length is not known. */
  readonly body?: Buffer | Readable;
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

/** One request and its whole answer. Rejects if the answer does not come; any status is an answer. */
export function exchange({ method, url, headers, body }: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const isStream = body !== undefined && !Buffer.isBuffer(body);
    const length = isStream ? {} : method === "GET" || method === "HEAD" ? {} : { "content-length": body?.length ?? 0 };
    const request = send(url, { method, agent: agentFor(url), headers: { ...length, ...headers } });
    request.setTimeout(IDLE_TIMEOUT, () => {
      request.destroy(
        Object.assign(new Error(`nothing heard for ${IDLE_TIMEOUT / 1000} seconds`), { code: "ETIMEDOUT" }),
      );
    });
    // Without this the proxy's refusal would pass for the registry's answer.
    request.on("proxyConnect", ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) request.destroy(new ProxyRefusedError(statusCode));
    });
    // A registry may refuse while the body is still being sent: its answer is worth more than the broken pipe that follows.
    let answer: Promise<HttpResponse> | undefined;
    const fail = (error: Error): void => {
      if (answer === undefined) reject(error);
    };
    request.on("error", fail);
    request.on("response", (response) => {
      answer = readAnswer(response).finally(() => {
        if (isStream && !request.writableFinished) request.destroy();
      });
      answer.then(resolve, reject);
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
    if (size > MAX_ANSWER) throw new Error(`an answer of more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}
