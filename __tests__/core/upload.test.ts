import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type AwaitedDrop, awaitDrop } from "../../core/upload";
import { readUpload, type Upload } from "../../core/upload/upload";
import { startS3, type FakeS3 } from "../support/fake-s3";

const BUCKET = "drops";
const KEY = "web.zip";
const OLD = Buffer.from("old");
const NEW = Buffer.from("newer than old");

/** A time of the one day on which everything happens, in milliseconds since 1970. */
const at = (time: string): number => Date.parse(`2026-01-31T${time}Z`);

/** A clock that only sleep moves on, through whatever is planned to happen meanwhile. */
class TestClock {
  #now = at("00:00:00");
  readonly #plan: { time: number; action: () => unknown }[] = [];

  now = (): number => this.#now;

  plan(time: string, action: () => unknown): void {
    this.#plan.push({ time: at(time), action });
  }

  moveTo(time: number): void {
    for (const { time: due, action } of this.#plan.splice(0).toSorted((a, b) => a.time - b.time)) {
      if (due > time) {
        this.#plan.push({ time: due, action });
      } else {
        this.#now = Math.max(this.#now, due);
        action();
      }
    }
    this.#now = time;
  }

  sleep = (milliseconds: number): Promise<void> => {
    this.moveTo(this.#now + milliseconds);
    return Promise.resolve();
  };
}

let clock: TestClock;
let s3: FakeS3;
let client: S3Client;
let lines: string[];
beforeEach(async () => {
  clock = new TestClock();
  lines = [];
  s3 = await startS3(() => new Date(clock.now()));
  client = new S3Client({
    endpoint: s3.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
});
afterEach(async () => {
  client.destroy();
  await s3.close();
});

function uploadFrom(environment: Record<string, string>): Upload {
  const problems: string[] = [];
  const upload = readUpload({ DROP_BUCKET: BUCKET, DROP_KEY: KEY, ...environment }, problems);
  expect(problems).toStrictEqual([]);
  return upload!;
}

/** The build of the call that began an upload at that time: it starts a minute later, and looks every 15 seconds for an hour. */
function buildOf(began: string, environment: Record<string, string> = {}): Promise<AwaitedDrop> {
  const start = new Date(at(began) + 60_000);
  clock.moveTo(start.getTime());
  const upload = uploadFrom({
    DROP_CALL: "CreateMultipartUpload",
    DROP_TIME: new Date(at(began)).toISOString().replace(".000", ""),
    BUILD_START_TIME: start.toISOString(),
    ...environment,
  });
  return awaitDrop({ upload, s3: client, say: (line) => lines.push(line), clock });
}

const upload = (began: string): string => `the upload of s3://drops/web.zip that began at 2026-01-31T${began}Z`;
const overwritten = (began: string): AwaitedDrop => ({
  reason: `${upload(began)} was aborted, or what it wrote was overwritten or deleted; a newer upload has its own build`,
});

/** What people write by hand, as a function: wait until the object was modified after the build's start. */
async function folkRule(buildStart: number, maxWait: number, interval: number): Promise<"proceed" | "exit 1"> {
  for (let elapsed = 0; ; elapsed += interval) {
    const { LastModified } = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: KEY }));
    if (LastModified!.getTime() > buildStart) return "proceed";
    if (elapsed >= maxWait) return "exit 1";
    await clock.sleep(interval * 1000);
  }
}

describe("an upload that began at 3:00, over an object of 2:30, ends at 3:05; its build starts at 3:01", () => {
  let ended: { versionId?: string; etag: string } | undefined;
  beforeEach(() => {
    ended = undefined;
    clock.plan("02:30:00", () => s3.put(BUCKET, KEY, OLD));
    clock.plan("03:00:00", () => {
      const uploadId = s3.begin(BUCKET, KEY);
      clock.plan("03:05:00", () => (ended = s3.complete(uploadId, NEW)));
    });
    clock.moveTo(at("03:00:00"));
  });

  test("the build waits until 3:05 and finds the version that the upload made", async () => {
    expect(await buildOf("03:00:00")).toStrictEqual({
      drop: { bucket: BUCKET, key: KEY, ...ended, size: NEW.length, time: "2026-01-31T03:00:00Z" },
    });
    expect(clock.now()).toBe(at("03:05:00"));
    expect(lines).toHaveLength(16);
    expect(lines.slice(0, 2)).toStrictEqual([
      `${upload("03:00:00")} still runs after 0 s, looking again in 15 s`,
      `${upload("03:00:00")} still runs after 15 s, looking again in 15 s`,
    ]);
  });

  test('"LastModified > BUILD_START_TIME" never comes true: S3 writes 3:00 there, before the build\'s start', async () => {
    clock.moveTo(at("03:01:00"));
    expect(await folkRule(at("03:01:00"), 3600, 60)).toBe("exit 1");
    expect(clock.now()).toBe(at("04:01:00"));
    expect(ended).toBeDefined();
  });
});

