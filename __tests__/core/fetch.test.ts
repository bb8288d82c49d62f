import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { S3Client } from "@aws-sdk/client-s3";
import { LIMITS } from "../../core/archive/limits";
import { fetchDrop, type FetchDropOptions, type FetchedDrop } from "../../core/fetch/fetch-drop";
import type { PublishEvent } from "../../core/publish/events";
import { renderEvent } from "../../core/publish/progress";
import { publishDrop } from "../../core/publish/publish-drop";
import { Repository } from "../../core/registry/repository";
import {
  containerdSave,
  dockerSave,
  layer,
  multiPlatform,
  nameFields,
  ociImage,
  ociLayout,
  REFERENCE,
  savedImage,
  sha256Hex,
  zip,
  zstdFrame,
  type SavedImageOptions,
  type ZipMemberOptions,
} from "../support/archives";
import { DEFAULT_CHOICE } from "../support/choice";
import { startS3, type FakeS3 } from "../support/fake-s3";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";

const NAME = "tomofun/web";
const HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const LAYERS = savedImage().layers.map((bytes) => `sha256:${sha256Hex(bytes)}`);
const MOVING_TAGS = ["staging", "latest"];

let directory: string;
let file: string;
let s3: FakeS3;
let client: S3Client;
let registry: PlainRegistry;
let events: PublishEvent[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "fetch-"));
  file = join(directory, "image.tar");
  s3 = await startS3();
  client = new S3Client({
    endpoint: s3.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  registry = await startPlainRegistry(join(directory, "registry"));
  events = [];
});
afterEach(async () => {
  client.destroy();
  await registry.close();
  await s3.close();
  rmSync(directory, { recursive: true });
});

function options(object: Buffer, changes: Partial<FetchDropOptions> = {}): FetchDropOptions {
  const { versionId = "", etag } = s3.put("drops", "web.zip", object);
  return {
    drop: { bucket: "drops", key: "web.zip", versionId, etag },
    s3: client,
    archivePath: "image/web",
    rule: { account: "123456789012", repository: NAME, tagPattern: /^[0-9a-f]{7,40}$/ },
    repository: new Repository({
      registry: registry.url,
      name: NAME,
      retry: { attempts: 2, baseDelay: 1, maxDelay: 10 },
    }),
    movingTags: MOVING_TAGS,
    choice: DEFAULT_CHOICE,
    listener: (event) => events.push(event),
    file,
    ...changes,
  };
}

function fetch(object: Buffer, changes?: Partial<FetchDropOptions>): Promise<FetchedDrop> {
  return fetchDrop(options(object, changes));
}

function zipped(...images: readonly SavedImageOptions[]): Buffer {
  return zip({ name: "image/web", data: dockerSave(...images) });
}

/** Requests that write to the registry. */
function writes(): string[] {
  return registry.requests.filter((request) => !request.startsWith("GET "));
}

