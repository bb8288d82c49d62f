import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { get } from "node:https";
import os from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import tls, { type ConnectionOptions } from "node:tls";
import { format } from "node:util";
import { gunzipSync } from "node:zlib";
import { HttpsProxyAgent } from "https-proxy-agent";
import { LIMITS } from "../../core/archive/limits";
import { publisherProgram } from "../../core/publish/program";
import { renderEvent } from "../../core/publish/progress";
import { publishDrop } from "../../core/publish/publish-drop";
import { readSettings } from "../../core/publish/settings";
import { writeBundles } from "../../infrastructure/write-bundles";
import { startRegistry, type Registry, type RegistryEvent } from "../../local/registry";
import {
  dockerSave,
  layer,
  savedImage,
  sha256Hex,
  tar,
  tarEntry,
  zip,
  type SavedImageOptions,
} from "../support/archives";
import { REGISTRY_HOST, startEcr, type FakeEcr, type FakeRepository } from "../support/ecr";
import { startS3, type FakeS3 } from "../support/fake-s3";

const REPOSITORY = "tomofun/web";
const HASH = "0123abc";

// What cannot be reached is tried again for some seconds.
jest.setTimeout(30_000);

let directory: string;
let publisher: string;
let s3: FakeS3;
let ecr: FakeEcr;
let registry: Registry;
let repository: FakeRepository;
/** What the registry and its proxy told of, and what they were asked, in this test. */
let events: RegistryEvent[];
let asked: () => Registry["requests"];

