import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, TerraformStack } from "cdktf";
import { unzipSync } from "fflate";
import { parsePipeline } from "../../config/parse";
import type { PipelineConfig, PipelineInput } from "../../config/schema";
import { bundleOf } from "../../infrastructure/bundle";
import { Package, type Files } from "../../infrastructure/packaging";
import { PipelineStack } from "../../infrastructure/stack";
import { pipelineInput } from "../support/synthesis";

let outdir: string;
beforeEach(() => (outdir = mkdtempSync(join(tmpdir(), "packaging-"))));
afterEach(() => {
  rmSync(outdir, { recursive: true });
});

describe("prebuilt", () => {
  test("lies in the stack's folder, with the hashes that the JSON names", () => {
    const { packed, zip } = synthesise("prebuilt", { "b.txt": Buffer.from("b"), "a.txt": Buffer.from("a") });
    expect(packed.path).toBe("assets/code.zip");
    expect([packed.md5, packed.base64Sha256]).toStrictEqual([
      createHash("md5").update(zip()).digest("hex"),
      createHash("sha256").update(zip()).digest("base64"),
    ]);
  });

  test("is the same for the same files in any order, in any time zone", () => {
    const files = { "b.txt": Buffer.from("b"), "a.txt": Buffer.from("a") };
    const first = synthesise("prebuilt", files).packed.base64Sha256;
    const zone = process.env.TZ;
    try {
      for (const other of ["Pacific/Kiritimati", "America/Los_Angeles"]) {
        process.env.TZ = other;
        const { packed } = synthesise("prebuilt", { "a.txt": files["a.txt"], "b.txt": files["b.txt"] });
        expect(packed.base64Sha256).toBe(first);
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test("differs by content", () => {
    const hashes = ["a", "b"].map((text) => synthesise("prebuilt", { "a.txt": Buffer.from(text) }).packed.base64Sha256);
    expect(new Set(hashes).size).toBe(2);
  });

  test("holds files that Lambda may read: 0644, of a Unix, 1980", () => {
    const zip = synthesise("prebuilt", { "a.txt": Buffer.from("a") }).zip();
    const central = zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    expect(zip.readUInt8(central + 5)).toBe(3);
    expect((zip.readUInt32LE(central + 38) >>> 16).toString(8)).toBe("100644");
    const [time, date] = [zip.readUInt16LE(central + 12), zip.readUInt16LE(central + 14)];
    expect([time, date]).toStrictEqual([0, (1 << 5) | 1]);
  });

  test("replaces the zip of the synth before", () => {
    synthesise("prebuilt", { "a.txt": Buffer.from("a") });
    const { zip } = synthesise("prebuilt", { "b.txt": Buffer.from("b") });
    expect(Object.keys(unzipSync(zip()))).toStrictEqual(["b.txt"]);
  });
});

describe("archive", () => {
  const files = { "deep/b.txt": Buffer.from("b"), "a.txt": Buffer.from("a") };

  test("leaves files in the stack's folder and a data source that zips them, by relative paths", () => {
    const { json, read } = synthesise("archive", files);
    expect(Object.values(json.data?.archive_file ?? {})).toMatchObject([
      { type: "zip", source_dir: "assets/code", output_path: "assets/code.zip", output_file_mode: "0644" },
    ]);
    expect([read("assets/code/a.txt"), read("assets/code/deep/b.txt")]).toStrictEqual(["a", "b"]);
  });

  test("leaves no file of the synth before", () => {
    synthesise("archive", files);
    writeFileSync(join(outdir, "stacks/stack/assets/code/old.txt"), "old");
    const { folder } = synthesise("archive", files);
    expect(existsSync(join(folder, "assets/code/old.txt"))).toBe(false);
  });
});

describe("what a pipeline packs", () => {
  function pack(changes: Partial<PipelineInput>) {
    const app = new App({ outdir, stackTraces: false });
    new PipelineStack(app, parsePipeline(pipelineInput({ packaging: "prebuilt", ...changes })));
    app.synth();
    const folder = join(outdir, "stacks/images");
    return { folder, json: JSON.parse(readFileSync(join(folder, "cdk.tf.json"), "utf8")) as Terraform };
  }

  test("start-build travels with the routes of its services, publish-image with its buildspec", () => {
    const { folder, json } = pack({ services: [{ name: "api", key: "releases/api.zip" }, "web"] });

    const [lambda] = Object.values(json.resource.aws_lambda_function!);
    const code = readFileSync(join(folder, lambda!.filename!));
    const start = unzipSync(code);
    expect(Object.keys(start)).toStrictEqual(["index.js", "routes.json"]);
    expect(Buffer.from(start["index.js"]!).equals(bundleOf("start-build"))).toBe(true);
    expect(JSON.parse(Buffer.from(start["routes.json"]!).toString())).toStrictEqual({
      pipeline: "images",
      bucket: "image-drops",
      routes: [
        { service: "api", key: "releases/api.zip", project: "images_api" },
        { service: "web", key: "web.zip", project: "images_web" },
      ],
    });
    expect(lambda!.source_code_hash).toBe(createHash("sha256").update(code).digest("base64"));

    const [object] = Object.values(json.resource.aws_s3_object!);
    const tools = readFileSync(join(folder, object!.source!));
    const stream = unzipSync(tools);
    expect(Object.keys(stream)).toStrictEqual(["aws-sdk.js", "buildspec.yml", "publish-image.js"]);
    expect(Buffer.from(stream["buildspec.yml"]!).equals(readFileSync(buildspecOf("stream")))).toBe(true);
    expect(object).toMatchObject({
      key: "publish-image.zip",
      source_hash: createHash("md5").update(tools).digest("hex"),
      // Default tags may be more than the ten that an object takes.
      override_provider: { default_tags: { tags: {} } },
    });
  });

  test("with publisher: docker, fetch-image travels with its buildspec, as a new version of the same object", () => {
    const { folder, json } = pack({ publisher: "docker" });
    const [object] = Object.values(json.resource.aws_s3_object!);
    expect(object!.key).toBe("publish-image.zip");
    const docker = unzipSync(readFileSync(join(folder, object!.source!)));
    expect(Object.keys(docker)).toStrictEqual(["buildspec.yml", "fetch-image.js"]);
    expect(Buffer.from(docker["fetch-image.js"]!).equals(bundleOf("fetch-image"))).toBe(true);
    expect(Buffer.from(docker["buildspec.yml"]!).equals(readFileSync(buildspecOf("docker")))).toBe(true);
  });
});

function buildspecOf(publisher: PipelineConfig["publisher"]): string {
  return join(__dirname, "../../buildspecs", `${publisher}.yml`);
}

interface Terraform {
  readonly resource: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly data?: { readonly archive_file: object };
}

/** A stack that holds one package and nothing else. */
function synthesise(packaging: PipelineConfig["packaging"], files: Files) {
  const app = new App({ outdir, stackTraces: false });
  const stack = new TerraformStack(app, "stack");
  const packed = new Package(stack, "code", { packaging, files });
  stack.synthesizer.synthesize({ outdir, skipValidation: true, manifest: app.manifest });
  const folder = join(outdir, "stacks/stack");
  return {
    packed,
    folder,
    json: JSON.parse(readFileSync(join(folder, "cdk.tf.json"), "utf8")) as Terraform,
    zip: () => readFileSync(join(folder, packed.path)),
    read: (path: string) => readFileSync(join(folder, path), "utf8"),
  };
}
