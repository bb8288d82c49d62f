import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeS3 {
  /** For AWS_ENDPOINT_URL_S3. */
  readonly endpoint: string;
  /** What was asked, oldest first: path without query, and the headers and parameters that pin or cut an object. */
  readonly requests: readonly FakeS3Request[];
  /** Answers the version id that the object got; `null` in a bucket without versioning. */
  put(bucket: string, key: string, body: Buffer, options?: Versioning): { versionId?: string; etag: string };
  /** Answers the id of an upload in parts that begins now, or began then. */
  begin(bucket: string, key: string, initiated?: Date): string;
  /** Ends it: the object's LastModified is the time at which it began, and so is its place among the versions. */
  complete(uploadId: string, body: Buffer, options?: Versioning): { versionId?: string; etag: string };
  abort(uploadId: string): void;
  delete(bucket: string, key: string): void;
  /** Refuses every request from now on. */
  refuse(status: number, code: string, message: string): void;
  /** Breaks the next answers off after so many bytes each. */
  breakOff(...afterBytes: readonly number[]): void;
  close(): Promise<void>;
}

interface FakeS3Request {
  readonly path: string;
  readonly list?: "uploads" | "versions";
  readonly range?: string;
  readonly versionId?: string;
  readonly ifMatch?: string;
  readonly sent: number;
}

interface Versioning {
  readonly versioned?: boolean;
}

interface StoredVersion {
  readonly versionId: string;
  readonly etag: string;
  readonly body: Buffer;
  readonly modified: Date;
}

interface RunningUpload {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiated: Date;
}

interface Answer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

/** Entries on a page of a list. */
const PAGE = 1000;

/**
 * Of S3 what builds ask, on loopback: objects by version, Range and If-Match, the uploads that run, the versions of a key.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 * @param now what time it is, to the second, for what is uploaded
 */
export async function startS3(now: () => Date = () => new Date()): Promise<FakeS3> {
  /** By `/bucket/key`, the current version last. */
  const objects = new Map<string, StoredVersion[]>();
  const uploads = new Map<string, RunningUpload>();
  const requests: (FakeS3Request & { sent: number })[] = [];
  const breaks: number[] = [];
  let refusal: readonly [number, string, string] | undefined;

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://s3");
    const path = decodeURIComponent(url.pathname);
    const versionId = url.searchParams.get("versionId") ?? undefined;
    const { range, "if-match": ifMatch } = request.headers;
    const list = (["uploads", "versions"] as const).find((name) => url.searchParams.has(name));
    const record = {
      path,
      ...(list && { list }),
      ...(range && { range }),
      ...(versionId && { versionId }),
      ...(ifMatch && { ifMatch }),
      sent: 0,
    };
    requests.push(record);
    if (refusal) {
      refuse(response, ...refusal);
    } else if (list === "uploads") {
      listUploads({ request, response, url }, [...uploads.values()]);
    } else if (list === "versions") {
      listVersions({ request, response, url }, objects);
    } else {
      const versions = objects.get(path) ?? [];
      record.sent = sendObject({ request, response, url }, versions, breaks);
    }
  };
  const server = createServer(serve);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));

  const store = (path: string, version: Omit<StoredVersion, "versionId">, { versioned = true }: Versioning) => {
    const versionId = versioned ? randomBytes(16).toString("hex") : "null";
    const older = versioned ? (objects.get(path) ?? []) : [];
    // Of two uploads the one that began later is current, whichever ended first:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
    const position = older.findLastIndex(({ modified }) => modified <= version.modified) + 1;
    objects.set(path, older.toSpliced(position, 0, { ...version, versionId }));
    return { ...(versioned && { versionId }), etag: version.etag };
  };

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    put: (bucket, key, body, options = {}) =>
      store(`/${bucket}/${key}`, { etag: md5(body), body, modified: now() }, options),
    begin: (bucket, key, initiated = now()) => {
      const uploadId = randomBytes(16).toString("hex");
      uploads.set(uploadId, { uploadId, bucket, key, initiated });
      return uploadId;
    },
    complete: (uploadId, body, options = {}) => {
      const { bucket, key, initiated } = uploads.get(uploadId)!;
      uploads.delete(uploadId);
      return store(`/${bucket}/${key}`, { etag: `${md5(body)}-1`, body, modified: initiated }, options);
    },
    abort: (uploadId) => {
      uploads.delete(uploadId);
    },
    delete: (bucket, key) => {
      objects.delete(`/${bucket}/${key}`);
    },
    refuse: (...answer) => {
      refusal = answer;
    },
    breakOff: (...afterBytes) => {
      breaks.push(...afterBytes);
    },
    close: () =>
      new Promise((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
      }),
  };
}