describe("an upload that", () => {
  let uploadId: string;
  beforeEach(() => {
    clock.moveTo(at("03:00:00"));
    uploadId = s3.begin(BUCKET, KEY);
  });

  test("ended before its event came is found at once", async () => {
    clock.moveTo(at("03:00:20"));
    const ended = s3.complete(uploadId, NEW);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: ended });
    expect(lines).toStrictEqual([]);
    expect(s3.requests.map(({ list }) => list)).toStrictEqual(["uploads", "versions"]);
  });

  test("was aborted before its event came is nothing to do", async () => {
    s3.abort(uploadId);
    expect(await buildOf("03:00:00")).toStrictEqual(overwritten("03:00:00"));
    expect(lines).toStrictEqual([]);
  });

  test("is aborted while its build waits is nothing to do", async () => {
    s3.put(BUCKET, "other.zip", OLD);
    clock.plan("03:02:00", () => {
      s3.abort(uploadId);
    });
    expect(await buildOf("03:00:00")).toStrictEqual(overwritten("03:00:00"));
    expect(lines).toHaveLength(4);
  });

  test("is overwritten while it runs is still found by its version", async () => {
    clock.plan("03:02:00", () => s3.put(BUCKET, KEY, OLD));
    let ended: object | undefined;
    clock.plan("03:05:00", () => (ended = s3.complete(uploadId, NEW)));
    const { drop } = await buildOf("03:00:00");
    expect(drop).toMatchObject(ended!);
    const current = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: KEY }));
    expect(current.VersionId).not.toBe(drop!.versionId);
  });

  test("overwrites, in a bucket without versioning, what came while it ran: its entity tag is pinned", async () => {
    clock.plan("03:02:00", () => s3.put(BUCKET, KEY, OLD, { versioned: false }));
    let ended: object | undefined;
    clock.plan("03:05:00", () => (ended = s3.complete(uploadId, NEW, { versioned: false })));
    expect(await buildOf("03:00:00")).toStrictEqual({
      drop: { bucket: BUCKET, key: KEY, ...ended, size: NEW.length, time: "2026-01-31T03:00:00Z" },
    });
  });

  test("was overwritten in a bucket without versioning before the build looked again is nothing to do", async () => {
    clock.plan("03:05:01", () => s3.complete(uploadId, NEW, { versioned: false }));
    clock.plan("03:05:02", () => s3.put(BUCKET, KEY, OLD, { versioned: false }));
    expect(await buildOf("03:00:00")).toStrictEqual(overwritten("03:00:00"));
  });

  test("was deleted again is nothing to do", async () => {
    s3.complete(uploadId, NEW);
    s3.delete(BUCKET, KEY);
    expect(await buildOf("03:00:00")).toStrictEqual(overwritten("03:00:00"));
  });

  test("began in the same second as another is found when both have ended: the newest", async () => {
    const twin = s3.begin(BUCKET, KEY);
    let newest: object | undefined;
    clock.plan("03:02:00", () => s3.complete(uploadId, OLD));
    clock.plan("03:03:00", () => (newest = s3.complete(twin, NEW)));
    expect(await buildOf("03:00:00")).toMatchObject({ drop: newest });
    expect(clock.now()).toBe(at("03:03:00"));
  });

  test("began in the same second as a PUT is told from it by its entity tag", async () => {
    const ended = s3.complete(uploadId, NEW);
    s3.put(BUCKET, KEY, OLD);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: ended });
  });

  test.each([
    ["was answered in the next second is it", "03:00:01", "found"],
    ["was answered two seconds later is another", "03:00:02", "missed"],
    ["was answered before it began is another", "02:59:59", "missed"],
  ])("whose call %s", async (_which, answered, expected) => {
    const ended = s3.complete(uploadId, NEW);
    expect(await buildOf(answered)).toMatchObject(expected === "found" ? { drop: ended } : overwritten(answered));
  });

  test("whose call was answered in the next second is waited for, and told from a PUT of that second", async () => {
    clock.plan("03:00:01", () => s3.put(BUCKET, KEY, OLD));
    let ended: object | undefined;
    clock.plan("03:05:01", () => (ended = s3.complete(uploadId, NEW)));
    expect(await buildOf("03:00:01")).toMatchObject({ drop: ended });
    expect(clock.now()).toBe(at("03:05:01"));
  });

  test("was aborted in the second of a PUT leads to what the PUT's own build publishes", async () => {
    s3.abort(uploadId);
    const put = s3.put(BUCKET, KEY, NEW);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: put });
  });

  test("is one of many with keys that begin alike, in the same second", async () => {
    s3.begin(BUCKET, `${KEY}.sig`);
    s3.begin(BUCKET, `${KEY}/web.zip`);
    s3.put(BUCKET, `${KEY}.sig`, OLD);
    const ended = s3.complete(uploadId, NEW);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: { key: KEY, ...ended } });
    expect(lines).toStrictEqual([]);
  });

  test("is found behind a thousand newer versions", async () => {
    const ended = s3.complete(uploadId, NEW);
    clock.moveTo(at("03:00:30"));
    for (let n = 0; n < 1000; n++) s3.put(BUCKET, KEY, OLD);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: ended });
    expect(s3.requests.map(({ list }) => list)).toStrictEqual(["uploads", "versions", "versions"]);
  });

  test("is waited for behind a thousand older uploads that nobody aborted", async () => {
    s3.abort(uploadId);
    clock.moveTo(at("02:00:00"));
    for (let n = 0; n < 1000; n++) s3.begin(BUCKET, KEY);
    clock.moveTo(at("03:00:00"));
    uploadId = s3.begin(BUCKET, KEY);
    let ended: object | undefined;
    clock.plan("03:01:15", () => (ended = s3.complete(uploadId, NEW)));
    expect(await buildOf("03:00:00")).toMatchObject({ drop: ended });
    expect(s3.requests.map(({ list }) => list)).toStrictEqual(["uploads", "uploads", "uploads", "versions"]);
  });

  test("keys that begin alike are not paged through", async () => {
    for (let n = 0; n < 1001; n++) {
      s3.begin(BUCKET, `${KEY}.${n}`);
      s3.put(BUCKET, `${KEY}.${n}`, OLD);
    }
    const ended = s3.complete(uploadId, NEW);
    expect(await buildOf("03:00:00")).toMatchObject({ drop: ended });
    expect(s3.requests.map(({ list }) => list)).toStrictEqual(["uploads", "versions"]);
  });

  test("is abandoned and never aborted is nothing to do, after the longest wait", async () => {
    expect(await buildOf("03:00:00", { CHECK_INTERVAL: "600" })).toStrictEqual({
      reason: `${upload("03:00:00")} still runs after the 3600 s of MAX_WAIT_TIME; its end starts a build of its own`,
    });
    expect(clock.now()).toBe(at("04:01:00"));
  });

  test.each([
    ["0", "15", []],
    ["20", "15", [15, 5]],
    ["30", "15", [15, 15]],
    ["31", "30", [30, 1]],
  ])("is waited for %s s, looked at every %s s", async (MAX_WAIT_TIME, CHECK_INTERVAL, pauses) => {
    const { reason } = (await buildOf("03:00:00", { MAX_WAIT_TIME, CHECK_INTERVAL })) as { reason: string };
    expect(reason).toContain(`after the ${MAX_WAIT_TIME} s of MAX_WAIT_TIME`);
    expect(lines.map((line) => Number(/looking again in (\d+) s$/.exec(line)?.[1]))).toStrictEqual(pauses);
  });

  test.each([
    [{ BUILD_START_TIME: "2026-01-31T04:00:30+01:00", CODEBUILD_START_TIME: "0" }, "03:01:30"],
    [{ BUILD_START_TIME: "", CODEBUILD_START_TIME: String(at("03:00:40")) }, "03:01:40"],
    [{ BUILD_START_TIME: "", CODEBUILD_START_TIME: "" }, "03:02:00"],
  ])("is waited for from the build's start: %j", async (environment, end) => {
    await buildOf("03:00:00", { MAX_WAIT_TIME: "60", ...environment });
    expect(clock.now()).toBe(at(end));
  });
});

