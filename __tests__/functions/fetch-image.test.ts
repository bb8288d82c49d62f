import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeBundles } from "../../infrastructure/write-bundles";
import { startRegistry, type Registry } from "../../local/registry";
import { dockerSave, REFERENCE, savedImage, sha256Hex, zip } from "../support/archives";
import { REGISTRY_HOST, startEcr, type FakeEcr } from "../support/ecr";
import { startS3, type FakeS3 } from "../support/fake-s3";

let directory: string;
let program: string;
let s3: FakeS3;
let ecr: FakeEcr;
let registry: Registry;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "fetch-image-"));
  program = writeBundles(directory, ["fetch-image"]);
  s3 = await startS3();
  ecr = await startEcr();
  ecr.createRepository("tomofun/web");
  registry = await startRegistry({ endpoint: ecr.endpoint, directory: join(directory, "registry") });
});
afterAll(async () => {
  await registry.close();
  await ecr.close();
  await s3.close();
  rmSync(directory, { recursive: true });
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The files that it left in its folder. */
  readonly files: readonly string[];
  readonly folder: string;
}

/** Runs the program as the buildspec does, for a drop of this object. */
function fetch(object: Buffer, args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const { versionId = "" } = s3.put("drops", "web.zip", object);
  const folder = mkdtempSync(join(directory, "run-"));
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_ECR: ecr.endpoint,
    HTTPS_PROXY: registry.proxyUrl,
    NODE_EXTRA_CA_CERTS: registry.caFile,
    NODE_NO_WARNINGS: "1",
    SERVICE_NAME: "web",
    IMAGE_REPO_NAME: "tomofun/web",
    ECS_SOURCE: REGISTRY_HOST,
    SOURCE_ACCOUNT: "123456789012",
    MOVING_TAGS: "staging",
    DROP_BUCKET: "drops",
    DROP_KEY: "web.zip",
    DROP_VERSION_ID: versionId,
    ...environment,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env, cwd: folder, timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr, files: readdirSync(folder), folder });
    });
  });
}

const data = dockerSave();
const [base, app] = savedImage().layers.map((bytes) => `sha256:${sha256Hex(bytes)}`);

test("prints the image, its hash, its layers and the tags to push, a line each, and leaves the archive in the file", async () => {
  const { folder, ...run } = await fetch(zip({ name: "image/web", data }), ["saved.tar"]);
  expect(run).toMatchObject({
    code: 0,
    stdout: `${REFERENCE}\n0123abc\n${base} ${app}\n0123abc\nstaging\n`,
    files: ["saved.tar"],
  });
  expect(readFileSync(join(folder, "saved.tar")).equals(data)).toBe(true);
  expect(run.stderr.split("\n")[0]).toMatch(/^reading s3:\/\/drops\/web\.zip\?versionId=/);
});

test("prints nothing of a drop that it refuses, and its last line says why", async () => {
  const run = await fetch(zip({ name: "image/other", data }), []);
  expect(run).toMatchObject({ code: 3, stdout: "", files: [] });
  expect(run.stderr.trimEnd().split("\n").at(-1)).toMatch(/ has no image archive at image\/web: found image\/other, /);
});

test("prints nothing where the settings are wrong, and tries nothing", async () => {
  const before = s3.requests.length;
  const run = await fetch(zip({ name: "image/web", data }), [], { IMAGE_REPO_NAME: "" });
  expect(run).toMatchObject({ code: 2, stdout: "", files: [] });
  expect(run.stderr).toMatch(/^cannot publish with this environment: found that IMAGE_REPO_NAME is not set, expected/);
  expect(s3.requests).toHaveLength(before);
});
