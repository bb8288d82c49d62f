import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openFile } from "../../core/archive/source";
import { selectOnlyImage } from "../../core/archive/select";
import { publish, type PublishChoice, type PublishOptions } from "../../core/publish/publish";
import { ReportWriter, type PublishReport } from "../../core/publish/report";
import { Repository } from "../../core/registry/repository";
import { dockerSave, layer, REFERENCE, savedImage, sha256Hex, tar, tarEntry } from "../support/archives";
import { DEFAULT_CHOICE } from "../support/choice";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";

const NAME = "team/api";

let directory: string;
let registry: PlainRegistry;
let repository: Repository;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reuse-"));
  registry = await startPlainRegistry(join(directory, "registry"));
  repository = new Repository({
    registry: registry.url,
    name: NAME,
    retry: { attempts: 2, baseDelay: 1, maxDelay: 5 },
  });
});
afterEach(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

const large = (digit: string): Buffer => tar(tarEntry("app/large", digit.repeat(9 * 1024 * 1024)));

interface Drop extends Partial<Pick<PublishOptions, "movingTags" | "recentTags" | "repository" | "dryRun">> {
  readonly layers: readonly Buffer[];
  readonly hashTag: string;
  readonly choice?: Partial<PublishChoice>;
}

/** Publishes an image of these layers, and tells how, with the requests that it took. */
async function drop({ layers, hashTag, choice, ...options }: Drop): Promise<PublishReport & { requests: string[] }> {
  const archive = join(directory, `${hashTag}.tar`);
  writeFileSync(archive, dockerSave({ layers, references: [REFERENCE.replace("0123abc", hashTag)] }));
  const before = registry.requests.length;
  const writer = new ReportWriter();
  const { digest } = await publish({
    object: await openFile(archive),
    spoolFile: (name) => join(directory, name),
    select: (images) => selectOnlyImage(images, { tagPattern: /^[0-9a-f]{7}$/ }),
    repository,
    movingTags: ["staging"],
    choice: { ...DEFAULT_CHOICE, ...choice },
    listener: writer.listener,
    ...options,
  });
  const requests = registry.requests.slice(before).map((request) => request.replace(`/v2/${NAME}/`, ""));
  return { ...writer.report({ repository: NAME, hashTag, dryRun: false, ...(digest && { digest }) }), requests };
}

const how = ({ layers }: PublishReport): unknown[] => layers.map((each) => each.how ?? each.would);
const uploads = ({ requests }: { requests: string[] }): string[] => requests.filter((each) => each.includes("uploads"));

const BASE = layer("base");
const ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";

test("layers of the image that the moving tag points to are not read, and nothing but the new one is sent", async () => {
  await drop({ layers: [BASE, large("a"), layer("app 1")], hashTag: "aaaaaa1" });
  const update = await drop({ layers: [BASE, large("a"), layer("app 2")], hashTag: "aaaaaa2" });
  expect(how(update)).toEqual(["reused", "reused", "sent"]);
  expect(update.sent).toBe(update.layers[2]?.storedSize);
  const config = savedImage({ layers: [BASE, large("a"), layer("app 1")] }).configDigest;
  expect(update.requests.slice(0, 2).toSorted()).toEqual(["GET manifests/aaaaaa2", "GET manifests/staging"]);
  expect(update.requests[2]).toBe(`GET blobs/${config}`);
  expect(update.requests).toHaveLength(11);
});

test("the content that is reused is what the archive lists", async () => {
  await drop({ layers: [BASE, layer("app 1")], hashTag: "aaaaaa1" });
  await drop({ layers: [layer("app 1"), BASE], hashTag: "aaaaaa2" });
  const manifest = await repository.manifest("aaaaaa2");
  const { layers } = JSON.parse(manifest!.bytes.toString()) as { layers: { digest: `sha256:${string}` }[] };
  const contents = await Promise.all(layers.map(async ({ digest }) => gunzipSync(await repository.blob(digest))));
  expect(contents.map(sha256Hex)).toEqual([layer("app 1"), BASE].map(sha256Hex));
});

test("reuse can be switched off", async () => {
  await drop({ layers: [BASE, large("a")], hashTag: "aaaaaa1" });
  const update = await drop({ layers: [BASE, large("a")], hashTag: "aaaaaa2", choice: { reuse: false } });
  // A small one is known by its digest when it is compressed, all the same.
  expect(how(update)).toEqual(["existed", "existed"]);
  expect(update.requests.filter((each) => each.startsWith("GET"))).toEqual(["GET manifests/aaaaaa2"]);
});

describe("the newest images are asked", () => {
  test("where the moving tags leave much to be sent", async () => {
    await drop({ layers: [BASE, large("a")], hashTag: "aaaaaa1" });
    await drop({ layers: [layer("other")], hashTag: "aaaaaa2" });
    const recentTags = jest.fn(() => Promise.resolve({ tags: ["aaaaaa2", "aaaaaa1"] }));
    const back = await drop({ layers: [BASE, large("a"), layer("more")], hashTag: "aaaaaa3", recentTags });
    expect(how(back)).toEqual(["reused", "reused", "sent"]);
    expect(recentTags).toHaveBeenCalledTimes(1);
  });

  test("not for a small layer", async () => {
    await drop({ layers: [BASE], hashTag: "aaaaaa1" });
    const recentTags = jest.fn(() => Promise.resolve({ tags: [] }));
    await drop({ layers: [BASE, layer("small")], hashTag: "aaaaaa2", recentTags });
    expect(recentTags).not.toHaveBeenCalled();
  });

  test("in vain, and it is published all the same", async () => {
    const recentTags = () => Promise.resolve({ tags: [], reason: "AccessDenied" });
    expect(how(await drop({ layers: [large("a")], hashTag: "aaaaaa1", recentTags }))).toEqual(["sent"]);
  });
});

test("what cannot be told of the repository's images costs time only", async () => {
  await drop({ layers: [BASE, layer("app 1")], hashTag: "aaaaaa1" });
  registry.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.includes("/blobs/")) return false;
    response.writeHead(403).end();
    return true;
  };
  expect(how(await drop({ layers: [BASE, layer("app 2")], hashTag: "aaaaaa2" }))).toEqual(["existed", "sent"]);
});

