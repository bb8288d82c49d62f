import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { S3Client } from "@aws-sdk/client-s3";
import { sha256 } from "../../core/digest";
import type { PublishEvent } from "../../core/publish/events";
import { LIMITS } from "../../core/archive/limits";
import { sendLayers } from "../../core/publish/layers";
import { publishDrop, type PublishDropOptions } from "../../core/publish/publish-drop";
import { Repository } from "../../core/registry/repository";
import {
  bufferSource,
  dockerSave,
  layer,
  REFERENCE,
  savedImage,
  sha256Hex,
  tar,
  tarEntry,
  zip,
  type SavedImageOptions,
} from "../support/archives";
import { DEFAULT_CHOICE } from "../support/choice";
import { startS3, type FakeS3 } from "../support/fake-s3";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";

const NAME = "tomofun/web";
const PATH = `/v2/${NAME}`;

let directory: string;
let s3: FakeS3;
let registry: PlainRegistry;
let events: PublishEvent[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "publish-"));
  s3 = await startS3();
  registry = await startPlainRegistry(directory);
  events = [];
});
afterEach(async () => {
  await registry.close();
  await s3.close();
  rmSync(directory, { recursive: true });
});

async function publish(object: Buffer, changes: Partial<PublishDropOptions> = {}): Promise<string> {
  const { versionId = "", etag } = s3.put("drops", "web.zip", object);
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const retry = { attempts: 2, baseDelay: 1, maxDelay: 10 };
  return publishDrop({
    drop: { bucket: "drops", key: "web.zip", versionId, etag },
    s3: client,
    archivePath: "image/web",
    rule: { account: "123456789012", repository: NAME, tagPattern: /^[0-9a-f]{7,40}$/ },
    repository: new Repository({ registry: registry.url, name: NAME, retry }),
    movingTags: ["staging", "latest"],
    choice: DEFAULT_CHOICE,
    listener: (event) => events.push(event),
    ...changes,
  }).finally(() => {
    client.destroy();
  });
}

function zipped(...images: readonly SavedImageOptions[]): Buffer {
  return zip({ name: "image/web", data: dockerSave(...images) });
}

function tagsPut(): string[] {
  return registry.requests.flatMap((request) => /^PUT .+\/manifests\/(.+)$/.exec(request)?.[1] ?? []);
}

test("every blob is there before the first tag, and tags are put in order", async () => {
  expect(await publish(zipped())).toBe("0123abc");
  // What the moving tags point to may hold layers of the archive, so it is looked at before that is decompressed.
  expect(registry.requests.slice(0, 3).toSorted()).toEqual(
    ["0123abc", "latest", "staging"].map((tag) => `GET ${PATH}/manifests/${tag}`),
  );
  const requests = registry.requests.slice(3);
  const firstTag = requests.findIndex((request) => request.startsWith(`PUT ${PATH}/manifests/`));
  expect(requests.slice(0, firstTag).filter((request) => request.startsWith("PUT"))).toHaveLength(3);
  expect(requests.slice(firstTag)).toEqual([
    `PUT ${PATH}/manifests/0123abc`,
    `PUT ${PATH}/manifests/staging`,
    `PUT ${PATH}/manifests/latest`,
  ]);
});

test("a layer that the repository has is not sent again", async () => {
  await publish(zipped());
  const count = registry.requests.length;
  await publish(
    zipped({ references: [REFERENCE.replace("0123abc", "0123abd")], layers: [layer("base"), layer("newer")] }),
  );
  expect(registry.requests.slice(count).filter((request) => request.includes("uploads"))).toHaveLength(4);
  expect(events.filter((event) => event.type === "layer").map(({ diffId, how }) => [diffId, how])).toContainEqual([
    `sha256:${sha256Hex(layer("base"))}`,
    "reused",
  ]);
});

test("a twin that is faster is no failure, if it pushed the same image", async () => {
  await publish(zipped());
  let isFirst = true;
  registry.intercept = (request, response) => {
    if (!request.url?.endsWith("/manifests/0123abc")) return false;
    if (request.method === "GET") {
      if (!isFirst) return false;
      isFirst = false;
      response.writeHead(404).end();
    } else {
      const message = "The image tag '0123abc' already exists and cannot be overwritten because the tag is immutable.";
      response.writeHead(400).end(JSON.stringify({ errors: [{ code: "TAG_INVALID", message }] }));
    }
    return true;
  };
  expect(await publish(zipped())).toBe("0123abc");
  isFirst = true;
  await expect(publish(zipped({ layers: [layer("another")] }))).rejects.toMatchObject({ name: "HashTagTakenError" });
  expect(tagsPut().filter((tag) => tag !== "0123abc")).toEqual(["staging", "latest", "staging", "latest"]);
});

