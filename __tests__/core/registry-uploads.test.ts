import { randomBytes } from "node:crypto";
import dns from "node:dns";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../../core/digest";
import type { Credentials } from "../../core/registry/credentials";
import { Repository, type StreamedBlob } from "../../core/registry/repository";
import { known, streamed } from "../support/blobs";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";
import { answer, cutAfter } from "../support/registry-faults";
import { until } from "../support/until";

const NAME = "tomofun/web";
const BASE = `/v2/${NAME}`;
const LIMIT = 4 * 1024 * 1024;
const SMALL = Buffer.from("config");
const LARGE = randomBytes(LIMIT + 1);

let directory: string;
let registry: PlainRegistry;
let repository: Repository;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "registry-uploads-"));
  registry = await startPlainRegistry(directory);
  repository = connect();
});
afterEach(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

interface Options {
  readonly credentials?: Credentials;
  readonly name?: string;
  readonly idle?: number;
  readonly attempts?: number;
  readonly url?: URL;
}

function connect(options: Options = {}): Repository {
  const { credentials, name = NAME, idle = 60_000, attempts = 3, url = registry.url } = options;
  const retry = { attempts, baseDelay: 1, maxDelay: 5 };
  return new Repository({ registry: url, name, credentials, retry, timeouts: { connect: 60_000, idle } });
}

/** Requests without the path of the repository. */
function requests(): string[] {
  return registry.requests.map((request) => request.replace(`${BASE}/blobs/`, ""));
}

async function expectStored(bytes: Buffer): Promise<void> {
  registry.intercept = () => false;
  expect((await repository.blob(sha256(bytes))).equals(bytes)).toBe(true);
}

test.each(["http://[", "file:///etc/passwd"])("an upload that is to go to %s is refused at once", async (location) => {
  registry.intercept = (request, response) => {
    if (request.method !== "POST") return false;
    response.writeHead(202, { location }).end();
    return true;
  };
  await expect(repository.uploadBytes(SMALL)).rejects.toThrow(
    `uploading ${sha256(SMALL)} to ${registry.url.host}/${NAME}: found the Location "${location}", expected an https: or http: address; ` +
      "look at the registry, or at the proxy in front of it",
  );
  expect(requests()).toEqual([`HEAD ${sha256(SMALL)}`, "POST uploads/"]);
});

/** The large blob in two pieces, after which its check takes a while. */
async function* checked(check: () => void): AsyncGenerator<Buffer> {
  yield LARGE.subarray(0, LIMIT);
  yield LARGE.subarray(LIMIT);
  await sleep(100);
  check();
}

describe("a blob of known digest", () => {
  test("that is small is looked for, then sent in one piece", async () => {
    const blob = known(SMALL);
    expect(await repository.uploadBlob(blob)).toEqual({ digest: sha256(SMALL), size: 6, how: "sent", sent: 6 });
    expect(requests()).toEqual([`HEAD ${sha256(SMALL)}`, "POST uploads/", "PUT uploads/ID"]);
    await expectStored(SMALL);
  });

  test("that is large is looked for, then streamed", async () => {
    const lengths: unknown[] = [];
    registry.intercept = ({ method, headers }) => {
      if (method === "PATCH") lengths.push(headers["content-length"], headers["content-range"]);
      return false;
    };
    const blob = known(LARGE);
    expect(await repository.uploadBlob(blob)).toEqual({
      digest: sha256(LARGE),
      size: LARGE.length,
      how: "sent",
      sent: LARGE.length,
    });
    expect(requests()).toEqual([`HEAD ${sha256(LARGE)}`, "POST uploads/", "PATCH uploads/ID", "PUT uploads/ID"]);
    expect(lengths).toEqual([String(LARGE.length), undefined]);
    expect(blob.starts).toEqual([0]);
    await expectStored(LARGE);
  });

  test("whose check takes longer than the registry does to answer is sent", async () => {
    await repository.uploadBlob({ ...known(LARGE), open: () => Readable.from(checked(() => undefined)) });
    expect(requests().slice(1)).toEqual(["POST uploads/", "PATCH uploads/ID", "PUT uploads/ID"]);
    await expectStored(LARGE);
  });

  test("that fails its check after its last byte is never there whole", async () => {
    let received = 0;
    const counted = async function* (body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of body) {
        received += chunk.length;
        yield chunk;
      }
    };
    registry.intercept = (request) => request.method === "PATCH" && { body: counted(request) };
    const failure = new Error("it is another");
    const wrong = checked(() => {
      throw failure;
    });
    await expect(repository.uploadBlob({ ...known(LARGE), open: () => Readable.from(wrong) })).rejects.toBe(failure);
    expect(received).toBe(LIMIT);
  });

  test("that is there already is not even opened", async () => {
    await repository.uploadBlob(known(LARGE));
    const before = registry.requests.length;
    const blob = known(LARGE);
    expect(await repository.uploadBlob(blob)).toEqual({
      digest: sha256(LARGE),
      size: LARGE.length,
      how: "existed",
      sent: 0,
    });
    expect(requests().slice(before)).toEqual([`HEAD ${sha256(LARGE)}`]);
    expect(blob.starts).toEqual([]);
  });

  test.each([
    ["fewer", -1, `found ${LARGE.length - 1} bytes`],
    ["more", 1, "found more than that"],
  ])("whose source has %s bytes is not finished", async (_what, more, found) => {
    const open = (): Readable => Readable.from([LARGE.subarray(0, LARGE.length - 1), randomBytes(1 + more)]);
    await expect(repository.uploadBlob({ digest: sha256(LARGE), size: LARGE.length, open })).rejects.toThrow(
      `cannot send a blob: ${found}, expected ${LARGE.length} bytes; make the archive again`,
    );
    expect(registry.requests.filter((request) => request.startsWith("PUT"))).toEqual([]);
  });

  test("that is small and whose source has fewer bytes is not sent", async () => {
    const open = (): Readable => Readable.from([SMALL]);
    await expect(repository.uploadBlob({ digest: sha256(SMALL), size: 7, open })).rejects.toThrow(
      "cannot send a blob: found 6 bytes, expected 7 bytes; make the archive again",
    );
    expect(requests()).toEqual([`HEAD ${sha256(SMALL)}`]);
  });
});

