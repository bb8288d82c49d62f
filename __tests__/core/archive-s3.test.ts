import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { S3Client } from "@aws-sdk/client-s3";
import { openDrop } from "../../core/archive/s3-object";
import { startS3, type FakeS3 } from "../support/fake-s3";

const BUCKET = "drops";
const KEY = "web.zip";
const BODY = randomBytes(1_000_000);

let s3: FakeS3;
let client: S3Client;
beforeEach(async () => {
  // The shortest wait before another attempt.
  jest.spyOn(Math, "random").mockReturnValue(0);
  s3 = await startS3();
  client = new S3Client({
    endpoint: s3.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  client.destroy();
  await s3.close();
});

test("reads the ranges that are asked for, of the version that was dropped", async () => {
  const { versionId, etag } = s3.put(BUCKET, KEY, BODY);
  s3.put(BUCKET, KEY, Buffer.from("a newer upload"));
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, versionId: versionId!, etag });
  expect(object.name).toBe(`s3://drops/web.zip?versionId=${versionId}`);
  expect(object.size).toBe(BODY.length);
  expect((await buffer(object.read(1000, 600_000))).equals(BODY.subarray(1000, 600_000))).toBe(true);
  expect(s3.requests).toEqual([
    { path: "/drops/web.zip", range: "bytes=-65577", versionId, ifMatch: `"${etag}"`, sent: 65577 },
    { path: "/drops/web.zip", range: "bytes=1000-599999", versionId, ifMatch: `"${etag}"`, sent: 599_000 },
  ]);
});

test("the object's end and neighbouring headers cost no further request", async () => {
  const { etag } = s3.put(BUCKET, KEY, BODY, { versioned: false });
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
  expect(await object.bytes(BODY.length - 65_577, BODY.length)).toEqual(BODY.subarray(-65_577));
  expect(await object.bytes(BODY.length - 22, BODY.length)).toEqual(BODY.subarray(-22));
  expect(await object.bytes(5000, 5512)).toEqual(BODY.subarray(5000, 5512));
  expect(await object.bytes(6000, 6512)).toEqual(BODY.subarray(6000, 6512));
  expect(await object.bytes(5000 + 65535, 5000 + 65536)).toEqual(BODY.subarray(70535, 70536));
  expect(s3.requests.map(({ range }) => range)).toEqual(["bytes=-65577", "bytes=5000-70535"]);
  expect(await object.bytes(5000 + 65536, 5000 + 65537)).toEqual(BODY.subarray(70536, 70537));
  expect(s3.requests).toHaveLength(3);
});

test("an object smaller than the first request", async () => {
  const { etag } = s3.put(BUCKET, KEY, Buffer.from("tiny"));
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
  expect(object.size).toBe(4);
  expect((await object.bytes(0, 4)).toString()).toBe("tiny");
  expect(s3.requests).toHaveLength(1);
});

test("an empty object", async () => {
  const { etag } = s3.put(BUCKET, KEY, Buffer.alloc(0));
  expect((await openDrop(client, { bucket: BUCKET, key: KEY, etag })).size).toBe(0);
});

test("a broken connection is taken up where it broke", async () => {
  const { versionId } = s3.put(BUCKET, KEY, BODY);
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, versionId: versionId! });
  s3.breakOff(100_000, 50_000);
  expect((await buffer(object.read(0, 300_000))).equals(BODY.subarray(0, 300_000))).toBe(true);
  expect(s3.requests.slice(1).map(({ range }) => range)).toEqual([
    "bytes=0-299999",
    "bytes=100000-299999",
    "bytes=150000-299999",
  ]);
});

test("a connection that breaks in the first answer is tried again", async () => {
  const { etag } = s3.put(BUCKET, KEY, BODY);
  s3.breakOff(1000);
  expect((await openDrop(client, { bucket: BUCKET, key: KEY, etag })).size).toBe(BODY.length);
  expect(s3.requests.map(({ sent }) => sent)).toEqual([1000, 65_577]);
});

