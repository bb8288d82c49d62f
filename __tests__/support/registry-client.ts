import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { REGISTRY_HOST } from "./ecr";

export interface ClientAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ClientRequest {
  /** @default "GET" */
  readonly method?: string;
  /** @default REGISTRY_HOST */
  readonly host?: string;
  /** A path below the host, or a whole URL. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** Speaks to a registry through its proxy, request by request, and follows nothing. */
export interface RegistryClient {
  send(request: ClientRequest): Promise<ClientAnswer>;
  /** Uploads a blob in one piece; answers its digest. */
  pushBlob(repository: string, content: Buffer, host?: string): Promise<string>;
  putManifest(repository: string, reference: string, content: Buffer, mediaType?: string): Promise<ClientAnswer>;
}

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

export function createClient(
  registry: { readonly proxyUrl: string; readonly caFile: string },
  token: string,
): RegistryClient {
  const ca = readFileSync(registry.caFile);
  const agent = new HttpsProxyAgent(registry.proxyUrl, { keepAlive: true });

  const send = ({
    method = "GET",
    host = REGISTRY_HOST,
    path,
    headers = {},
    body,
  }: ClientRequest): Promise<ClientAnswer> =>
    new Promise((resolve, reject) => {
      const authorization = `Basic ${token}`;
      const outgoing = request(
        new URL(path, `https://${host}`),
        {
          method,
          ca,
          agent,
          headers: { authorization, "content-length": body?.length ?? 0, ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
          });
        },
      );
      outgoing.once("error", reject);
      // An absent credential is one of the cases; Node takes an empty header for one.
      if (headers.authorization === "") outgoing.removeHeader("authorization");
      outgoing.end(body);
    });

  return {
    send,
    pushBlob: async (repository, content, host = REGISTRY_HOST) => {
      const digest = sha256(content);
      const started = await send({ method: "POST", host, path: `/v2/${repository}/blobs/uploads/` });
      const url = new URL(started.headers.location ?? "");
      url.searchParams.set("digest", digest);
      const finished = await send({ method: "PUT", host, path: url.href, body: content });
      if (finished.status !== 201) throw new Error(`PUT ${url.href}: ${finished.status} ${finished.body.toString()}`);
      return digest;
    },
    putManifest: (repository, reference, content, mediaType = OCI_MANIFEST) =>
      send({
        method: "PUT",
        path: `/v2/${repository}/manifests/${reference}`,
        headers: { "content-type": mediaType },
        body: content,
      }),
  };
}

/** The manifest of blobs that were pushed before. */
export function imageManifest(config: Buffer, layers: readonly Buffer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: sha256(config),
        size: config.length,
      },
      layers: layers.map((layer) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        digest: sha256(layer),
        size: layer.length,
      })),
    }),
  );
}

export function sha256(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