/** Answers how many bytes were sent. */
function sendObject({ request, response, url }: Answer, versions: readonly StoredVersion[], breaks: number[]): number {
  const versionId = url.searchParams.get("versionId");
  const { range, "if-match": ifMatch } = request.headers;
  const found = versionId === null ? versions.at(-1) : versions.find((version) => version.versionId === versionId);
  if (!found) {
    const what = versionId === null ? ["NoSuchKey", "key"] : ["NoSuchVersion", "version"];
    refuse(response, 404, what[0] ?? "", `The specified ${what[1] ?? ""} does not exist.`);
    return 0;
  }
  if (ifMatch !== undefined && ifMatch !== `"${found.etag}"`) {
    refuse(response, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    return 0;
  }
  const { body } = found;
  const headers = {
    etag: `"${found.etag}"`,
    "last-modified": found.modified.toUTCString(),
    ...(found.versionId !== "null" && { "x-amz-version-id": found.versionId }),
  };
  if (request.method === "HEAD") {
    response.writeHead(200, { ...headers, "content-length": body.length });
    response.end();
    return 0;
  }
  if (body.length === 0) {
    refuse(response, 416, "InvalidRange", "The requested range is not satisfiable");
    return 0;
  }
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  const start = first === "" ? Math.max(0, body.length - Number(last)) : Number(first);
  const end = first === "" || last === "" ? body.length : Math.min(body.length, Number(last) + 1);
  const content = body.subarray(start, end);
  response.writeHead(206, {
    ...headers,
    "content-length": content.length,
    "content-range": `bytes ${start}-${end - 1}/${body.length}`,
  });
  const after = breaks.shift();
  if (after === undefined) response.end(content);
  else response.write(content.subarray(0, after), () => response.destroy());
  return Math.min(after ?? content.length, content.length);
}

function listUploads({ response, url }: Answer, uploads: readonly RunningUpload[]): void {
  const bucket = url.pathname.split("/")[1];
  const entries = uploads
    .filter((upload) => upload.bucket === bucket)
    .map(({ key, uploadId, initiated }) => ({
      key,
      id: uploadId,
      xml: `<Initiated>${secondOf(initiated)}</Initiated>`,
    }));
  const { page, isTruncated, last } = pageOf(entries, url, "upload-id-marker");
  const xml = page.map(
    ({ key, id, xml: fields }) => `<Upload><Key>${escape(key)}</Key><UploadId>${id}</UploadId>${fields}</Upload>`,
  );
  const next = `<NextKeyMarker>${escape(last?.key ?? "")}</NextKeyMarker><NextUploadIdMarker>${last?.id ?? ""}</NextUploadIdMarker>`;
  sendXml(response, "ListMultipartUploadsResult", [`<IsTruncated>${isTruncated}</IsTruncated>`, next, ...xml]);
}

function listVersions({ response, url }: Answer, objects: ReadonlyMap<string, readonly StoredVersion[]>): void {
  const bucket = `/${url.pathname.split("/")[1] ?? ""}/`;
  const entries = [...objects]
    .filter(([path]) => path.startsWith(bucket))
    .flatMap(([path, versions]) =>
      versions.toReversed().map(({ versionId, etag, body, modified }) => ({
        key: path.slice(bucket.length),
        id: versionId,
        xml: `<LastModified>${secondOf(modified)}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${body.length}</Size>`,
      })),
    );
  const { page, isTruncated, last } = pageOf(entries, url, "version-id-marker");
  const xml = page.map(
    ({ key, id, xml: fields }) => `<Version><Key>${escape(key)}</Key><VersionId>${id}</VersionId>${fields}</Version>`,
  );
  const next = `<NextKeyMarker>${escape(last?.key ?? "")}</NextKeyMarker><NextVersionIdMarker>${last?.id ?? ""}</NextVersionIdMarker>`;
  sendXml(response, "ListVersionsResult", [`<IsTruncated>${isTruncated}</IsTruncated>`, next, ...xml]);
}

interface Entry {
  readonly key: string;
  readonly id: string;
  readonly xml: string;
}

function pageOf(entries: readonly Entry[], url: URL, idMarker: string) {
  const prefix = url.searchParams.get("prefix") ?? "";
  const marker = { key: url.searchParams.get("key-marker"), id: url.searchParams.get(idMarker) };
  const listed = entries
    .filter(({ key }) => key.startsWith(prefix))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const start = marker.key === null ? 0 : listed.findIndex(({ key, id }) => key === marker.key && id === marker.id) + 1;
  const page = listed.slice(start, start + PAGE);
  return { page, isTruncated: start + PAGE < listed.length, last: page.at(-1) };
}

/** Lists and headers of S3 have no fractions of a second. */
function secondOf(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, ".000Z");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function md5(body: Buffer): string {
  return createHash("md5").update(body).digest("hex");
}

function sendXml(response: ServerResponse, name: string, content: readonly string[], status = 200): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><${name}>${content.join("")}</${name}>`);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  sendXml(response, "Error", [`<Code>${code}</Code><Message>${message}</Message>`], status);
}