test("a layer that is gone when it was to be reused is sent after all", async () => {
  await drop({ layers: [BASE, layer("app 1")], hashTag: "aaaaaa1" });
  let isFirst = true;
  registry.intercept = (request, response) => {
    if (!isFirst || request.method !== "PUT" || !request.url?.endsWith("/manifests/aaaaaa2")) return false;
    isFirst = false;
    const errors = [{ code: "MANIFEST_BLOB_UNKNOWN", message: "Layers with digests '[x]' do not exist" }];
    response.writeHead(400).end(JSON.stringify({ errors }));
    return true;
  };
  const update = await drop({ layers: [BASE, layer("app 2")], hashTag: "aaaaaa2" });
  expect(how(update)).toEqual(["existed", "existed"]);
  expect(await repository.manifest("staging")).toEqual(await repository.manifest("aaaaaa2"));
});

test("a configuration that lies about its layers is of no use, and breaks nothing", async () => {
  // One diffID for two layers, and what is no JSON.
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [`sha256:${sha256Hex(BASE)}`] } }));
  const blob = await repository.uploadBytes(config);
  const something = await repository.uploadBytes(Buffer.from("something"));
  const mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const manifest = {
    schemaVersion: 2,
    config: { mediaType: "application/vnd.docker.container.image.v1+json", size: blob.size, digest: blob.digest },
    layers: [1, 2].map(() => ({ mediaType, size: something.size, digest: something.digest })),
  };
  await repository.putManifest("staging", {
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    bytes: Buffer.from(JSON.stringify(manifest)),
  });
  expect(how(await drop({ layers: [BASE], hashTag: "aaaaaa1" }))).toEqual(["sent"]);
});

