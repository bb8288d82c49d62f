import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeS3 {
  /** For AWS_ENDPOINT_URL_S3. */
  readonly endpoint: string;
  /** What was asked, oldest first: path without query, and the headers and parameters that pin or cut an object. */
  readonly requests: readonly { path: string; range?: string; versionId?: string; ifMatch?: string; sent: number }[];
  /** Answers the version id that the object got; `null` in a bucket without versioning. */
  put(
    bucket: string,
    key: string,
    body: Buffer,
    options?: { versioned?: boolean },
  ): { versionId?: string; etag: string };
  delete(bucket: string, key: string): void;
  /** Refuses every request from now on. */
  refuse(status: number, code: string, message: string): void;
  /** Breaks the next answers off after so many bytes each. */
  breakOff(...afterBytes: readonly number[]): void;
  close(): Promise<void>;
}

interface StoredVersion {
  readonly versionId: string;
  readonly etag: string;
  readonly body: Buffer;
}

/** GetObject of S3 on loopback: versions, Range, If-Match (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). */
export async function startS3(): Promise<FakeS3> {
  const objects = new Map<string, StoredVersion[]>();
  const requests: { path: string; range?: string; versionId?: string; ifMatch?: string; sent: number }[] = [];
  const breaks: number[] = [];
  let refusal: readonly [number, string, string] | undefined;

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://s3");
    const path = decodeURIComponent(url.pathname);
    const versionId = url.searchParams.get("versionId") ?? undefined;
    const { range, "if-match": ifMatch } = request.headers;
    const record = {
      path,
      ...(range && { range }),
      ...(versionId && { versionId }),
      ...(ifMatch && { ifMatch }),
      sent: 0,
    };
    requests.push(record);
    if (refusal) {
      refuse(response, ...refusal);
      return;
    }
    const versions = objects.get(path) ?? [];
    const found =
      versionId === undefined ? versions.at(-1) : versions.find((version) => version.versionId === versionId);
    if (!found) {
      const what = versionId === undefined ? ["NoSuchKey", "key"] : ["NoSuchVersion", "version"];
      refuse(response, 404, what[0] ?? "", `The specified ${what[1] ?? ""} does not exist.`);
      return;
    }
    if (ifMatch !== undefined && ifMatch !== `"${found.etag}"`) {
      refuse(response, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
      return;
    }
    const { body } = found;
    if (body.length === 0) {
      refuse(response, 416, "InvalidRange", "The requested range is not satisfiable");
      return;
    }
    const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
    const start = first === "" ? Math.max(0, body.length - Number(last)) : Number(first);
    const end = first === "" || last === "" ? body.length : Math.min(body.length, Number(last) + 1);
    const content = body.subarray(start, end);
    response.writeHead(206, {
      "content-length": content.length,
      "content-range": `bytes ${start}-${end - 1}/${body.length}`,
      etag: `"${found.etag}"`,
    });
    const after = breaks.shift();
    record.sent = Math.min(after ?? content.length, content.length);
    if (after === undefined) response.end(content);
    else response.write(content.subarray(0, after), () => response.destroy());
  };
  const server = createServer(serve);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    put: (bucket, key, body, { versioned = true } = {}) => {
      const etag = createHash("md5").update(body).digest("hex");
      const path = `/${bucket}/${key}`;
      const versionId = versioned ? randomBytes(16).toString("hex") : "null";
      objects.set(path, [...(versioned ? (objects.get(path) ?? []) : []), { versionId, etag, body }]);
      return { ...(versioned && { versionId }), etag };
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

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
}