test("a connection that never brings a byte is given up", async () => {
  const { etag } = s3.put(BUCKET, KEY, BODY);
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
  s3.breakOff(0, 0, 0, 0, 0);
  await expect(buffer(object.read(0, 10))).rejects.toThrow(
    /^s3:\/\/drops\/web\.zip cannot be read: found .+, expected the bytes of the object; try again, and look at region and credentials$/,
  );
  expect(s3.requests).toHaveLength(5);
});

test("comes in pieces of 1 MiB, whatever the network brings", async () => {
  const body = randomBytes((2 << 20) + 5);
  const { etag } = s3.put(BUCKET, KEY, body);
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
  const pieces = (await object.read(0, body.length).toArray()) as Buffer[];
  expect(pieces.map(({ length }) => length)).toEqual([1 << 20, 1 << 20, 5]);
  expect(Buffer.concat(pieces).equals(body)).toBe(true);
});

describe("a large range", () => {
  const SMALL = { pieceSize: 100_000, ahead: 3 };

  test("is read by several requests, each of the version that was dropped", async () => {
    const { versionId, etag } = s3.put(BUCKET, KEY, BODY);
    s3.put(BUCKET, KEY, Buffer.from("a newer upload"));
    const object = await openDrop(client, { bucket: BUCKET, key: KEY, versionId: versionId!, etag }, SMALL);
    expect((await buffer(object.read(1000, 450_000))).equals(BODY.subarray(1000, 450_000))).toBe(true);
    const pin = { path: "/drops/web.zip", versionId, ifMatch: `"${etag}"` };
    expect(s3.requests.slice(1).toSorted((a, b) => rangeStart(a.range) - rangeStart(b.range))).toEqual([
      { ...pin, range: "bytes=1000-100999", sent: 100_000 },
      { ...pin, range: "bytes=101000-200999", sent: 100_000 },
      { ...pin, range: "bytes=201000-300999", sent: 100_000 },
      { ...pin, range: "bytes=301000-400999", sent: 100_000 },
      { ...pin, range: "bytes=401000-449999", sent: 49_000 },
    ]);
  });

  test("is one request up to 8 MiB", async () => {
    const body = Buffer.alloc((8 << 20) + 1, "x");
    const { etag } = s3.put(BUCKET, KEY, body);
    const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
    expect(await buffer(object.read(0, 8 << 20))).toHaveLength(8 << 20);
    expect(s3.requests).toHaveLength(2);
    expect(await buffer(object.read(0, body.length))).toHaveLength(body.length);
    expect(s3.requests).toHaveLength(4);
  });

  test("each of its requests is taken up where it broke", async () => {
    const { versionId } = s3.put(BUCKET, KEY, BODY);
    const object = await openDrop(client, { bucket: BUCKET, key: KEY, versionId: versionId! }, SMALL);
    s3.breakOff(70_000, 0, 50_000, 99_999, 1);
    expect((await buffer(object.read(0, BODY.length))).equals(BODY)).toBe(true);
    expect(s3.requests).toHaveLength(1 + 10 + 5);
  });

  test("stops when nobody wants it any more", async () => {
    const { etag } = s3.put(BUCKET, KEY, BODY);
    const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag }, SMALL);
    const stream = object.read(0, BODY.length);
    await once(stream, "readable");
    stream.destroy();
    await once(stream, "close");
    expect((await object.bytes(0, 10)).equals(BODY.subarray(0, 10))).toBe(true);
    // The object's end, what was on its way at once, and the last ten bytes.
    expect(s3.requests.length).toBeLessThanOrEqual(1 + 4 + 1);
  });

  test("an object that is overwritten while it is read", async () => {
    const { etag } = s3.put(BUCKET, KEY, BODY, { versioned: false });
    const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag }, SMALL);
    s3.put(BUCKET, KEY, Buffer.from("newer"), { versioned: false });
    await expect(buffer(object.read(0, BODY.length))).rejects.toThrow(
      "cannot be read: found that it was deleted or overwritten, or was never there (PreconditionFailed",
    );
  });
});