test("an encrypted layer is of no use, though its diffID is the same", async () => {
  await drop({ layers: [BASE], hashTag: "aaaaaa1" });
  const { mediaType, bytes } = (await repository.manifest("aaaaaa1"))!;
  const text = bytes.toString().replaceAll("application/vnd.docker.image.rootfs.diff.tar.gzip", ENCRYPTED);
  await repository.putManifest("staging", { mediaType, bytes: Buffer.from(text) });
  expect(how(await drop({ layers: [BASE], hashTag: "aaaaaa2" }))).toEqual(["existed"]);
});

describe("from another repository", () => {
  const other = (): Repository => repository.sibling("team/base");

  test("layers are mounted, without a byte of them on the way", async () => {
    await drop({ layers: [BASE, large("a")], hashTag: "bbbbbb1", repository: other() });
    const choice = { mountFrom: ["team/base"] };
    const mounted = await drop({ layers: [BASE, large("a"), layer("app")], hashTag: "aaaaaa1", choice });
    expect(how(mounted)).toEqual(["mounted", "mounted", "sent"]);
  });

  test("layers are sent where the registry mounts nothing", async () => {
    await drop({ layers: [BASE], hashTag: "bbbbbb1", repository: other() });
    registry.intercept = (request, response) => {
      if (!request.url?.includes("mount=")) return false;
      response.writeHead(405).end();
      return true;
    };
    const sent = await drop({ layers: [BASE], hashTag: "aaaaaa1", choice: { mountFrom: ["team/base"] } });
    expect(how(sent)).toEqual(["sent"]);
  });
});

describe("a dry run", () => {
  test("says what would be done, and writes nothing", async () => {
    await drop({ layers: [BASE, layer("app 1")], hashTag: "aaaaaa1" });
    const plan = await drop({ layers: [BASE, layer("app 2")], hashTag: "aaaaaa2", dryRun: true });
    expect(how(plan)).toEqual(["reuse", "compress"]);
    expect(plan.tags).toEqual([
      { tag: "aaaaaa2", state: "would-set" },
      { tag: "staging", state: "would-set" },
    ]);
    expect(uploads(plan)).toEqual([]);
    expect(plan.requests.filter((each) => each.startsWith("PUT"))).toEqual([]);
    expect(await repository.manifest("aaaaaa2")).toBeUndefined();
  });

  test("foresees a mount by digest, where no tag leads to the layer", async () => {
    const options = {
      layers: [BASE],
      movingTags: [],
      choice: { compression: "keep", mountFrom: ["team/base"] },
    } as const;
    await drop({ ...options, hashTag: "bbbbbb1", repository: repository.sibling("team/base") });
    expect(how(await drop({ ...options, hashTag: "aaaaaa1", dryRun: true }))).toEqual(["mount"]);
    expect(how(await drop({ ...options, hashTag: "aaaaaa1" }))).toEqual(["mounted"]);
    expect(how(await drop({ ...options, hashTag: "aaaaaa2", dryRun: true }))).toEqual(["reuse"]);
  });

  test("of what is there says so", async () => {
    const { digest } = await drop({ layers: [BASE], hashTag: "aaaaaa1" });
    const plan = await drop({ layers: [BASE], hashTag: "aaaaaa1", dryRun: true });
    expect(plan.digest).toBe(digest);
    expect(plan.tags).toEqual([
      { tag: "aaaaaa1", state: "kept" },
      { tag: "staging", state: "kept" },
    ]);
  });

  test("of another image under a hash that is taken fails as the publisher would", async () => {
    await drop({ layers: [BASE], hashTag: "aaaaaa1" });
    await expect(drop({ layers: [layer("other")], hashTag: "aaaaaa1", dryRun: true })).rejects.toMatchObject({
      name: "HashTagTakenError",
    });
  });
});