test("a hash tag that is an index is refused", async () => {
  const index = Buffer.from('{"schemaVersion":2,"manifests":[]}');
  await new Repository({ registry: registry.url, name: NAME }).putManifest("0123abc", {
    mediaType: "application/vnd.oci.image.index.v1+json",
    bytes: index,
  });
  await expect(publish(zipped())).rejects.toThrow(
    `${registry.url.host}/tomofun/web:0123abc exists already: found something that is no image (manifest sha256:${sha256Hex(index)}), ` +
      `expected the image of this archive (config ${savedImage().configDigest}); no tag was changed; ` +
      "build the image under a new commit, or delete the tag if the image in the registry is the wrong one",
  );
});

test("a layer that fails stops the others", async () => {
  const layers = [1, 2, 3, 4].map((digit) => tar(tarEntry("big", randomBytes(5_000_000)), tarEntry(`${digit}`)));
  registry.intercept = (request, response) => {
    if (request.method !== "PATCH") return false;
    response.writeHead(400).end();
    return true;
  };
  await expect(publish(zipped({ layers }))).rejects.toThrow(
    /^uploading layer \d of 4 to .+: found HTTP 400 from .+, expected success;/,
  );
  expect(registry.requests.filter((request) => request.startsWith("PATCH")).length).toBeLessThanOrEqual(3);
  expect(tagsPut()).toEqual([]);
});

test("a layer that takes long reports how far it is", async () => {
  const bytes = tar(tarEntry("slow", randomBytes(100_000)));
  const slow = async function* (): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, 51_200);
    await sleep(300);
    yield bytes.subarray(51_200);
  };
  const content = { ...bufferSource(bytes), read: () => Readable.from(slow()) };
  const diffId = sha256(bytes);
  const repository = new Repository({ registry: registry.url, name: NAME });
  await sendLayers({
    repository,
    layers: [{ diffId, compression: "none", content }],
    limits: LIMITS,
    listener: (event) => events.push(event),
    reportInterval: 50,
  });
  const position = { number: 1, count: 1, diffId, size: bytes.length };
  expect(events).toContainEqual({
    type: "layer-progress",
    ...position,
    done: 51_200,
    seconds: expect.any(Number) as number,
  });
  expect(events.at(-1)).toMatchObject({ type: "layer", ...position, how: "sent" });
});

test("an archive that has to be decompressed reports how far it is", async () => {
  await publish(zipped(), { reportInterval: 0 });
  const { length } = dockerSave();
  const seconds = expect.any(Number) as number;
  expect(events).toContainEqual({ type: "archive-progress", done: length, seconds });
});

test("a moving tag that is refused leaves the later ones alone", async () => {
  registry.intercept = (request, response) => {
    if (request.method !== "PUT" || !request.url?.endsWith("/manifests/staging")) return false;
    response.writeHead(403).end(JSON.stringify({ errors: [{ code: "DENIED", message: "no" }] }));
    return true;
  };
  await expect(publish(zipped())).rejects.toThrow(/^tagging .+\/tomofun\/web:staging: found HTTP 403 DENIED: no from/);
  expect(tagsPut()).toEqual(["0123abc", "staging"]);
});

