import type { IncomingMessage, ServerResponse } from "node:http";
import type { Intercept, Interference } from "./plain-registry";

/** An error in the form of the distribution API. */
export function answer(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
  return true;
}

/** The connection breaks when so many bytes of the body have arrived. Those the registry keeps. */
export function cutAfter(request: IncomingMessage, bytes: number): Interference {
  const body = async function* (): AsyncGenerator<Buffer> {
    const source = request[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    for (let left = bytes; left > 0;) {
      const { value } = await source.next();
      if (value === undefined) break;
      yield value.subarray(0, left);
      left -= value.length;
    }
    throw new Error("cut");
  };
  return { body: body() };
}

/** What can happen to any request, once. */
export const FAULTS: Readonly<Record<string, Intercept>> = {
  "a reset before the answer": (_request, response) => {
    response.destroy();
    return true;
  },
  "a cut": (request, response) => {
    if (request.method === "PATCH") return cutAfter(request, 100_000);
    response.writeHead(200, { "content-length": "1000" }).write("half an answer", () => response.destroy());
    return true;
  },
  "a stall": () => true,
  "a 429": (_request, response) => answer(response, 429, "TOOMANYREQUESTS", "Rate exceeded", { "retry-after": "0" }),
  "a 503": (_request, response) => {
    response.writeHead(503).end("busy");
    return true;
  },
  "a 500": (_request, response) => answer(response, 500, "UNKNOWN", "internal"),
  "a lost answer": () => ({ losesAnswer: true }),
  "a 401": (_request, response) => answer(response, 401, "UNAUTHORIZED", "authentication required"),
};
