import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

const root = join(__dirname, "../..");
const SOURCES = ["main.ts", "cdktf.json", "config", "core", "functions", "infrastructure", "buildspecs"];

/** A copy of the project, and how main.ts ended in it. */
interface Run {
  readonly copy: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let here: Run;
let there: Run;
let wrong: Run;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "main-"));
  // A second and more of each is cdktf's: both cores are used.
  [here, there, wrong] = await Promise.all([
    main(project("here", { "pipeline.yaml": PIPELINES, "specs/web.yml": OWN_BUILDSPEC })),
    main(
      project("there/deeper/down", { "pipeline.yaml": WRONG, "mine.yaml": PIPELINES, "specs/web.yml": OWN_BUILDSPEC }),
      {
        PIPELINE_FILE: "mine.yaml",
        CDKTF_OUTDIR: "a/folder/yet/to/make",
      },
    ),
    main(project("wrong", { "pipeline.yaml": WRONG })),
  ]);
}, 60_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A copy of the project, deeper down or not, with files of its own. */
function project(place: string, files: Readonly<Record<string, string>>): string {
  const copy = join(folder, place);
  mkdirSync(copy, { recursive: true });
  for (const source of SOURCES) cpSync(join(root, source), join(copy, source), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), content);
  }
  return copy;
}

/** As the cdktf command runs it. */
function main(copy: string, environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const { app } = JSON.parse(readFileSync(join(root, "cdktf.json"), "utf8")) as { app: string };
  const [, ...args] = app.split(" ");
  const env = { ...process.env, CDKTF_OUTDIR: undefined, PIPELINE_FILE: undefined, ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: copy, env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ copy, status: error ? Number(error.code) : 0, stdout, stderr });
    });
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
bucket: { existing: their-drops }
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
const WRONG = "name: images\nregion: us-east-1\nbucket: image-drops\nservices: [{ name: api, key: a.rar }]\n";
const OWN_BUILDSPEC = "version: 0.2\nphases: { build: { commands: ['HASH=$(cat hashes | head -1)'] } }\n";

test("two folders give the same bytes, which name neither", () => {
  for (const { status, stdout } of [here, there]) expect({ status, stdout }).toStrictEqual({ status: 0, stdout: "" });
  const [first, second] = [filesOf(join(here.copy, "cdktf.out")), filesOf(join(there.copy, "a/folder/yet/to/make"))];

  expect([...first.keys()]).toStrictEqual([
    "manifest.json",
    "stacks/images-cn/assets/pipeline_tools_publish-image_23201F6F.zip",
    "stacks/images-cn/assets/pipeline_trigger_start-build_code_28A2A8BE.zip",
    "stacks/images-cn/cdk.tf.json",
    "stacks/images-direct/assets/pipeline_tools_publish-image_23201F6F.zip",
    "stacks/images-direct/cdk.tf.json",
    "stacks/images/assets/pipeline_tools_publish-image_23201F6F/aws-sdk.js",
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
  expect(there.stderr).toMatch(/^warning: mine\.yaml:/);
  expect(readdirSync(join(there.copy, "a/folder/yet/to/make/stacks"))).toStrictEqual([
    "images",
    "images-cn",
    "images-direct",
  ]);
});

test("what is wrong with the file is listed without a stack trace, and nothing is written", () => {
  const { copy, status, stdout, stderr } = wrong;
  expect({ status, stdout }).toStrictEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(
    /^pipeline\.yaml:4:\d+ services\[0\]\.key: must end in \.zip, \.tar, \.tar\.gz, \.tgz or \.tar\.zst, got "a\.rar"\n1 problem in the configuration\n$/,
  );
  expect(stderr).not.toContain("    at ");
  expect(readdirSync(copy)).not.toContain("cdktf.out");
});

test("warnings go to stderr, and the stacks are written all the same", () => {
  expect(here.stderr.trimEnd().split("\n")).toStrictEqual([
    expect.stringMatching(/^warning: pipeline\.yaml:9:\d+ bucket\.existing: .*for everybody$/),
    expect.stringMatching(/^warning: specs\/web\.yml:2:\d+: pipe-hides-failure: /),
  ]);
  expect(here.stderr.endsWith("\n")).toBe(true);
  expect(readdirSync(join(here.copy, "cdktf.out/stacks"))).toStrictEqual(["images", "images-cn", "images-direct"]);
});

/** Log groups have names that look like paths. */
function withoutNames(json: Buffer): string {
  return json.toString().replaceAll(/"\/aws\/(lambda|codebuild)\/[^"]*"/g, "");
}