function rangeStart(range: string | undefined): number {
  return Number(/^bytes=(\d+)/.exec(range ?? "")?.[1]);
}

const gone = (name: string, reason: string): string =>
  `${name} cannot be read: found that it was deleted or overwritten, or was never there (${reason}), ` +
  "expected the object as it was uploaded; a newer upload has its own build, otherwise upload it again";

test("an overwritten object of a bucket without versioning", async () => {
  const { etag } = s3.put(BUCKET, KEY, BODY, { versioned: false });
  s3.put(BUCKET, KEY, Buffer.from("newer"), { versioned: false });
  await expect(openDrop(client, { bucket: BUCKET, key: KEY, etag })).rejects.toThrow(
    gone("s3://drops/web.zip", "PreconditionFailed: At least one of the pre-conditions you specified did not hold"),
  );
});

test("an object that is overwritten while it is read", async () => {
  const { etag } = s3.put(BUCKET, KEY, BODY, { versioned: false });
  const object = await openDrop(client, { bucket: BUCKET, key: KEY, etag });
  s3.put(BUCKET, KEY, Buffer.from("newer"), { versioned: false });
  await expect(object.bytes(0, 10)).rejects.toThrow(
    "cannot be read: found that it was deleted or overwritten, or was never there (PreconditionFailed",
  );
});

test("an object without a version or entity tag is what the first answer was of", async () => {
  s3.put(BUCKET, KEY, BODY);
  const object = await openDrop(client, { bucket: BUCKET, key: KEY });
  s3.put(BUCKET, KEY, Buffer.from("newer"));
  expect((await buffer(object.read(0, BODY.length))).equals(BODY)).toBe(true);
});

test("nor is another taken for it in a bucket without versioning", async () => {
  s3.put(BUCKET, KEY, BODY, { versioned: false });
  const object = await openDrop(client, { bucket: BUCKET, key: KEY });
  s3.put(BUCKET, KEY, Buffer.from("newer"), { versioned: false });
  await expect(object.bytes(0, 10)).rejects.toThrow("deleted or overwritten, or was never there (PreconditionFailed");
});

test("a deleted version", async () => {
  s3.put(BUCKET, KEY, BODY);
  await expect(openDrop(client, { bucket: BUCKET, key: KEY, versionId: "v1" })).rejects.toThrow(
    gone("s3://drops/web.zip?versionId=v1", "NoSuchVersion: The specified version does not exist"),
  );
});

test("a deleted object", async () => {
  await expect(openDrop(client, { bucket: BUCKET, key: KEY, etag: "e" })).rejects.toThrow(
    gone("s3://drops/web.zip", "NoSuchKey: The specified key does not exist"),
  );
});

test.each([
  [
    403,
    "AccessDenied",
    "s3://drops/web.zip cannot be read: found that S3 denies access (AccessDenied: no), expected s3:GetObject and s3:GetObjectVersion, and " +
      "kms:Decrypt for its key, to be granted to the build's role; grant them, or upload the object again if it was deleted",
  ],
  [
    404,
    "NoSuchBucket",
    "s3://drops/web.zip cannot be read: found NoSuchBucket: no, expected the bytes of the object; try again, and look at region and credentials",
  ],
  [
    503,
    "SlowDown",
    "s3://drops/web.zip cannot be read: found SlowDown: no, expected the bytes of the object; try again, and look at region and credentials",
  ],
])("S3 answers %i %s", async (status, code, message) => {
  s3.refuse(status, code, "no");
  await expect(openDrop(client, { bucket: BUCKET, key: KEY, etag: "e" })).rejects.toMatchObject({ message });
});
