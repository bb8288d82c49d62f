import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = join(__dirname, "../..");
const SOURCES = ["main.ts", "cdktf.json", "config", "core", "functions", "infrastructure", "buildspecs"];

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "main-"))));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A copy of the project, deeper down or not, with its own pipeline.yaml. */
function project(place: string, pipeline: string): string {
  const copy = join(folder, place);
  mkdirSync(copy, { recursive: true });
  for (const source of SOURCES) cpSync(join(root, source), join(copy, source), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "pipeline.yaml"), pipeline);
  return copy;
}

/** As the cdktf command runs it. */
function main(copy: string, environment: NodeJS.ProcessEnv = {}) {
  const { app } = JSON.parse(readFileSync(join(root, "cdktf.json"), "utf8")) as { app: string };
  const [, ...args] = app.split(" ");
  return spawnSync(process.execPath, args, {
    cwd: copy,
    env: { ...process.env, CDKTF_OUTDIR: undefined, PIPELINE_FILE: undefined, ...environment },
    encoding: "utf8",
    timeout: 60_000,
  });
}

/** Every file below, by its path. */
function filesOf(directory: string): Map<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path)]));
}

const PIPELINES = `
name: images
region: us-east-1
bucket: image-drops
services: [api]
---
name: images-cn
region: cn-north-1
bucket: image-drops
packaging: prebuilt
roles: shared
services: [api, web]
---
name: images-direct
region: us-gov-west-1
bucket: direct-drops
trigger: { cloudtrail: { trail: true } }
publisher: docker
packaging: prebuilt
defaults: { after: ['echo "$GIT_HASH"'] }
services: [api, { name: web, buildspec: specs/web.yml }]
`;
const OWN_BUILDSPEC = "version: 0.2\nphases: { build: { commands: ['HASH=$(cat hashes | head -1)'] } }\n";

test("two folders give the same bytes, which name neither", () => {
  const [here, there] = [project("here", PIPELINES), project("there/deeper/down", PIPELINES)];
  for (const copy of [here, there]) {
    mkdirSync(join(copy, "specs"));
    writeFileSync(join(copy, "specs/web.yml"), OWN_BUILDSPEC);
    const { status, stdout, stderr } = main(copy);
    expect({ status, stdout }).toStrictEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/^warning: specs\/web\.yml:2:\d+: pipe-hides-failure: .*\n$/);
  }
  const [first, second] = [filesOf(join(here, "cdktf.out")), filesOf(join(there, "cdktf.out"))];

  expect([...first.keys()]).toStrictEqual([
    "manifest.json",
    "stacks/images-cn/assets/pipeline_tools_publish-image_23201F6F.zip",
    "stacks/images-cn/assets/pipeline_trigger_start-build_code_28A2A8BE.zip",
    "stacks/images-cn/cdk.tf.json",
    "stacks/images-direct/assets/pipeline_tools_publish-image_23201F6F.zip",
    "stacks/images-direct/cdk.tf.json",
    "stacks/images/assets/pipeline_tools_publish-image_23201F6F/buildspec.yml",
    "stacks/images/assets/pipeline_tools_publish-image_23201F6F/publish-image.js",
    "stacks/images/assets/pipeline_trigger_start-build_code_28A2A8BE/index.js",
    "stacks/images/assets/pipeline_trigger_start-build_code_28A2A8BE/routes.json",
    "stacks/images/cdk.tf.json",
  ]);
  expect([...second.keys()]).toStrictEqual([...first.keys()]);
  for (const [path, content] of first) {
    expect([path, second.get(path)!.equals(content)]).toStrictEqual([path, true]);
    for (const place of [folder, root]) expect([path, content.includes(place)]).toStrictEqual([path, false]);
  }
  expect(first.get("manifest.json")!.toString()).toContain("web.yml:2:");
  for (const [path, content] of first) {
    if (path.endsWith(".json")) expect([path, /"(\/[^"/]+)+"/.exec(withoutNames(content))]).toStrictEqual([path, null]);
  }
});

test("PIPELINE_FILE names another file", () => {
  const copy = project("other", "name: unused\n");
  writeFileSync(join(copy, "mine.yaml"), "name: mine\nregion: us-east-1\nbucket: my-drops\nservices: [api]\n");
  expect(main(copy, { PIPELINE_FILE: "mine.yaml" })).toMatchObject({ status: 0 });
  expect(readdirSync(join(copy, "cdktf.out/stacks"))).toStrictEqual(["mine"]);
});

test("what is wrong with the file is listed without a stack trace, and nothing is written", () => {
  const copy = project(
    "wrong",
    "name: images\nregion: us-east-1\nbucket: image-drops\nservices: [{ name: api, key: a.tar }]\n",
  );
  const { status, stdout, stderr } = main(copy);
  expect({ status, stdout }).toStrictEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(
    /^pipeline\.yaml:4:\d+ services\[0\]\.key: must end in \.zip, got "a\.tar"\n1 problem in the configuration\n$/,
  );
  expect(stderr).not.toContain("    at ");
  expect(readdirSync(copy)).not.toContain("cdktf.out");
});

test("warnings go to stderr, and the stack is written all the same", () => {
  const copy = project(
    "warned",
    "name: images\nregion: us-east-1\nbucket: { existing: their-drops }\nservices: [api]\n",
  );
  const { status, stderr } = main(copy);
  expect(status).toBe(0);
  expect(stderr).toMatch(/^warning: pipeline\.yaml:3:\d+ bucket\.existing: .*images_drops\n$/);
  expect(readdirSync(join(copy, "cdktf.out/stacks"))).toStrictEqual(["images"]);
});

/** Log groups have names that look like paths. */
function withoutNames(json: Buffer): string {
  return json.toString().replaceAll(/"\/aws\/(lambda|codebuild)\/[^"]*"/g, "");
}
