import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, get } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { collect, type Content } from "./content";
import { RegistryAnswerError } from "./errors";

export interface RegistryLocation {
  /** e.g. `http://127.0.0.1:40001` @default - the registry is reached directly */
  readonly proxyUrl?: string;
  /** PEM file of the authority that vouches for the registry. @default - the public ones */
  readonly caFile?: string;
  /** The registry's host name. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  /** The whole header: `Basic <token of GetAuthorizationToken>`. */
  readonly authorization: string;
}

/** Where a published image is read from. */
export interface ImageSource {
  manifest(): Promise<{ readonly bytes: Buffer; readonly mediaType: string; readonly digest: string | undefined }>;
  blob(digest: string): Promise<Content>;
}

const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

const REDIRECTS = [301, 302, 303, 307, 308];
/** A registry that is silent for so long, in milliseconds, does not answer any more. */
const TIMEOUT = 30_000;

/** Reads an image by plain HTTPS requests. */
export async function openRegistry(location: RegistryLocation): Promise<ImageSource & { close(): void }> {
  const { host, repository, tag, authorization } = location;
  const ca = location.caFile === undefined ? undefined : await readFile(location.caFile);
  const agent =
    location.proxyUrl === undefined
      ? new Agent({ keepAlive: true })
      : new HttpsProxyAgent(location.proxyUrl, { keepAlive: true });

  const send = (url: URL, headers: Record<string, string>): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const request = get(url, { agent, ca, headers, timeout: TIMEOUT }, resolve);
      request.once("error", reject);
      request.once("timeout", () => request.destroy(new Error(`GET ${url.href}: no answer within ${TIMEOUT} ms`)));
    });

  const read = async (path: string, accept: string): Promise<IncomingMessage> => {
    const url = new URL(`/v2/${repository}/${path}`, `https://${host}`);
    let response = await send(url, { authorization, accept });
    const target = response.headers.location;
    if (REDIRECTS.includes(response.statusCode ?? 0) && target !== undefined) {
      response.resume();
      // The credentials are the registry's alone; the store it redirects to refuses a second kind of them.
      response = await send(new URL(target, url), { accept });
    }
    if (response.statusCode === 200) return response;
    throw new RegistryAnswerError(url.href, response.statusCode ?? 0, (await collect(response)).toString("utf8"));
  };

  return {
    manifest: async () => {
      const response = await read(`manifests/${tag}`, MANIFESTS);
      const digest = response.headers["docker-content-digest"];
      return {
        bytes: await collect(response),
        mediaType: response.headers["content-type"] ?? "",
        digest: typeof digest === "string" ? digest : undefined,
      };
    },
    blob: (digest) => read(`blobs/${digest}`, "*/*"),
    close: () => {
      agent.destroy();
    },
  };
}