beforeAll(async () => {
  directory = mkdtempSync(join(os.tmpdir(), "publish-image-test-"));
  publisher = writeBundles(directory);
  ecr = await startEcr();
  registry = await startRegistry({
    endpoint: ecr.endpoint,
    directory: join(directory, "registry"),
    onEvent: (event) => events.push(event),
  });
});
afterAll(async () => {
  await registry.close();
  await ecr.close();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  s3 = await startS3();
  repository = ecr.createRepository(REPOSITORY);
  events = [];
  const before = registry.requests.length;
  asked = () => registry.requests.slice(before);
});
afterEach(async () => {
  ecr.deleteAll();
  await s3.close();
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  /** Without Node's own warnings. */
  readonly log: string[];
  readonly last: string;
}

/** How the publisher is run; it may use the folder for what it spools. */
type Runner = (environment: NodeJS.ProcessEnv, spool: string) => Promise<Run>;

/** As CodeBuild does: the bundle, in a process of its own. */
const bundle: Runner = (environment, spool) =>
  new Promise((resolve) => {
    const env = { ...environment, PATH: process.env.PATH, TMPDIR: spool, NODE_NO_WARNINGS: "1" };
    execFile(process.execPath, [publisher], { env, timeout: 20_000 }, (error, stdout, stderr) => {
      resolve(result(error ? Number(error.code) : 0, stdout, stderr));
    });
  });

/** The same program within this process: to start Node and to load the bundle takes five times as long as to publish. */
const here: Runner = async (environment, spool) => {
  const connect = tls.connect.bind(tls) as (options: ConnectionOptions) => tls.TLSSocket;
  // Node reads NODE_EXTRA_CA_CERTS when it starts.
  const ca = readFileSync(registry.caFile);
  const [out, err]: [string[], string[]] = [[], []];
  jest.replaceProperty(process, "env", environment);
  jest.spyOn(os, "tmpdir").mockReturnValue(spool);
  jest.spyOn(tls, "connect").mockImplementation(((options: ConnectionOptions) => connect({ ca, ...options })) as never);
  // No jitter before another attempt.
  jest.spyOn(Math, "random").mockReturnValue(0);
  jest.spyOn(console, "log").mockImplementation((...line) => out.push(`${format(...line)}\n`));
  jest.spyOn(console, "error").mockImplementation((...line) => err.push(`${format(...line)}\n`));
  try {
    const code = await publisherProgram(async (options) => [await publishDrop(options)]);
    return result(code, out.join(""), err.join(""));
  } finally {
    jest.restoreAllMocks();
  }
};

function result(code: number, stdout: string, stderr: string): Run {
  const log = stderr.trimEnd().split("\n");
  return { code, stdout, log, last: log.at(-1) ?? "" };
}

/** Runs the publisher in a build's environment; `undefined` unsets a variable. */
async function publish(changes: NodeJS.ProcessEnv, run = here): Promise<Run> {
  const spool = mkdtempSync(join(directory, "tmp-"));
  const variables: NodeJS.ProcessEnv = {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_ECR: ecr.endpoint,
    AWS_MAX_ATTEMPTS: "1",
    HTTPS_PROXY: registry.proxyUrl,
    NODE_EXTRA_CA_CERTS: registry.caFile,
    SERVICE_NAME: "web",
    IMAGE_REPO_NAME: REPOSITORY,
    ECS_SOURCE: REGISTRY_HOST,
    SOURCE_ACCOUNT: "123456789012",
    MOVING_TAGS: "staging",
    ...changes,
  };
  const environment = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
  const finished = await run(environment, spool);
  expect(readdirSync(spool)).toEqual([]);
  return finished;
}

/** Uploads an object and publishes exactly it. */
async function drop(object: Buffer, changes: NodeJS.ProcessEnv = {}, run = here): Promise<Run> {
  const { versionId, etag } = s3.put("drops", "web.zip", object);
  const environment = { DROP_BUCKET: "drops", DROP_KEY: "web.zip", DROP_VERSION_ID: versionId, DROP_ETAG: etag };
  return publish({ ...environment, ...changes }, run);
}

function zipped(...images: readonly SavedImageOptions[]): Buffer {
  return zip({ name: "image/web", data: dockerSave(...images) });
}

/** Tags in the order in which they were put, with the digests of their manifests. */
function tagsPut(): string[] {
  return repository.images.map(({ imageTag }) => imageTag ?? "");
}

/** Asks the registry directly, sharing no code with the publisher. */
async function readRegistry(path: string): Promise<Buffer> {
  const options = { agent: new HttpsProxyAgent(registry.proxyUrl), ca: readFileSync(registry.caFile) };
  const fetch = async (url: string, headers: OutgoingHttpHeaders): Promise<Buffer> => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { ...options, headers }, resolve).on("error", reject);
    });
    if (response.statusCode === 307) return fetch(response.headers.location ?? "", {});
    if (response.statusCode !== 200) throw new Error(`${url}: HTTP ${response.statusCode}`);
    return buffer(response);
  };
  const headers = { authorization: `Basic ${ecr.token()}`, accept: "*/*" };
  return fetch(`https://${REGISTRY_HOST}/v2/${REPOSITORY}/${path}`, headers);
}

interface ReadImage {
  readonly config: string;
  readonly diffIds: string[];
}

