import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { ControlPlane, Repository } from "./control-plane";
import {
  BlobUnknownError,
  DistributionError,
  ManifestBlobUnknownError,
  ManifestTooLargeError,
  RepositoryUnknownError,
  TagImmutableError,
  TooManyLayersError,
  UnsupportedError,
  UploadUnknownError,
} from "./errors";
import { layerHost, type LayerHost, type RegistryHost } from "./hosts";
import { MANIFEST_TYPES, referencesOf } from "./manifest";
import { checkAllowed, holderOf, type RegistryIam } from "./permissions";
import { isDigest, parseRoute, renderRoute, type RepositoryRoute, type Route } from "./routes";
import { createLinkSigner } from "./signed-url";
import { type Answer, type Storage, type StorageRequest } from "./storage";

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html, `imageManifest`. */
const MAX_MANIFEST_BYTES = 4_194_304;
/** Measured, not documented: https://github.com/nuonco/nuon/pull/2348. */
const MAX_LAYERS = 500;

/** A manifest is answered as it was pushed, whatever the client says that it accepts. */
const ACCEPT_ALL = { accept: MANIFEST_TYPES.join(", ") };

export interface FrontRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

export interface FrontOptions {
  readonly storage: Storage;
  readonly controlPlane: (host: RegistryHost) => ControlPlane;
  /** The registry-wide setting BLOB_MOUNTING, off as on a new account. */
  readonly blobMounting: boolean;
  /** @default - whoever has credentials may do everything */
  readonly iam?: RegistryIam;
}

/** What ECR adds to a registry and where it differs from one, as seen by a docker client. */
export interface Front {
  registry(host: RegistryHost, request: FrontRequest): Promise<Answer>;
  layers(host: LayerHost, request: FrontRequest): Promise<Answer>;
}