describe("mounting", () => {
  test("takes a blob from another repository", async () => {
    await connect({ name: "tomofun/base" }).uploadBlob(known(LARGE));
    const before = registry.requests.length;
    const blob = known(LARGE);
    expect(await repository.uploadBlob(blob, { mountFrom: ["tomofun/base"] })).toEqual({
      digest: sha256(LARGE),
      size: LARGE.length,
      how: "mounted",
      sent: 0,
    });
    expect(requests().slice(before)).toEqual([`HEAD ${sha256(LARGE)}`, "POST uploads/"]);
    expect(blob.starts).toEqual([]);
    await expectStored(LARGE);
  });

  test.each([
    ["small", SMALL, ["PUT uploads/ID"]],
    ["large", LARGE, ["PATCH uploads/ID", "PUT uploads/ID"]],
  ])("that comes to nothing anywhere leaves a session, which is used (%s)", async (_what, bytes, rest) => {
    const { how } = await repository.uploadBlob(known(bytes), { mountFrom: ["tomofun/base", "tomofun/other"] });
    expect(how).toBe("sent");
    expect(requests()).toEqual([`HEAD ${sha256(bytes)}`, "POST uploads/", "POST uploads/", ...rest]);
    await expectStored(bytes);
  });

  test("looks into each repository", async () => {
    await connect({ name: "tomofun/other" }).uploadBlob(known(LARGE));
    const blob = known(LARGE);
    expect(await repository.uploadBlob(blob, { mountFrom: ["tomofun/base", "tomofun/other"] })).toMatchObject({
      how: "mounted",
      sent: 0,
    });
    expect(blob.starts).toEqual([]);
  });

  test("that is refused is tried with the next repository, then left", async () => {
    const queries: (string | null)[] = [];
    registry.intercept = (request, response) => {
      if (request.method !== "POST") return false;
      const from = new URL(request.url ?? "", registry.url).searchParams.get("from");
      queries.push(from);
      return from !== null && answer(response, 405, "UNSUPPORTED", "no mounts");
    };
    const { how } = await repository.uploadBlob(known(SMALL), { mountFrom: ["tomofun/base", "tomofun/other"] });
    expect(how).toBe("sent");
    expect(queries).toEqual(["tomofun/base", "tomofun/other", null]);
  });

  test("that breaks off is left", async () => {
    let posts = 0;
    registry.intercept = (request) => ({ losesAnswer: request.method === "POST" && ++posts === 1 });
    expect((await repository.uploadBlob(known(SMALL), { mountFrom: ["tomofun/base"] })).how).toBe("sent");
  });
});