describe("a bad drop changes no tag, and says why", () => {
  const wrong = layer("not what the configuration lists");
  const lying = { diffIds: [`sha256:${sha256Hex(layer("base"))}`], layers: [wrong] };
  const truncated = dockerSave().subarray(0, 3000);
  const object = "s3://drops/web.zip?versionId=ID";
  const archive = `image/web in ${object}`;
  const expectedForms =
    "expected the tar that `docker save` writes, or an OCI layout, plain or compressed by gzip or zstd, by itself or in a zip";
  const idOf = (options?: SavedImageOptions): string => savedImage(options).configDigest;
  const other = { references: [REFERENCE.replace("0123abc", "0123abd")], layers: [layer("other")] };
  const again = "save the image with `docker save` and upload it again";

  test.each<[string, Buffer, string]>([
    [
      "not an archive of any kind",
      Buffer.from("hello"),
      `${object} is not an image archive: found data of no known format, starting with 68656c6c6f, ${expectedForms}; ${again}`,
    ],
    [
      "an empty object",
      Buffer.alloc(0),
      `${object} is not an image archive: found nothing, ${expectedForms}; ${again}`,
    ],
    [
      "a truncated zip",
      zipped().subarray(0, 500),
      `${object} is truncated: found the start of a zip but not its end in 500 bytes, expected the whole zip; ` +
        "compare the size with the original and upload it again",
    ],
    [
      "no archive at the path",
      zip({ name: "web", data: dockerSave() }),
      `${object} has no image archive at image/web: found web, expected a member named exactly image/web; ` +
        "zip the archive under that path, or set the service's archive path to where it is",
    ],
    [
      "not an image archive",
      zip({ name: "image/web", data: tar(tarEntry("README", "x")) }),
      `${archive} is not an image archive: found a tar without manifest.json and index.json, holding README, ${expectedForms}; ${again}`,
    ],
    [
      "a truncated archive",
      zip({ name: "image/web", data: truncated }),
      `${archive} is truncated: found 1464 of 2560 bytes of ${sha256Hex(layer("base"))}/layer.tar at its end (3000 bytes), expected a whole tar; ` +
        "save the image again with `docker save`, check that it ended without an error, and upload it",
    ],
    [
      "no image of that account",
      zipped({ references: ["999999999999.dkr.ecr.us-east-1.amazonaws.com/tomofun/web:0123abc"] }),
      `${archive} has no image for this service: found 999999999999.dkr.ecr.us-east-1.amazonaws.com/tomofun/web:0123abc, ` +
        "expected a reference starting with 123456789012 that contains the repository tomofun/web; " +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    ],
    [
      "several images",
      zipped({}, other),
      `${archive} has several images for this service: found ${REFERENCE} (${idOf()}), ${other.references[0] ?? ""} (${idOf(other)}), ` +
        "expected one image with one git hash under a reference starting with 123456789012 that contains the repository tomofun/web; " +
        "save only that image with `docker save NAME:TAG`, or name it by its digest",
    ],
    [
      "a tag that is no git hash",
      zipped({ references: [REFERENCE.replace("0123abc", "latest")] }),
      `${archive} has no image tagged with a git hash: found ${REFERENCE.replace("0123abc", "latest")}, ` +
        "expected a tag that matches ^[0-9a-f]{7,40}$; tag the image with its git hash before `docker save NAME:TAG`",
    ],
    [
      "another configuration",
      zipped({ configName: "0".repeat(64) }),
      `${"0".repeat(64)}.json in ${archive} is damaged: found ${savedImage().configDigest}, expected sha256:${"0".repeat(64)} as its name says; ` +
        "nothing was tagged; save the image again with `docker save` and upload it",
    ],
    [
      "another layer",
      zipped(lying),
      `${sha256Hex(wrong)}/layer.tar in ${archive} is damaged: found a layer with the diffID sha256:${sha256Hex(wrong)}, ` +
        `expected ${lying.diffIds[0] ?? ""}; nothing was tagged; save the image again with \`docker save\` and upload it`,
    ],
  ])("%s", async (_what, bytes, message) => {
    const error = await publish(bytes).catch((reason: unknown) => reason as Error);
    expect((error as Error).message.replace(/(?<=versionId=)[0-9a-f]{32}/, "ID")).toBe(message);
    // The configuration goes up beside the layers, so that it may be there; no layer is.
    expect(registry.requests.filter((request) => /^PUT .+\/manifests\//.test(request))).toEqual([]);
    const blob = new URL(`${PATH}/blobs/sha256:${sha256Hex(wrong)}`, registry.url);
    expect((await fetch(blob, { method: "HEAD" })).status).toBe(404);
  });

  test("a large layer that lies: its upload is not finished", async () => {
    const diffIds = [`sha256:${"1".repeat(64)}`];
    const big = tar(tarEntry("big", randomBytes(9_000_000)));
    await expect(publish(zipped({ diffIds, layers: [big] }))).rejects.toThrow(
      `is damaged: found a layer with the diffID sha256:${sha256Hex(big)}, expected sha256:${"1".repeat(64)}; nothing was tagged`,
    );
    const uploads = registry.requests.filter((request) => request.includes("uploads") && !request.startsWith("POST"));
    // Beside it, the configuration goes up.
    expect(uploads.map((request) => request.split(" ")[0]).toSorted()).toEqual(["PATCH", "PUT"]);
    expect(tagsPut()).toEqual([]);
  });
});
