import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent as HttpAgent, get as getHttp } from "node:http";
import { Agent, get } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { collect, type Content } from "./content";
import { RegistryAnswerError } from "./errors";
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./manifest";

export interface RegistryLocation {
  /** e.g. `http://127.0.0.1:40001` @default - the registry is reached directly */
  readonly proxyUrl?: string;
  /** PEM file of the authority that vouches for the registry. @default - the public ones */
  readonly caFile?: string;
  /** The registry's host name, with its port where that is not the usual one. */
  readonly host: string;
  /** Speaks HTTP without TLS, directly: for a registry on loopback. @default false */
  readonly plainHttp?: boolean;
  readonly repository: string;
  readonly tag: string;
  /** The whole header: `Basic <token of GetAuthorizationToken>`. @default - none is sent */
  readonly authorization?: string;
}

interface ReadManifest {
  readonly bytes: Buffer;
  /** What it was announced as. @default - its reader does not know */
  readonly mediaType?: string;
  /** The digest that it was announced with. @default - its reader does not know */
  readonly digest?: string;
}

/** Where a published image is read from. */
export interface ImageSource {
  /** @param digest of one that an index names. @default - the one that the tag points to */
  manifest(digest?: string): Promise<ReadManifest>;
  blob(digest: string): Promise<Content>;
}

const MANIFESTS = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST].join(", ");

const REDIRECTS = [301, 302, 303, 307, 308];
/** A registry that is silent for so long, in milliseconds, does not answer any more. */
const TIMEOUT = 30_000;

/** Reads an image by plain requests. */
export async function openRegistry(location: RegistryLocation): Promise<ImageSource & { close(): void }> {
  const { host, repository, tag, authorization, plainHttp = false } = location;
  const ca = location.caFile === undefined ? undefined : await readFile(location.caFile);
  const httpAgent = new HttpAgent({ keepAlive: true });
  const agent =
    location.proxyUrl === undefined
      ? new Agent({ keepAlive: true })
      : new HttpsProxyAgent(location.proxyUrl, { keepAlive: true });

  const send = (url: URL, headers: Record<string, string>): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const request =
        url.protocol === "http:"
          ? getHttp(url, { agent: httpAgent, headers, timeout: TIMEOUT }, resolve)
          : get(url, { agent, ca, headers, timeout: TIMEOUT }, resolve);
      request.once("error", reject);
      request.once("timeout", () => request.destroy(new Error(`GET ${url.href}: no answer within ${TIMEOUT} ms`)));
    });

  const read = async (path: string, accept: string): Promise<IncomingMessage> => {
    const url = new URL(`/v2/${repository}/${path}`, `${plainHttp ? "http" : "https"}://${host}`);
    let response = await send(url, { accept, ...(authorization === undefined ? {} : { authorization }) });
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
    manifest: async (wanted = tag) => {
      const response = await read(`manifests/${wanted}`, MANIFESTS);
      const { "content-type": mediaType, "docker-content-digest": digest } = response.headers;
      return {
        bytes: await collect(response),
        ...(mediaType === undefined ? {} : { mediaType }),
        ...(typeof digest === "string" ? { digest } : {}),
      };
    },
    blob: (digest) => read(`blobs/${digest}`, "*/*"),
    close: () => {
      agent.destroy();
      httpAgent.destroy();
    },
  };
}