async function readImage(tag: string): Promise<ReadImage> {
  const manifest = JSON.parse((await readRegistry(`manifests/${tag}`)).toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  const layers = await Promise.all(manifest.layers.map(({ digest }) => readRegistry(`blobs/${digest}`)));
  return { config: manifest.config.digest, diffIds: layers.map((bytes) => `sha256:${sha256Hex(gunzipSync(bytes))}`) };
}

function expected(options: SavedImageOptions = {}): ReadImage {
  const { configDigest, layers } = savedImage(options);
  return { config: configDigest, diffIds: layers.map((bytes) => `sha256:${sha256Hex(bytes)}`) };
}

describe("a drop", () => {
  test("ends as a verified image under its hash, then under the moving tags in their order", async () => {
    const run = await drop(zipped(), { MOVING_TAGS: "staging latest" }, bundle);
    expect(run).toMatchObject({ code: 0, stdout: `${HASH}\n` });
    expect(tagsPut()).toEqual([HASH, "staging", "latest"]);
    for (const tag of tagsPut()) expect(await readImage(tag)).toEqual(expected());
    const { configDigest } = savedImage();
    expect(run.log.map((line) => line.replace(/\d+\.\d s/, "T s").replace(/sha256:[0-9a-f]{12}\b/, "DIFF"))).toEqual([
      expect.stringMatching(/^reading s3:\/\/drops\/web\.zip\?versionId=[0-9a-f]{32} \(\d+ bytes\)$/),
      "found an archive of 1 image in T s",
      `selected ${REGISTRY_HOST}/tomofun/web:0123abc for linux/amd64: 2 layers, config ${configDigest}`,
      expect.stringMatching(/^layer \d\/2 DIFF \(\d+ bytes\): pushed, \d+ bytes sent, T s$/),
      expect.stringMatching(/^layer \d\/2 DIFF \(\d+ bytes\): pushed, \d+ bytes sent, T s$/),
      expect.stringMatching(/^tagged 0123abc \(sha256:/),
      expect.stringMatching(/^tagged staging \(sha256:/),
      expect.stringMatching(/^tagged latest \(sha256:/),
    ]);
  });

  test("stored in the zip is read once, straight from S3", async () => {
    const layers = [tar(tarEntry("big", randomBytes(3_000_000))), tar(tarEntry("bigger", randomBytes(6_000_000)))];
    const object = zip({ name: "image/web", data: dockerSave({ layers }), method: "stored" });
    expect(await drop(object)).toMatchObject({ code: 0, stdout: `${HASH}\n` });
    expect(await readImage("staging")).toEqual(expected({ layers }));
    const sent = s3.requests.reduce((total, request) => total + request.sent, 0);
    // The zip's end and the windows around headers come on top.
    expect(sent).toBeLessThan(object.length + 10 * 65_577);
  });

  test("of docker 25 and later", async () => {
    expect(await drop(zipped({ layout: "docker25" }))).toMatchObject({ code: 0 });
    expect(await readImage(HASH)).toEqual(expected());
  });

  test("with one layer twice is sent with it once", async () => {
    const layers = [layer("base"), layer("app"), layer("base")];
    const { entries, manifestItem } = savedImage({ layers });
    const archive = tar(...entries.slice(0, 3), tarEntry("manifest.json", JSON.stringify([manifestItem])));
    expect(await drop(zip({ name: "image/web", data: archive }))).toMatchObject({ code: 0 });
    expect(await readImage(HASH)).toEqual(expected({ layers }));
    expect(asked().filter(({ method }) => method === "POST")).toHaveLength(3);
  });

  test("is exactly the version that was dropped", async () => {
    const { versionId } = s3.put("drops", "web.zip", zipped());
    s3.put("drops", "web.zip", zipped({ layers: [layer("newer")] }));
    expect(await publish({ DROP_BUCKET: "drops", DROP_KEY: "web.zip", DROP_VERSION_ID: versionId })).toMatchObject({
      code: 0,
    });
    expect(await readImage(HASH)).toEqual(expected());
  });

  test("of a bucket without versioning that was overwritten fails, and says so", async () => {
    const { etag } = s3.put("drops", "web.zip", zipped(), { versioned: false });
    s3.put("drops", "web.zip", zipped({ layers: [layer("newer")] }), { versioned: false });
    const run = await publish({ DROP_BUCKET: "drops", DROP_KEY: "web.zip", DROP_ETAG: etag });
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.last).toBe(
      "s3://drops/web.zip cannot be read: found that it was deleted or overwritten, or was never there (PreconditionFailed: At least one of " +
        "the pre-conditions you specified did not hold), expected the object as it was uploaded; a newer upload has its own build, " +
        "otherwise upload it again",
    );
  });

  test("needs no moving tags, account or default path", async () => {
    const object = zip({ name: "other/path", data: dockerSave({ references: ["vendor/tomofun/web:v7"] }) });
    const environment = {
      MOVING_TAGS: undefined,
      SOURCE_ACCOUNT: undefined,
      ARCHIVE_PATH: "other/path",
      TAG_PATTERN: "^v[0-9]+$",
    };
    expect(await drop(object, environment)).toMatchObject({ code: 0, stdout: "v7\n" });
    expect(tagsPut()).toEqual(["v7"]);
  });
});

describe("the same image again", () => {
  test("changes nothing, and is told from three answers", async () => {
    const stored = zip({ name: "image/web", data: dockerSave(), method: "stored" });
    await drop(stored);
    const before = asked().length;
    const run = await drop(stored);
    expect(run).toMatchObject({ code: 0, stdout: `${HASH}\n`, last: "staging points to this image already" });
    expect(
      asked()
        .slice(before)
        .map(({ method, path }) => `${method} ${path}`)
        // The first two do not wait for each other.
        .toSorted(),
    ).toEqual([
      `GET /v2/${REPOSITORY}/manifests/${HASH}`,
      `GET /v2/${REPOSITORY}/manifests/staging`,
      `HEAD /v2/${REPOSITORY}/manifests/staging`,
    ]);
    expect(tagsPut()).toEqual([HASH, "staging"]);
  });

  test("takes the moving tags back", async () => {
    await drop(zipped());
    const references = [`${REGISTRY_HOST}/${REPOSITORY}:0123abd`];
    await drop(zipped({ references, layers: [layer("newer")] }));
    await drop(zipped());
    expect(tagsPut()).toEqual([HASH, "staging", "0123abd", "staging", "staging"]);
    expect(await readImage("staging")).toEqual(expected());
  });

  test("in a repository with immutable hash tags", async () => {
    repository.imageTagMutability = "IMMUTABLE";
    await drop(zipped(), { MOVING_TAGS: undefined });
    expect(await drop(zipped(), { MOVING_TAGS: undefined })).toMatchObject({ code: 0, stdout: `${HASH}\n` });
  });

  test("by two builds at once", async () => {
    repository.imageTagMutability = "IMMUTABLE";
    const { versionId } = s3.put("drops", "web.zip", zipped());
    const environment = {
      DROP_BUCKET: "drops",
      DROP_KEY: "web.zip",
      DROP_VERSION_ID: versionId,
      MOVING_TAGS: undefined,
    };
    const runs = await Promise.all([publish(environment, bundle), publish(environment, bundle)]);
    expect(runs.map(({ code, stdout }) => [code, stdout])).toEqual([
      [0, `${HASH}\n`],
      [0, `${HASH}\n`],
    ]);
    expect(tagsPut()).toEqual([HASH]);
  });
});

describe("an upload that CloudTrail reported", () => {
  const begun = { DROP_BUCKET: "drops", DROP_KEY: "web.zip", DROP_CALL: "CreateMultipartUpload" };

  test("as begun is published when it has ended", async () => {
    const uploadId = s3.begin("drops", "web.zip", new Date("2026-01-31T03:00:00Z"));
    s3.complete(uploadId, zipped());
    s3.put("drops", "web.zip", zipped({ layers: [layer("newer")] }));
    const run = await publish({ ...begun, DROP_TIME: "2026-01-31T03:00:00Z" });
    expect(run).toMatchObject({ code: 0, stdout: `${HASH}\n` });
    expect(await readImage("staging")).toEqual(expected());
  });

  test("as begun, and that was aborted, is nothing to do: that is no failure, and has no git hash", async () => {
    s3.put("drops", "web.zip", zipped());
    expect(await publish({ ...begun, DROP_TIME: "2026-01-31T03:00:00Z" }, bundle)).toEqual({
      code: 0,
      stdout: "",
      log: [expect.any(String)],
      last:
        "nothing to do: the upload of s3://drops/web.zip that began at 2026-01-31T03:00:00Z was aborted, or what it wrote was overwritten " +
        "or deleted; a newer upload has its own build",
    });
    expect(asked()).toEqual([]);
  });

  test("as ended, in a bucket without versioning, is published", async () => {
    const { etag } = s3.put("drops", "web.zip", zipped(), { versioned: false });
    const run = await publish({ DROP_BUCKET: "drops", DROP_KEY: "web.zip", DROP_CALL: "PutObject" });
    expect(run).toMatchObject({ code: 0, stdout: `${HASH}\n` });
    expect(s3.requests.slice(1).map(({ ifMatch }) => ifMatch)).toContain(`"${etag}"`);
    expect(await readImage("staging")).toEqual(expected());
  });
});

test("another image under the same hash is refused: both are named, no tag is changed", async () => {
  await drop(zipped());
  const layers = [layer("another")];
  const run = await drop(zipped({ layers }));
  expect(run).toMatchObject({ code: 3, stdout: "" });
  expect(run.last).toBe(
    `${REGISTRY_HOST}/tomofun/web:0123abc exists already: found another image (config ${savedImage().configDigest}), expected the image of ` +
      `this archive (config ${savedImage({ layers }).configDigest}); no tag was changed; build the image under a new commit, or delete the ` +
      "tag if the image in the registry is the wrong one",
  );
  expect(tagsPut()).toEqual([HASH, "staging"]);
  expect(await readImage("staging")).toEqual(expected());
});

describe("a bad drop", () => {
  test("fails, changes no tag, and its last line says why", async () => {
    const wrong = layer("not what the configuration lists");
    const run = await drop(zipped({ diffIds: [`sha256:${"1".repeat(64)}`], layers: [wrong] }), {}, bundle);
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.last).toMatch(
      new RegExp(
        `^${sha256Hex(wrong)}/layer\\.tar in image/web in s3:.+ is damaged: found a layer with the diffID sha256:${sha256Hex(wrong)}, ` +
          "expected sha256:1{64}; nothing was tagged; save the image again with `docker save` and upload it$",
      ),
    );
    expect(asked().filter(({ method, path }) => method === "PUT" && path.includes("/manifests/"))).toEqual([]);
    expect(tagsPut()).toEqual([]);
  });

  test("cannot write lines of its own into the log", async () => {
    const run = await drop(zipped({ references: ["evil\nlast line:0123abc"] }));
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.last).toMatch(/has no image for this service: found evil last line:0123abc, expected/);
  });

  test("shows where it failed only with DEBUG", async () => {
    const object = Buffer.from("hello");
    expect((await drop(object)).log).toHaveLength(2);
    const { log, last } = await drop(object, { DEBUG: "1" });
    expect(log.some((line) => line.startsWith("    at "))).toBe(true);
    expect(last).toMatch(/is not an image archive/);
  });
});

describe("a registry that refuses", () => {
  test("a missing repository", async () => {
    const references = [`${REGISTRY_HOST}/tomofun/gone:0123abc`];
    const run = await drop(zipped({ references }), { IMAGE_REPO_NAME: "tomofun/gone" });
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.last).toBe(
      `reading the manifest of ${REGISTRY_HOST}/tomofun/gone:0123abc: found HTTP 404 NAME_UNKNOWN: The repository with name 'tomofun/gone' ` +
        `does not exist in the registry with id '123456789012' from ${REGISTRY_HOST}, expected the repository tomofun/gone; ` +
        "apply the pipeline's Terraform, which makes it, or correct the service's repository",
    );
  });

  test("an immutable moving tag: the hash tag stays, the sentence names the remedy", async () => {
    repository.imageTagMutability = "IMMUTABLE";
    await drop(zipped());
    const run = await drop(
      zipped({ references: [`${REGISTRY_HOST}/${REPOSITORY}:0123abd`], layers: [layer("newer")] }),
    );
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.last).toMatch(
      /expected a tag that may be written; exclude staging from the repository's tag immutability, or remove it from the moving tags$/,
    );
    expect(await readImage("staging")).toEqual(expected());
  });

  test("no token", async () => {
    const run = await drop(zipped(), { AWS_ENDPOINT_URL_ECR: "http://127.0.0.1:1" });
    expect(run.last).toMatch(
      new RegExp(
        `^no token for ${REGISTRY_HOST}: found .+, expected an answer to ecr:GetAuthorizationToken; grant it to the build's role on \\*, and check the network of the build$`,
      ),
    );
  });

  test("an authority that is not trusted", async () => {
    const run = await drop(zipped(), { NODE_EXTRA_CA_CERTS: undefined }, bundle);
    expect(run.last).toMatch(
      /expected a registry; set NODE_EXTRA_CA_CERTS to the certificate of the authority that signed it$/,
    );
  });

  test("a proxy that leads nowhere is not taken for the registry", async () => {
    const run = await drop(zipped(), { ECS_SOURCE: "registry.example.com" });
    expect(run.last).toMatch(
      /found no answer from registry\.example\.com \(the proxy answered HTTP 403\), expected a registry; check the name, the network of the build, HTTPS_PROXY and NO_PROXY$/,
    );
  });

  test("AWS is reached by the same proxy", async () => {
    const run = await drop(zipped(), { AWS_ENDPOINT_URL_S3: undefined }, bundle);
    expect(run).toMatchObject({ code: 1, stdout: "" });
    const refused = events.flatMap((event) => (event.kind === "refused" ? [event.message] : []));
    expect(refused).toEqual([expect.stringContaining("CONNECT drops.s3.us-east-1.amazonaws.com:443")]);
  });
});