test.each([
  [
    403,
    "AccessDenied",
    {
      name: "UploadsDeniedError",
      message:
        "the uploads of s3://drops/web.zip cannot be listed: found that S3 denies access (AccessDenied: no), expected " +
        "s3:ListBucketMultipartUploads and s3:ListBucketVersions on the bucket to be granted to the build's role; grant them, then " +
        "upload the archive again",
    },
  ],
  [
    503,
    "SlowDown",
    {
      name: "UploadsUnreadableError",
      message:
        "the uploads of s3://drops/web.zip cannot be listed: found SlowDown: no, expected their list; start the build again",
    },
  ],
])("a list that S3 refuses with %i %s", async (status, code, error) => {
  s3.refuse(status, code, "no");
  await expect(buildOf("03:00:00")).rejects.toMatchObject(error);
});

describe("an upload that has ended", () => {
  const say = (line: string): void => void lines.push(line);
  const settle = (environment: Record<string, string>): Promise<AwaitedDrop> =>
    awaitDrop({ upload: uploadFrom(environment), s3: client, say, clock });

  test.each<Record<string, string>>([
    { DROP_VERSION_ID: "v1" },
    { DROP_ETAG: "e" },
    { DROP_VERSION_ID: "v1", DROP_CALL: "CopyObject" },
    { DROP_VERSION_ID: "v1", DROP_CALL: "CompleteMultipartUpload", DROP_TIME: "2026-01-31T03:00:00Z" },
  ])("and is known is asked nothing about: %j", async (environment) => {
    const { drop } = await settle(environment);
    expect(drop).toMatchObject({ bucket: BUCKET, key: KEY });
    expect(s3.requests).toStrictEqual([]);
  });

  test.each(["PutObject", "PostObject", "CopyObject", "CompleteMultipartUpload"])(
    "by %s in a bucket without versioning is pinned by its entity tag",
    async (call) => {
      const { etag } = s3.put(BUCKET, KEY, NEW, { versioned: false });
      expect(await settle({ DROP_CALL: call, DROP_TIME: "2026-01-31T03:00:00Z" })).toStrictEqual({
        drop: { bucket: BUCKET, key: KEY, etag, size: NEW.length, time: "2026-01-31T03:00:00Z", call },
      });
      expect(s3.requests).toHaveLength(1);
      expect(lines).toStrictEqual([]);
    },
  );

  test("in a bucket that has got versioning since is pinned by its version too", async () => {
    const ended = s3.put(BUCKET, KEY, NEW);
    expect(await settle({ DROP_CALL: "PutObject", DROP_VERSION_ID: "null" })).toMatchObject({ drop: ended });
  });

  test("and was deleted again cannot be read", async () => {
    await expect(settle({ DROP_CALL: "PutObject" })).rejects.toMatchObject({
      name: "ObjectGoneError",
      message:
        "s3://drops/web.zip cannot be read: found that it was deleted or overwritten, or was never there (HTTP 404), expected the object " +
        "as it was uploaded; a newer upload has its own build, otherwise upload it again",
    });
  });

  test("and may not be read says what to grant", async () => {
    s3.refuse(403, "AccessDenied", "no");
    await expect(settle({ DROP_CALL: "PutObject" })).rejects.toMatchObject({
      name: "ObjectDeniedError",
      message:
        "s3://drops/web.zip cannot be read: found that S3 denies access (HTTP 403), expected s3:GetObject and s3:GetObjectVersion, and " +
        "kms:Decrypt for its key, to be granted to the build's role; grant them, or upload the object again if it was deleted",
    });
  });
});