describe("a streamed blob", () => {
  test("is sent while it is made", async () => {
    const blob = streamed(LARGE);
    expect(await repository.uploadStream("layer 1", blob.open)).toEqual({
      digest: sha256(LARGE),
      size: LARGE.length,
      how: "sent",
      sent: LARGE.length,
    });
    expect(requests()).toEqual(["POST uploads/", "PATCH uploads/ID", "PUT uploads/ID"]);
    expect(blob.opened()).toBe(1);
    await expectStored(LARGE);
  });

  test("that proves to be of 4 MiB is sent only if it is lacking", async () => {
    const bytes = LARGE.subarray(0, LIMIT);
    const result = { digest: sha256(bytes), size: LIMIT };
    expect(await repository.uploadStream("layer 1", streamed(bytes).open)).toEqual({
      ...result,
      how: "sent",
      sent: LIMIT,
    });
    expect(await repository.uploadStream("layer 1", streamed(bytes).open)).toEqual({
      ...result,
      how: "existed",
      sent: 0,
    });
    const head = `HEAD ${sha256(bytes)}`;
    expect(requests()).toEqual(["POST uploads/", head, "PUT uploads/ID", "POST uploads/", head]);
  });

  test.each([
    ["small", LARGE.subarray(0, LIMIT)],
    ["large", LARGE],
  ])("whose upload cannot be started at first is sent all the same: a %s one", async (_, bytes) => {
    let posts = 0;
    registry.intercept = (request, response) =>
      request.method === "POST" && ++posts === 1 && answer(response, 503, "UNKNOWN", "busy");
    expect((await repository.uploadStream("layer 1", streamed(bytes).open)).how).toBe("sent");
    expect(posts).toBe(2);
    await expectStored(bytes);
  });

  test("that is there already by the time it is finished is not sent again", async () => {
    await repository.uploadBlob(known(LARGE));
    registry.intercept = (request, response) =>
      request.method === "PUT" && answer(response, 400, "BLOB_UPLOAD_INVALID", "The image layer already exists");
    const blob = streamed(LARGE);
    await repository.uploadStream("layer 1", blob.open);
    expect(blob.opened()).toBe(1);
  });

  test("that fails its own check never comes to be", async () => {
    const open = (): StreamedBlob => ({
      stream: Readable.from([LARGE]),
      seal: () => {
        throw new Error("another diffID");
      },
    });
    await expect(repository.uploadStream("layer 1", open)).rejects.toThrow("another diffID");
    expect(requests()).toEqual(["POST uploads/", "PATCH uploads/ID"]);
  });

  test("whose source fails is not taken for the registry's fault", async () => {
    const failure = new Error("the drop is gone");
    const source = async function* (): AsyncGenerator<Buffer> {
      yield LARGE;
      await until("the upload has begun", () => registry.requests.some((request) => request.startsWith("PATCH")));
      throw failure;
    };
    const open = (): StreamedBlob => ({
      stream: Readable.from(source()),
      seal: () => ({ digest: sha256(Buffer.alloc(0)), size: 0 }),
    });
    await expect(repository.uploadStream("layer 1", open)).rejects.toBe(failure);
    expect(registry.requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(1);
  });
});

describe("what breaks off", () => {
  const HALF = 2_000_000;

  /** Cuts the first `times` PATCHes, each after so many bytes; tells the ranges that were asked for. */
  function cutting(times: number, bytes: number): (string | undefined)[] {
    const ranges: (string | undefined)[] = [];
    registry.intercept = (request) => {
      if (request.method !== "PATCH") return false;
      return ranges.push(request.headers["content-range"]) <= times && cutAfter(request, bytes);
    };
    return ranges;
  }

  test("goes on where it stood: a known blob is opened there", async () => {
    const ranges = cutting(1, HALF);
    const blob = known(LARGE);
    expect((await repository.uploadBlob(blob)).how).toBe("sent");
    expect(requests()).toEqual([
      `HEAD ${sha256(LARGE)}`,
      "POST uploads/",
      "PATCH uploads/ID",
      "GET uploads/ID",
      "PATCH uploads/ID",
      "PUT uploads/ID",
    ]);
    expect(blob.starts).toEqual([0, HALF]);
    expect(ranges).toEqual([undefined, `${HALF}-${LARGE.length - 1}`]);
    await expectStored(LARGE);
  });

  test("goes on where it stood: a streamed blob is made again, but its beginning is not sent", async () => {
    let received = 0;
    let patches = 0;
    registry.intercept = (request) => {
      if (request.method !== "PATCH") return false;
      if (++patches === 1) return cutAfter(request, HALF);
      const counted = async function* (): AsyncGenerator<Buffer> {
        for await (const chunk of request as AsyncIterable<Buffer>) {
          received += chunk.length;
          yield chunk;
        }
      };
      return { body: counted() };
    };
    const blob = streamed(LARGE);
    expect(await repository.uploadStream("layer 1", blob.open)).toMatchObject({ digest: sha256(LARGE), how: "sent" });
    expect(blob.opened()).toBe(2);
    expect(received).toBe(LARGE.length - HALF);
    await expectStored(LARGE);
  });

  test("needs nothing more where only the answer was lost", async () => {
    registry.intercept = (request) => ({ losesAnswer: request.method === "PATCH" });
    const blob = known(LARGE);
    expect(await repository.uploadBlob(blob)).toEqual({
      digest: sha256(LARGE),
      size: LARGE.length,
      how: "sent",
      sent: LARGE.length,
    });
    expect(blob.starts).toEqual([0]);
  });

  test("may do so as often as it likes, as long as it gets further", async () => {
    const step = 500_000;
    const ranges = cutting(6, step);
    const blob = known(LARGE);
    await repository.uploadBlob(blob);
    expect(blob.starts).toEqual([0, 1, 2, 3, 4, 5, 6].map((part) => part * step));
    expect(ranges).toHaveLength(7);
    await expectStored(LARGE);
  });

  test("is given up where it gets no further", async () => {
    cutting(Infinity, 0);
    await expect(repository.uploadBlob(known(LARGE))).rejects.toThrow(
      `uploading ${sha256(LARGE)} to ${registry.url.host}/tomofun/web: found no answer from ${registry.url.host}`,
    );
    expect(registry.requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(3);
  });

  test.each([
    ["says nothing about it", 404, "BLOB_UPLOAD_UNKNOWN"],
    ["has forgotten it", 404, "BLOB_UPLOAD_INVALID"],
    ["does not know the question", 405, "UNSUPPORTED"],
  ])("starts again where the registry %s", async (_what, status, code) => {
    let patches = 0;
    registry.intercept = (request, response) => {
      if (request.method === "GET") return answer(response, status, code, "no");
      return request.method === "PATCH" && ++patches === 1 && cutAfter(request, HALF);
    };
    const blob = known(LARGE);
    await repository.uploadBlob(blob);
    expect(requests().slice(1)).toEqual([
      "POST uploads/",
      "PATCH uploads/ID",
      "GET uploads/ID",
      "POST uploads/",
      "PATCH uploads/ID",
      "PUT uploads/ID",
    ]);
    expect(blob.starts).toEqual([0, 0]);
    await expectStored(LARGE);
  });

  test("starts again where the registry claims more than was sent", async () => {
    let patches = 0;
    registry.intercept = (request, response) => {
      if (request.method === "GET") {
        response.writeHead(204, { range: `0-${LARGE.length}` }).end();
        return true;
      }
      return request.method === "PATCH" && ++patches === 1 && cutAfter(request, HALF);
    };
    const blob = known(LARGE);
    await repository.uploadBlob(blob);
    expect(blob.starts).toEqual([0, 0]);
  });

  test("starts again, and is not resumed again, where the parts do not fit together", async () => {
    cutting(2, HALF);
    let made = 0;
    // The first time it is made differently.
    const open = (): StreamedBlob => {
      const bytes = ++made === 1 ? Buffer.from(LARGE).fill(0, 0, HALF) : LARGE;
      return { stream: Readable.from([bytes]), seal: () => ({ digest: sha256(LARGE), size: LARGE.length }) };
    };
    // Cut at first, resumed, cut and resumed again, refused at the end, then whole.
    await repository.uploadStream("layer 1", open);
    expect(made).toBe(4);
    expect(requests()).toEqual([
      "POST uploads/",
      "PATCH uploads/ID",
      "GET uploads/ID",
      "PATCH uploads/ID",
      "GET uploads/ID",
      "PATCH uploads/ID",
      "PUT uploads/ID",
      `HEAD ${sha256(LARGE)}`,
      "POST uploads/",
      "PATCH uploads/ID",
      "PUT uploads/ID",
    ]);
    await expectStored(LARGE);
  });

  test("is noticed where nothing moves any more", async () => {
    let patches = 0;
    registry.intercept = (request) => request.method === "PATCH" && ++patches === 1;
    const blob = known(LARGE);
    // A busy machine may seem to stall as well.
    await connect({ idle: 100, attempts: 10 }).uploadBlob(blob);
    expect(blob.starts.length).toBeGreaterThan(1);
    await expectStored(LARGE);
  });

  test("is not asked about at ECR, where it is sent whole by another PATCH", async () => {
    // The name leads here.
    const lookup = jest.spyOn(dns, "lookup").mockImplementation(((
      _name: string,
      _options: unknown,
      done: (error: null, addresses: { address: string; family: number }[]) => void,
    ) => {
      done(null, [{ address: "127.0.0.1", family: 4 }]);
    }) as typeof dns.lookup);
    try {
      const ranges = cutting(1, HALF);
      const url = new URL(`http://123456789012.dkr.ecr.us-east-1.amazonaws.com:${registry.url.port}`);
      const blob = known(LARGE);
      await connect({ url }).uploadBlob(blob);
      expect(requests().slice(1)).toEqual([
        "POST uploads/",
        "PATCH uploads/ID",
        "POST uploads/",
        "PATCH uploads/ID",
        "PUT uploads/ID",
      ]);
      expect(blob.starts).toEqual([0, 0]);
      expect(ranges).toEqual([undefined, undefined]);
    } finally {
      lookup.mockRestore();
    }
  });
});

describe("tokens", () => {
  function tokens(): Credentials & { readonly renewed: unknown[] } {
    const renewed: unknown[] = [];
    return {
      renewed,
      authorization: () => Promise.resolve(`Basic ${renewed.length}`),
      renew: (stale) => renewed.push(stale),
    };
  }

  const isPatch = ({ method }: IncomingMessage): boolean => method === "PATCH";

  test("that run out while a blob is sent are renewed, and it is sent again", async () => {
    const credentials = tokens();
    registry.intercept = (request, response) =>
      isPatch(request) &&
      request.headers.authorization === "Basic 0" &&
      answer(response, 401, "UNAUTHORIZED", "authentication required");
    const blob = streamed(LARGE);
    await connect({ credentials }).uploadStream("layer 1", blob.open);
    expect(credentials.renewed).toEqual(["Basic 0"]);
    expect(blob.opened()).toBe(2);
    await expectStored(LARGE);
  });

  test("that are refused again end it", async () => {
    registry.intercept = (request, response) =>
      isPatch(request) && answer(response, 401, "UNAUTHORIZED", "authentication required");
    await expect(connect({ credentials: tokens() }).uploadBlob(known(LARGE))).rejects.toMatchObject({
      name: "RegistryDeniedError",
      message:
        `uploading ${sha256(LARGE)} to ${registry.url.host}/tomofun/web: found HTTP 401 UNAUTHORIZED: authentication required ` +
        `from ${registry.url.host}, expected the user to be allowed to read and push tomofun/web; ` +
        "check user and password, and what the registry lets that user do",
    });
    expect(registry.requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(2);
  });
});

describe("a signal", () => {
  test("breaks an upload off", async () => {
    const stop = new AbortController();
    registry.intercept = (request) => {
      if (request.method !== "PATCH") return false;
      stop.abort(new Error("another layer failed"));
      return true;
    };
    await expect(repository.uploadBlob(known(LARGE), { signal: stop.signal })).rejects.toThrow("another layer failed");
    expect(registry.requests).toHaveLength(3);
  });

  test("ends a wait", async () => {
    const stop = new AbortController();
    registry.intercept = (_request, response) => {
      setTimeout(() => {
        stop.abort(new Error("another layer failed"));
      });
      return answer(response, 503, "UNAVAILABLE", "busy", { "retry-after": "3600" });
    };
    const retry = { attempts: 2, baseDelay: 1, maxDelay: 3_600_000 };
    const patient = new Repository({ registry: registry.url, name: NAME, retry });
    await expect(patient.uploadBlob(known(SMALL), { signal: stop.signal })).rejects.toThrow("another layer failed");
    expect(registry.requests).toHaveLength(1);
  });
});