export function createFront({ storage, controlPlane, blobMounting, iam }: FrontOptions): Front {
  const links = createLinkSigner();
  const oneAtATime = createQueues();
  /** The `Range` of each upload's first chunk, which ECR repeats for all later ones. */
  const firstRanges = new Map<string, string>();

  const registry = async (host: RegistryHost, request: FrontRequest): Promise<Answer> => {
    const plane = controlPlane(host);
    const credentials = /^Basic (?<token>.+)$/i.exec(request.headers.authorization ?? "")?.groups?.token;
    if (credentials === undefined) return notAuthorized(host);
    const holder = iam && holderOf(iam, credentials);
    if (holder === undefined && !(await plane.accepts(credentials))) return notAuthorized(host);

    const route = routeOf(request);
    if (route.kind === "base") return { status: 200, headers: {} };
    if (iam && holder) await checkAllowed(iam, holder, host, request.method, route);
    const repository = await plane.repository(route.repository);
    if (!repository) throw new RepositoryUnknownError(route.repository, host.account);

    const name = storageName(host, repository);
    const stored: StorageRequest = { ...request, route: { ...route, repository: name } };
    const answer = await serve(host, plane, repository, route, stored);
    return outward(answer, host, name, repository.name);
  };

  const serve = async (
    host: RegistryHost,
    plane: ControlPlane,
    repository: Repository,
    route: RepositoryRoute,
    request: StorageRequest,
  ): Promise<Answer> => {
    switch (route.kind) {
      case "blob":
        return request.method === "GET" ? redirect(host, request, route.digest) : storage.serve(request);
      case "uploads":
        return storage.serve({ ...request, query: await mountQuery(host, plane, request.query) });
      case "upload":
        return upload(route.id, request);
      case "manifest":
        if (request.method !== "PUT")
          return storage.serve({ ...request, headers: { ...request.headers, ...ACCEPT_ALL } });
        return oneAtATime(request.route.repository, () =>
          putManifest(host, plane, repository, route.reference, request),
        );
      case "tags":
        return storage.serve(request);
    }
  };

  const redirect = async (host: RegistryHost, request: StorageRequest, digest: string): Promise<Answer> => {
    if (!(await exists(request, request.route))) throw new BlobUnknownError(digest);
    return { status: 307, headers: { location: links.sign(layerHost(host.region), renderRoute(request.route)) } };
  };

  const mountQuery = async (
    host: RegistryHost,
    plane: ControlPlane,
    query: URLSearchParams,
  ): Promise<URLSearchParams> => {
    const result = new URLSearchParams(query);
    const from = query.get("from");
    const source = blobMounting && from !== null ? await plane.repository(from) : undefined;
    if (source) {
      result.set("from", storageName(host, source));
    } else {
      result.delete("mount");
      result.delete("from");
    }
    return result;
  };

  /**
   * ECR answers a chunk by 201, repeats the first chunk's range for every later one and does not tell how far an
   * upload is (https://github.com/aws/containers-roadmap/issues/2831, https://github.com/dotnet/sdk/pull/33019):
   * a client that goes by the specification alone must fail here too.
   */
  const upload = async (id: string, request: StorageRequest): Promise<Answer> => {
    if (request.method === "GET") throw new UploadUnknownError(id);
    const answer = await storage.serve(request);
    if (request.method !== "PATCH") {
      firstRanges.delete(id);
      return answer;
    }
    if (answer.status !== 202) return answer;
    const range = firstRanges.get(id) ?? answer.headers.range ?? "0-0";
    firstRanges.set(id, range);
    return { ...answer, status: 201, headers: { ...answer.headers, range } };
  };

  const putManifest = async (
    host: RegistryHost,
    plane: ControlPlane,
    repository: Repository,
    reference: string,
    request: StorageRequest,
  ): Promise<Answer> => {
    const content = await readManifest(request.body);
    const mediaType = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
    const { kind, digests } = referencesOf(content, mediaType);
    // The first one is the configuration.
    if (kind === "Layers" && digests.length > MAX_LAYERS + 1) throw new TooManyLayersError();
    const missing = await absent(request, kind, digests);
    if (missing.length > 0) throw new ManifestBlobUnknownError(kind, missing, repository.name, host.account);

    const tag = isDigest(reference) ? undefined : reference;
    if (tag !== undefined && repository.isImmutable(tag) && (await exists(request, request.route))) {
      throw new TagImmutableError(tag, repository.name);
    }
    const answer = await storage.serve({
      ...request,
      headers: { ...request.headers, "content-length": String(content.length) },
      body: Readable.from([content]),
    });
    const digest = answer.headers["docker-content-digest"];
    if (answer.status !== 201 || digest === undefined) return answer;
    await plane.putImage({ repository: repository.name, tag, digest, manifest: content.toString("utf8"), mediaType });
    // https://github.com/oras-project/rust-oci-client/pull/33: ECR leaves the manifest's Location out.
    return { status: 201, headers: { "docker-content-digest": digest } };
  };

  const absent = async (
    request: StorageRequest,
    kind: "Layers" | "Images",
    digests: readonly string[],
  ): Promise<string[]> => {
    const { repository } = request.route;
    const missing: string[] = [];
    for (const digest of new Set(digests)) {
      const route: RepositoryRoute =
        kind === "Layers" ? { kind: "blob", repository, digest } : { kind: "manifest", repository, reference: digest };
      if (!(await exists(request, route))) missing.push(digest);
    }
    return missing;
  };

  const exists = async (request: StorageRequest, route: RepositoryRoute): Promise<boolean> => {
    try {
      const head = await storage.serve({
        ...request,
        method: "HEAD",
        route,
        headers: ACCEPT_ALL,
        body: Readable.from([]),
      });
      return head.status === 200;
    } catch (error) {
      if (error instanceof DistributionError && error.status === 404) return false;
      throw error;
    }
  };

  const layers = async (host: LayerHost, request: FrontRequest): Promise<Answer> => {
    if (request.headers.authorization !== undefined) {
      return s3Error(
        400,
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
      );
    }
    const refusal = links.refusal(host.host, request.path, request.query);
    const route = parseRoute(request.path);
    if (request.method !== "GET" || refusal !== undefined || route?.kind !== "blob") {
      return s3Error(403, "AccessDenied", refusal ?? "SignatureDoesNotMatch");
    }
    return storage.serve({ ...request, route });
  };

  return { registry, layers };
}

function routeOf(request: FrontRequest): Route {
  const route = parseRoute(request.path);
  if (!route) throw new UnsupportedError(request.method, request.path);
  return route;
}

/**
 * One storage holds the repositories of all accounts and regions; the time of creation keeps a repository that was
 * deleted and made again from having its predecessor's images.
 */
function storageName(host: RegistryHost, repository: Repository): string {
  return `${host.account}/${host.region}/${repository.createdAt.getTime()}/${repository.name}`;
}

/** Turns a location within the storage into one below the registry's own host name. */
function outward(answer: Answer, host: RegistryHost, stored: string, name: string): Answer {
  const { location } = answer.headers;
  if (location === undefined || answer.status === 307) return answer;
  const { pathname, search } = new URL(location, `https://${host.host}`);
  const path = pathname.replace(`/v2/${stored}/`, `/v2/${name}/`);
  return { ...answer, headers: { ...answer.headers, location: `https://${host.host}${path}${search}` } };
}

function notAuthorized(host: RegistryHost): Answer {
  return {
    status: 401,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "www-authenticate": `Basic realm="https://${host.host}/",service="ecr.amazonaws.com"`,
    },
    body: Buffer.from("Not Authorized\n"),
  };
}

function s3Error(status: number, code: string, message: string): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { "content-type": "application/xml" }, body: Buffer.from(body) };
}

async function readManifest(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_MANIFEST_BYTES) throw new ManifestTooLargeError(MAX_MANIFEST_BYTES);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Runs the work of one key in the order it came; between looking at a tag and writing it nobody else writes. */
function createQueues(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (last.get(key) === settled) last.delete(key);
    }
  };
}