describe("the environment", () => {
  const sound = {
    DROP_BUCKET: BUCKET,
    DROP_KEY: KEY,
    DROP_CALL: "CreateMultipartUpload",
    DROP_TIME: "2026-01-31T03:00:00Z",
  };
  const begun = { state: "begun", drop: { bucket: BUCKET, key: KEY, time: "2026-01-31T03:00:00Z" } };

  test.each([
    [{}, { ...begun, wait: { longest: 3600, interval: 15 } }],
    [
      { MAX_WAIT_TIME: "0", CHECK_INTERVAL: "1", BUILD_START_TIME: "2026-01-31T03:01:00.5Z" },
      { ...begun, wait: { since: at("03:01:00.5"), longest: 0, interval: 1 } },
    ],
    [
      { MAX_WAIT_TIME: "129600", CHECK_INTERVAL: "3600", CODEBUILD_START_TIME: "1769828460000" },
      { ...begun, wait: { since: 1_769_828_460_000, longest: 129_600, interval: 3600 } },
    ],
    [
      { MAX_WAIT_TIME: "", CHECK_INTERVAL: "", BUILD_START_TIME: "", CODEBUILD_START_TIME: "" },
      { ...begun, wait: { longest: 3600, interval: 15 } },
    ],
    // Without CloudTrail nothing waits, and a service's own variables may have these names.
    [
      { DROP_CALL: "", DROP_ETAG: "e", MAX_WAIT_TIME: "never", CHECK_INTERVAL: "x", BUILD_START_TIME: "x" },
      { state: "known", drop: { ...begun.drop, etag: "e" } },
    ],
  ])("%j is taken", (environment, found) => {
    const problems: string[] = [];
    expect(readUpload({ ...sound, ...environment }, problems)).toStrictEqual(found);
    expect(problems).toStrictEqual([]);
  });

  test.each([
    [{ MAX_WAIT_TIME: "-1" }, 'MAX_WAIT_TIME is "-1", expected 0 to 129600 whole seconds'],
    [{ MAX_WAIT_TIME: "129601" }, 'MAX_WAIT_TIME is "129601", expected 0 to 129600 whole seconds'],
    [{ MAX_WAIT_TIME: "1h" }, 'MAX_WAIT_TIME is "1h", expected 0 to 129600 whole seconds'],
    [{ CHECK_INTERVAL: "0" }, 'CHECK_INTERVAL is "0", expected 1 to 3600 whole seconds'],
    [{ CHECK_INTERVAL: "1.5" }, 'CHECK_INTERVAL is "1.5", expected 1 to 3600 whole seconds'],
    [{ CHECK_INTERVAL: "3601" }, 'CHECK_INTERVAL is "3601", expected 1 to 3600 whole seconds'],
    [{ BUILD_START_TIME: "3:01" }, 'BUILD_START_TIME is "3:01", expected a time like 2026-01-31T12:00:00Z'],
    [
      { BUILD_START_TIME: "2026-13-31T12:00:00Z" },
      'BUILD_START_TIME is "2026-13-31T12:00:00Z", expected a time like 2026-01-31T12:00:00Z',
    ],
    [{ CODEBUILD_START_TIME: "now" }, 'CODEBUILD_START_TIME is "now", expected milliseconds since 1970'],
    [{ DROP_TIME: "" }, "DROP_TIME is not set, expected the time of the call CreateMultipartUpload"],
    [{ DROP_TIME: "3:00" }, 'drop time must be a time like 2026-01-31T12:00:00.000Z, got: "3:00"'],
    [
      { DROP_CALL: "DeleteObject" },
      'drop call must be PutObject or PostObject or CopyObject or CompleteMultipartUpload, got: "DeleteObject"',
    ],
    [{ DROP_CALL: "" }, "neither DROP_VERSION_ID nor DROP_ETAG is set"],
    [{ DROP_CALL: "", DROP_VERSION_ID: "null" }, "neither DROP_VERSION_ID nor DROP_ETAG is set"],
    [{ DROP_KEY: "" }, "DROP_KEY is not set"],
  ])("%j is refused", (environment, problem) => {
    const problems = ["something else"];
    expect(readUpload({ ...sound, ...environment }, problems)).toBeUndefined();
    expect(problems).toStrictEqual(["something else", problem]);
  });
});
