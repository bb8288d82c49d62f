import { createHash, randomUUID, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import {
  BlobUnknownError,
  DigestInvalidError,
  ManifestUnknownError,
  UnsupportedError,
  UploadBusyError,
  UploadRangeError,
  UploadUnknownError,
} from "./errors";
import { parseRange } from "./range";
import { isDigest, renderRoute } from "./routes";
import type { Answer, Storage, StorageRequest } from "./storage";

/** An upload in progress. The hash goes along with the bytes, so a finished blob is never read again. */
interface Upload {
  readonly file: string;
  readonly hash: Hash;
  received: number;
  busy: boolean;
}

/**
 * A registry of files, the subset of the OCI distribution API 1.1 that pushing and pulling needs:
 * blobs (monolithic, chunked, mounted, ranged), manifests and tags. Blobs are streamed, never held in memory,
 * and each repository has its own: one that is not pushed or mounted there is unknown there.
 */
export function createEmbeddedStorage(directory: string): Storage {
  const uploads = new Map<string, Upload>();
  const blobFile = (repository: string, digest: string): string => join(directory, repository, "_blobs", hex(digest));
  const manifestFile = (repository: string, digest: string): string =>
    join(directory, repository, "_manifests", hex(digest));
  const tagFile = (repository: string, tag: string): string => join(directory, repository, "_tags", tag);

  const startUpload = async ({ route, query }: StorageRequest): Promise<Answer> => {
    const { repository } = route;
    const mount = query.get("mount");
    const from = query.get("from");
    if (mount !== null && from !== null && (await mounted(blobFile(from, mount), blobFile(repository, mount)))) {
      return created(repository, mount);
    }
    const id = randomUUID();
    const file = join(directory, repository, "_uploads", id);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, "");
    uploads.set(id, { file, hash: createHash("sha256"), received: 0, busy: false });
    return accepted(repository, id, 0);
  };

  const find = (id: string): Upload => {
    const upload = uploads.get(id);
    if (!upload) throw new UploadUnknownError(id);
    return upload;
  };

  const append = async (id: string, body: Readable, contentRange: string | undefined): Promise<void> => {
    const upload = find(id);
    if (upload.busy) throw new UploadBusyError(id);
    const first = contentRange === undefined ? upload.received : firstByte(contentRange);
    if (first !== upload.received) throw new UploadRangeError(upload.received, first);
    upload.busy = true;
    const file = await open(upload.file, "a");
    try {
      // Hash, count and file stay in step at every chunk: after a cut the client can go on from `received`.
      for await (const chunk of body as AsyncIterable<Buffer>) {
        await file.appendFile(chunk);
        upload.hash.update(chunk);
        upload.received += chunk.length;
      }
    } finally {
      upload.busy = false;
      await file.close();
    }
  };

  const finishUpload = async (
    id: string,
    repository: string,
    digest: string,
    body: Readable,
    contentRange: string | undefined,
  ): Promise<Answer> => {
    await append(id, body, contentRange);
    const upload = find(id);
    uploads.delete(id);
    const found = `sha256:${upload.hash.digest("hex")}`;
    if (found !== digest) {
      await unlink(upload.file);
      throw new DigestInvalidError(found, digest);
    }
    const target = blobFile(repository, digest);
    await mkdir(dirname(target), { recursive: true });
    await rename(upload.file, target);
    return created(repository, digest);
  };

  const serveUpload = async (request: StorageRequest, repository: string, id: string): Promise<Answer> => {
    const range = request.headers["content-range"];
    switch (request.method) {
      case "GET":
        return { ...accepted(repository, id, find(id).received), status: 204 };
      case "PATCH":
        await append(id, request.body, range);
        return accepted(repository, id, find(id).received);
      case "PUT":
        return finishUpload(id, repository, request.query.get("digest") ?? "", request.body, range);
      case "DELETE":
        await unlink(find(id).file);
        uploads.delete(id);
        return { status: 204, headers: {} };
      default:
        throw new UnsupportedError(request.method, renderRoute(request.route));
    }
  };

  const serveBlob = async (request: StorageRequest, repository: string, digest: string): Promise<Answer> => {
    const file = blobFile(repository, digest);
    const size = await sizeOf(file);
    if (size === undefined) throw new BlobUnknownError(digest);
    const headers = {
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
    };
    if (request.method === "HEAD") return { status: 200, headers: { ...headers, "content-length": String(size) } };
    const range = parseRange(request.headers.range, size);
    if (range === undefined) {
      return { status: 200, headers: { ...headers, "content-length": String(size) }, body: createReadStream(file) };
    }
    if (range === "unsatisfiable") return { status: 416, headers: { "content-range": `bytes */${size}` } };
    return {
      status: 206,
      headers: {
        ...headers,
        "content-length": String(range.end - range.start + 1),
        "content-range": `bytes ${range.start}-${range.end}/${size}`,
      },
      body: createReadStream(file, range),
    };
  };

  const resolve = async (repository: string, reference: string): Promise<string> => {
    if (isDigest(reference)) return reference;
    const digest = await readText(tagFile(repository, reference));
    if (digest === undefined) throw new ManifestUnknownError(reference);
    return digest;
  };

  const serveManifest = async (request: StorageRequest, repository: string, reference: string): Promise<Answer> => {
    if (request.method === "PUT") return putManifest(request, repository, reference);
    const digest = await resolve(repository, reference);
    const file = manifestFile(repository, digest);
    const mediaType = await readText(`${file}.type`);
    if (mediaType === undefined) throw new ManifestUnknownError(reference);
    if (request.method === "DELETE") return deleteManifest(repository, reference, file);
    const content = await readFile(file);
    const headers = {
      "content-type": mediaType,
      "content-length": String(content.length),
      "docker-content-digest": digest,
    };
    return request.method === "HEAD" ? { status: 200, headers } : { status: 200, headers, body: content };
  };

  const putManifest = async (request: StorageRequest, repository: string, reference: string): Promise<Answer> => {
    const content = await collect(request.body);
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    if (isDigest(reference) && reference !== digest) throw new DigestInvalidError(digest, reference);
    const file = manifestFile(repository, digest);
    await writeWhole(file, content);
    await writeWhole(`${file}.type`, request.headers["content-type"] ?? "application/vnd.oci.image.manifest.v1+json");
    if (!isDigest(reference)) await writeWhole(tagFile(repository, reference), digest);
    return {
      status: 201,
      headers: { location: `/v2/${repository}/manifests/${digest}`, "docker-content-digest": digest },
    };
  };

  const deleteManifest = async (repository: string, reference: string, file: string): Promise<Answer> => {
    if (!isDigest(reference)) {
      await unlink(tagFile(repository, reference));
      return { status: 202, headers: {} };
    }
    for (const tag of await tagsOf(repository)) {
      if ((await readText(tagFile(repository, tag))) === reference) await unlink(tagFile(repository, tag));
    }
    await Promise.all([unlink(file), unlink(`${file}.type`)]);
    return { status: 202, headers: {} };
  };

  const tagsOf = async (repository: string): Promise<string[]> =>
    (await orUndefined(readdir(join(directory, repository, "_tags"))))?.filter((tag) => !tag.includes("~")).sort() ??
    [];

  return {
    serve: async (request) => {
      const { method, route } = request;
      switch (route.kind) {
        case "uploads":
          if (method === "POST") return startUpload(request);
          break;
        case "upload":
          return serveUpload(request, route.repository, route.id);
        case "blob":
          if (method === "GET" || method === "HEAD") return serveBlob(request, route.repository, route.digest);
          break;
        case "manifest":
          if (["GET", "HEAD", "PUT", "DELETE"].includes(method)) {
            return serveManifest(request, route.repository, route.reference);
          }
          break;
        case "tags":
          if (method === "GET") {
            const body = Buffer.from(JSON.stringify({ name: route.repository, tags: await tagsOf(route.repository) }));
            return { status: 200, headers: { "content-type": "application/json" }, body };
          }
      }
      throw new UnsupportedError(method, renderRoute(route));
    },
  };
}

function accepted(repository: string, id: string, received: number): Answer {
  return {
    status: 202,
    headers: {
      location: `/v2/${repository}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, received - 1)}`,
      "docker-upload-uuid": id,
    },
  };
}

function created(repository: string, digest: string): Answer {
  return {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
  };
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}

function firstByte(contentRange: string): number {
  return Number(/^(?:bytes )?([0-9]+)-[0-9]+(?:\/|$)/.exec(contentRange)?.[1] ?? Number.NaN);
}

async function mounted(source: string, target: string): Promise<boolean> {
  if ((await sizeOf(source)) === undefined) return false;
  await mkdir(dirname(target), { recursive: true });
  if ((await sizeOf(target)) === undefined) await link(source, target);
  return true;
}

/** A reader sees the old file or the new one, never half of it. `~` occurs in no tag. */
async function writeWhole(file: string, content: Buffer | string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const half = `${file}~${randomUUID()}`;
  await writeFile(half, content);
  await rename(half, file);
}

async function collect(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await orUndefined(stat(file)))?.size;
}

function readText(file: string): Promise<string | undefined> {
  return orUndefined(readFile(file, "utf8"));
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