test.each(["stored", "deflated"] as const)("a %s archive lies in the file, byte for byte", async (method) => {
  const data = dockerSave();
  expect(await fetch(zip({ name: "image/web", data, method }))).toEqual({
    reference: REFERENCE,
    gitHash: "0123abc",
    layers: LAYERS,
    tags: ["0123abc", "staging", "latest"],
  });
  expect(readFileSync(file).equals(data)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(writes()).toEqual([]);
});

test.each([
  ["gzip", gzipSync(dockerSave())],
  ["zstd", zstdFrame(dockerSave())],
  ["gzip in a zip", zip({ name: "image/web", data: gzipSync(dockerSave()) })],
  ["a tar", dockerSave()],
])("an archive that is %s lies in the file as a plain tar", async (_form, object) => {
  expect(await fetch(object)).toMatchObject({ reference: REFERENCE, layers: LAYERS });
  expect(readFileSync(file).equals(dockerSave())).toBe(true);
});

test("an archive that passes a limit is refused", async () => {
  const limits = { ...LIMITS, archive: 1000 };
  await expect(fetch(gzipSync(dockerSave()), { choice: { ...DEFAULT_CHOICE, limits } })).rejects.toThrow(
    "is too large: found more than 1000 bytes",
  );
});

test("an archive of containerd's store, whose layers are compressed", async () => {
  const image = ociImage();
  expect(await fetch(containerdSave(image))).toMatchObject({ reference: REFERENCE, layers: image.diffIds });
});

test("what happened is told in order", async () => {
  await fetch(zipped(), { reportInterval: 0 });
  const lines = events.map((event) => renderEvent(event).replace(/\d+\.\d s$/, "T s"));
  expect(lines[0]).toMatch(/^reading s3:\/\/drops\/web\.zip\?versionId=[0-9a-f]{32} \(\d+ bytes\)$/);
  expect(lines.slice(1)).toEqual([
    `${dockerSave().length} bytes of the archive written after T s`,
    "found an archive of 1 image in T s",
    `selected ${REFERENCE} for linux/amd64: 2 layers, config ${savedImage().configDigest}`,
    "verified 2 layers in T s",
  ]);
});

test("a file that is there is replaced, whatever its length", async () => {
  await fetch(zipped({ layers: [layer("a".repeat(10_000))] }));
  await fetch(zipped());
  expect(readFileSync(file).equals(dockerSave())).toBe(true);
});

test("one of two images", async () => {
  const other = { references: [`${HOST}/tomofun/other:0123abd`], layers: [layer("other")] };
  expect(await fetch(zipped(other, {}))).toMatchObject({ reference: REFERENCE, gitHash: "0123abc", layers: LAYERS });
});

describe("what the registry has", () => {
  test("the same image under every tag: nothing is left to push", async () => {
    await publishDrop(options(zipped()));
    events = [];
    expect(await fetch(zipped())).toEqual({ reference: REFERENCE, gitHash: "0123abc", layers: LAYERS, tags: [] });
    expect(events.slice(-3).map(renderEvent)).toEqual([
      "0123abc points to this image already",
      "staging points to this image already",
      "latest points to this image already",
    ]);
  });

  test("moving tags that have moved on: they alone are left, in their order", async () => {
    await publishDrop(options(zipped()));
    const newer = { references: [`${HOST}/${NAME}:0123abd`], layers: [layer("newer")] };
    await publishDrop(options(zipped(newer), { movingTags: ["latest"] }));
    expect((await fetch(zipped())).tags).toEqual(["latest"]);
  });

  test("the image under a moving tag alone: every tag is left, the hash first", async () => {
    await publishDrop(options(zipped({ references: [`${HOST}/${NAME}:0123abd`] })));
    expect((await fetch(zipped())).tags).toEqual(["0123abc", "staging", "latest"]);
  });

  test("another image under the hash: both are named", async () => {
    await publishDrop(options(zipped()));
    const before = writes().length;
    const layers = [layer("another")];
    await expect(fetch(zipped({ layers }))).rejects.toThrow(
      `${registry.url.host}/${NAME}:0123abc exists already: found another image (config ${savedImage().configDigest}), expected the image ` +
        `of this archive (config ${savedImage({ layers }).configDigest}); no tag was changed; build the image under a new commit, or ` +
        "delete the tag if the image in the registry is the wrong one",
    );
    expect(writes()).toHaveLength(before);
  });
});

describe("a drop is refused, and the registry is not asked:", () => {
  const member = (overrides: Partial<ZipMemberOptions>): Buffer =>
    zip({ name: "image/web", data: dockerSave(), ...overrides });
  const wrong = layer("not what the configuration lists");

  test.each<[string, Buffer, RegExp]>([
    [
      "a checksum that is wrong",
      member({ crc: 7 }),
      /^s3:\S+ is a damaged zip: found a wrong checksum when unpacking image\/web, /,
    ],
    [
      "a checksum of a stored member that is wrong",
      member({ crc: 7, method: "stored" }),
      /^s3:\S+ is a damaged zip: found a wrong checksum when unpacking image\/web, /,
    ],
    ["a zip that is cut", member({}).subarray(0, 300), /^s3:\S+ is truncated: found the start of a zip/],
    [
      "a layer that is damaged",
      zipped({ diffIds: [`sha256:${"1".repeat(64)}`], layers: [wrong] }),
      new RegExp(
        `^${sha256Hex(wrong)}/layer\\.tar in image/web in s3:\\S+ is damaged: found a layer with the diffID sha256:${sha256Hex(wrong)}, expected`,
      ),
    ],
    [
      "another account",
      zipped({ references: [`999999999999.dkr.ecr.us-east-1.amazonaws.com/${NAME}:0123abc`] }),
      /has no image for this service: found 999999999999\.dkr\.ecr/,
    ],
  ])("%s", async (_what, object, message) => {
    await expect(fetch(object)).rejects.toThrow(message);
    expect(registry.requests).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    [
      "an image for several platforms",
      ociLayout({ listed: [[multiPlatform(), nameFields(REFERENCE)]] }),
      "an image for several platforms (linux/amd64, linux/arm64/v8 in OBJECT), expected an image for one platform; " +
        "save it for one (`docker save --platform`), or take the stream publisher",
    ],
    [
      "an image that has a tag alone",
      ociLayout({ listed: [[ociImage(), { annotations: { "org.opencontainers.image.ref.name": "0123abc" } }]] }),
      "an image whose only name is the tag 0123abc (OBJECT), expected a name that docker knows it by; " +
        "save it as `docker save NAME:TAG`, or take the stream publisher",
    ],
  ])("%s", async (_what, object, message) => {
    const error: unknown = await fetch(object, { rule: { repository: NAME, tagPattern: /^[0-9a-f]{7,40}$/ } }).catch(
      (thrown: unknown) => thrown,
    );
    expect((error as Error).message.replace(/s3:\S+?(?=\))/, "OBJECT")).toBe(`not supported yet: found ${message}`);
    expect(registry.requests).toEqual([]);
  });

  const HOSTILE = [
    `$(touch x)/${NAME}:0123abc`,
    `$(touch x).example/${NAME}:0123abc`,
    `\`touch x\`.example/${NAME}:0123abc`,
    `host".example/${NAME}:0123abc`,
    `host'.example/${NAME}:0123abc`,
    `a b.example/${NAME}:0123abc`,
    `a\n.example/${NAME}:0123abc`,
    `-host.example/${NAME}:0123abc`,
    `--all/${NAME}:0123abc`,
    `-/${NAME}:0123abc`,
    `host.example:$PORT/${NAME}:0123abc`,
    `host.example/${NAME}:$(id)`,
    `host.example/${NAME}:-0123abc`,
    `host.example/${NAME}:0123abc\n`,
    `host.example/../${NAME}:0123abc`,
    `host.example/$(id)/${NAME}:0123abc`,
  ];
  test.each(HOSTILE)("the name %j", async (name) => {
    const rule = { repository: NAME, tagPattern: /./ };
    await expect(fetch(zipped({ references: [name] }), { rule })).rejects.toThrow(
      `has no image for this service: found ${name}, expected any reference that contains the repository ${NAME}; `,
    );
    expect(registry.requests).toEqual([]);
  });
});

test("a folder that is not there is named, and not taken for a damaged zip", async () => {
  const missing = join(directory, "none", "image.tar");
  await expect(fetch(zipped(), { file: missing })).rejects.toThrow(/^ENOENT: no such file or directory, statfs /);
});
