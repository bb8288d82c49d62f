import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { pipeline } from "node:stream/promises";
import { renderRoute } from "./routes";
import type { Storage, StorageRequest } from "./storage";

/** What says something about the content; the rest (host, authorization, connection) is between client and proxy. */
const FORWARDED = ["accept", "content-length", "content-range", "content-type", "range"];
const RETURNED = [
  "accept-ranges",
  "content-length",
  "content-range",
  "content-type",
  "docker-content-digest",
  "docker-upload-uuid",
  "link",
  "location",
  "range",
];

/** Keeps everything in a registry that already listens, e.g. `http://127.0.0.1:5000`. */
export function createUpstreamStorage(url: string): Storage {
  return {
    serve: async (request) => {
      const response = await send(url, request);
      const headers: Record<string, string> = {};
      for (const name of RETURNED) {
        const value = response.headers[name];
        if (typeof value === "string") headers[name] = value;
      }
      const status = response.statusCode ?? 502;
      if (request.method === "HEAD" || response.headers["content-length"] === "0" || status === 204) {
        response.resume();
        return { status, headers };
      }
      return { status, headers, body: response };
    },
  };
}

async function send(base: string, { method, route, query, headers, body }: StorageRequest): Promise<IncomingMessage> {
  const url = new URL(renderRoute(route), base);
  url.search = query.toString();
  const forwarded: OutgoingHttpHeaders = {};
  for (const name of FORWARDED) if (headers[name] !== undefined) forwarded[name] = headers[name];
  const outgoing = httpRequest(url, { method, headers: forwarded });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve).once("error", reject);
  });
  // The registry may answer and close before it has read everything: then its answer counts, not the broken pipe.
  const sent = pipeline(body, outgoing).catch((error: unknown) => {
    outgoing.destroy(error as Error);
  });
  const [answer] = await Promise.all([response, sent]);
  return answer;
}