test("without arguments, and outside a build, it says how it is used", async () => {
  const run = await bundle({}, directory);
  expect(run).toMatchObject({ code: 2, stdout: "" });
  expect(run.last).toBe("cannot publish so: SOURCE and DESTINATION are missing; see publish-image --help");
});

test.each([
  [0, 0, "layer 2/3 sha256:0123456789ab (0 bytes): 100 % read after 5.0 s"],
  [99_999, 50_000, "layer 2/3 sha256:0123456789ab (99999 bytes): 50 % read after 5.0 s"],
  [100_000, 99_999, "layer 2/3 sha256:0123456789ab (0.1 MB): 99 % read after 5.0 s"],
  [325_000_000, 325_000_000, "layer 2/3 sha256:0123456789ab (325.0 MB): 100 % read after 5.0 s, 65 MB/s"],
])("a layer of %i bytes, %i done", (size, done, line) => {
  const diffId = `sha256:0123456789abcdef${"0".repeat(48)}` as const;
  expect(renderEvent({ type: "layer-progress", number: 2, count: 3, diffId, size, done, seconds: 5 })).toBe(line);
});

describe("settings", () => {
  const sound = {
    SERVICE_NAME: "web",
    IMAGE_REPO_NAME: REPOSITORY,
    ECS_SOURCE: REGISTRY_HOST,
    DROP_BUCKET: "drops",
    DROP_KEY: "web.zip",
    DROP_ETAG: "e",
  };

  test("have defaults", () => {
    expect(readSettings(sound)).toEqual({
      upload: { state: "known", drop: { bucket: "drops", key: "web.zip", etag: "e" } },
      registry: REGISTRY_HOST,
      repository: REPOSITORY,
      archivePath: "image/web",
      rule: { account: undefined, repository: REPOSITORY, tagPattern: /^[0-9a-f]{7,40}$/ },
      movingTags: [],
      choice: {
        compression: "gzip",
        reuse: true,
        platform: "all",
        attestations: "keep",
        mountFrom: [],
        limits: LIMITS,
      },
    });
  });

  test("choose how it is published", () => {
    const chosen = {
      COMPRESSION: "zstd",
      REUSE: "off",
      PLATFORM: "linux/arm64/v8",
      ATTESTATIONS: "drop",
      MOUNT_FROM: "team/base team/other",
      MAX_ARCHIVE_BYTES: "1125899906842624",
      MAX_LAYER_BYTES: "1",
      MAX_RATIO: "2.5",
      SOURCE_IMAGE: "vendor/app:1.2",
    };
    const { choice, rule } = readSettings({ ...sound, ...chosen });
    expect(rule.image).toBe("vendor/app:1.2");
    expect(choice).toEqual({
      compression: "zstd",
      reuse: false,
      platform: "linux/arm64/v8",
      attestations: "drop",
      mountFrom: ["team/base", "team/other"],
      limits: { ...LIMITS, archive: 2 ** 50, layer: 1, ratio: 2.5 },
    });
  });

  test("that are empty count as absent", () => {
    const empty = { SOURCE_ACCOUNT: "", ARCHIVE_PATH: "", TAG_PATTERN: "", MOVING_TAGS: "", DROP_VERSION_ID: "" };
    expect(readSettings({ ...sound, ...empty })).toEqual(readSettings(sound));
  });

  test("that are missing are all named at once, and nothing is tried", async () => {
    const run = await publish({ SERVICE_NAME: undefined, IMAGE_REPO_NAME: undefined, ECS_SOURCE: "" }, bundle);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.log).toEqual([
      "cannot publish with this environment: found that SERVICE_NAME is not set and that IMAGE_REPO_NAME is not set and that ECS_SOURCE is not " +
        "set and that DROP_BUCKET is not set and that DROP_KEY is not set and that neither DROP_VERSION_ID nor DROP_ETAG is set, expected the " +
        "variables that the pipeline's project and trigger set; apply the pipeline's Terraform, or start the build with them as environment overrides",
    ]);
    expect(s3.requests).toEqual([]);
  });

  test.each([
    [{ IMAGE_REPO_NAME: "Tomofun/web" }, 'IMAGE_REPO_NAME is "Tomofun/web", expected an ECR repository\'s name'],
    [{ ECS_SOURCE: "https://host/" }, 'ECS_SOURCE is "https://host/", expected the registry\'s host name'],
    [{ DROP_BUCKET: "d" }, 'drop bucket must be a bucket name, got: "d"'],
    [{ DROP_ETAG: "", DROP_VERSION_ID: "null" }, "neither DROP_VERSION_ID nor DROP_ETAG is set"],
    [{ MOVING_TAGS: "staging -x" }, 'MOVING_TAGS has "-x", expected tags separated by spaces'],
    [{ COMPRESSION: "xz" }, 'COMPRESSION is "xz", expected gzip, zstd or keep'],
    [{ REUSE: "false" }, 'REUSE is "false", expected on or off'],
    [{ PLATFORM: "arm64" }, 'PLATFORM is "arm64", expected all, or a platform such as linux/arm64'],
    [{ ATTESTATIONS: "no" }, 'ATTESTATIONS is "no", expected keep or drop'],
    [{ MOUNT_FROM: "team/base Team" }, 'MOUNT_FROM is "Team", expected names of repositories'],
    [{ MAX_LAYER_BYTES: "0" }, 'MAX_LAYER_BYTES is "0", expected a number of at least 1'],
    [{ MAX_ARCHIVE_BYTES: "1e9" }, 'MAX_ARCHIVE_BYTES is "1e9", expected a number of at least 1'],
    [{ MOVING_TAGS: "abcdef0" }, "MOVING_TAGS has abcdef0, expected no tag that TAG_PATTERN takes for a git hash"],
  ])("%j are refused", (environment, problem) => {
    expect(() => readSettings({ ...sound, ...environment })).toThrow(
      `cannot publish with this environment: found that ${problem}, expected the variables that the pipeline's project and trigger set; ` +
        "apply the pipeline's Terraform, or start the build with them as environment overrides",
    );
  });

  test("with a tag pattern that is none are refused", () => {
    expect(() => readSettings({ ...sound, TAG_PATTERN: "(" })).toThrow(
      /found that TAG_PATTERN is "\(", expected a regular expression \(.+\), expected/,
    );
  });
});
