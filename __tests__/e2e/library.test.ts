import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { BUNDLES, bundleOf } from "../../infrastructure/bundle";
import { validateStack } from "../support/terraform";

const root = join(__dirname, "../..");
const run = promisify(execFile);

/** What npm reads of it. */
interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** An app of somebody who has installed the package, and beside it what its package.json names, and nothing else. */
let app: string;
let installed: string;
/** What main.ts makes of the same pipeline.yaml. */
let expected: ReadonlyMap<string, Buffer>;

beforeAll(async () => {
  app = mkdtempSync(join(tmpdir(), "library-"));
  installed = join(app, "node_modules/s3-codebuild-trigger");
  mkdirSync(installed, { recursive: true });
  await run("npm", ["pack", "--pack-destination", app], { cwd: root, maxBuffer: 16 * 1024 * 1024 });
  const [tarball = ""] = readdirSync(app).filter((file) => file.endsWith(".tgz"));
  await run("tar", ["--extract", "--file", join(app, tarball), "--strip-components=1", "--directory", installed]);
  const { dependencies, peerDependencies } = manifestOf(installed);
  for (const name of [...Object.keys({ ...dependencies, ...peerDependencies }), "@types/node", "tsx"]) link(name);

  cpSync(join(root, "pipeline.yaml"), join(app, "pipeline.yaml"));
  const output = join(app, "expected");
  await run(process.execPath, ["--require", "tsx/cjs", "main.ts"], {
    cwd: root,
    env: { ...process.env, PIPELINE_FILE: join(app, "pipeline.yaml"), CDKTF_OUTDIR: output },
  });
  expected = filesOf(output);
}, 180_000);
afterAll(() => {
  rmSync(app, { recursive: true, force: true });
});

function link(name: string): void {
  const place = join(app, "node_modules", name);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(root, "node_modules", name), place);
}

/** Every file below, by its path. */
function filesOf(directory: string): Map<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path)]));
}

/** Runs a program of the app; answers what it printed. */
async function node(file: string, text: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  writeFileSync(join(app, file), text);
  const { stdout } = await run(process.execPath, [file], { cwd: app, env: { ...process.env, ...environment } });
  return stdout;
}

test("holds programs, buildspecs and JSON Schema, and nothing of tests, emulator or sources", () => {
  const paths = [...filesOf(installed).keys()];
  const folders = new Set(paths.map((path) => path.split("/").slice(0, 2).join("/")));
  expect([...folders]).toStrictEqual([
    "LICENSE",
    "README.md",
    "config/pipeline.schema.json",
    "dist/bin",
    "dist/buildspecs",
    "dist/bundles",
    "dist/cli",
    "dist/config",
    "dist/core",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/infrastructure",
    "package.json",
  ]);
  expect(paths.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))).toStrictEqual([]);
});

test.each(BUNDLES)("carries %s, byte for byte what a checkout compiles", (name) => {
  expect(readFileSync(join(installed, "dist/bundles", `${name}.js`)).equals(bundleOf(name))).toBe(true);
});

const STACK_OF_ITS_OWN = `
const app = new App({ stackTraces: false });
for (const pipeline of loadPipelines("pipeline.yaml").pipelines) new PipelineStack(app, pipeline);
app.synth();
`;

describe.each([
  [
    "require",
    "stacks.cjs",
    'const { App } = require("cdktf");\nconst { loadPipelines, PipelineStack } = require("s3-codebuild-trigger");',
  ],
  [
    "import",
    "stacks.mjs",
    'import { App } from "cdktf";\nimport { loadPipelines, PipelineStack } from "s3-codebuild-trigger";',
  ],
])("by %s", (_way, file, imports) => {
  test("makes of pipeline.yaml the very files that the checkout makes, without a warning", async () => {
    const output = join(app, `${file}.out`);
    const { stderr } = await run(process.execPath, ["--disable-warning=DEP0044", written(file)], {
      cwd: app,
      env: { ...process.env, CDKTF_OUTDIR: output },
    });
    expect(stderr).toBe("");
    const made = filesOf(output);
    expect([...made.keys()]).toStrictEqual([...expected.keys()]);
    for (const [path, content] of made) expect([path, content.equals(expected.get(path)!)]).toStrictEqual([path, true]);
  }, 60_000);

  function written(name: string): string {
    writeFileSync(join(app, name), `${imports}\n${STACK_OF_ITS_OWN}`);
    return name;
  }
});

const OWN_STACK = `
import { ArchiveProvider } from "@cdktf/provider-archive/lib/provider/index.js";
import { AwsProvider } from "@cdktf/provider-aws/lib/provider/index.js";
import { LambdaFunction } from "@cdktf/provider-aws/lib/lambda-function/index.js";
import { App, TerraformStack } from "cdktf";
import { Pipeline } from "s3-codebuild-trigger";

const app = new App({ stackTraces: false });
const stack = new TerraformStack(app, "images");
new AwsProvider(stack, "aws", { region: "us-east-1" });
new ArchiveProvider(stack, "archive");
const pipeline = new Pipeline(stack, "pipeline", {
  name: "images",
  bucket: "image-drops",
  repositories: { prefix: "team/" },
  services: [
    "test-jessie",
    {
      name: "api",
      sourceAccount: "111122223333",
      movingTags: ["staging", "latest"],
      buildTimeout: 60,
      compute: { type: "BUILD_GENERAL1_MEDIUM" },
    },
  ],
});
if (process.env.OVERRIDE) {
  pipeline.services.get("api").project.addOverride("concurrent_build_limit", 1);
  pipeline.resource(LambdaFunction).addOverride("memory_size", 256);
}
app.synth();
`;

type Resources = Readonly<Record<string, Readonly<Record<string, object>>>>;

describe("in a stack of one's own", () => {
  test("a pipeline makes the resources that pipeline.yaml makes, and real Terraform accepts them", async () => {
    await node("own.mjs", OWN_STACK, { CDKTF_OUTDIR: join(app, "own.out") });
    const { resource } = JSON.parse(readFileSync(join(app, "own.out/stacks/images/cdk.tf.json"), "utf8")) as {
      resource: Resources;
    };
    const { resource: ofFile } = JSON.parse(expected.get("stacks/images/cdk.tf.json")!.toString()) as {
      resource: Resources;
    };
    expect(resource).toStrictEqual(ofFile);
    expect(await validateStack(join(app, "own.out/stacks/images"))).toStrictEqual([]);
  }, 120_000);

  test("what is overridden stands in the JSON", async () => {
    await node("own.mjs", OWN_STACK, { CDKTF_OUTDIR: join(app, "overridden.out"), OVERRIDE: "1" });
    const text = readFileSync(join(app, "overridden.out/stacks/images/cdk.tf.json"), "utf8");
    const { resource } = JSON.parse(text) as { resource: Resources };
    expect(Object.values(resource.aws_lambda_function!)).toMatchObject([{ memory_size: 256 }]);
    expect(Object.values(resource.aws_codebuild_project!)).toMatchObject([
      { name: "images_api", concurrent_build_limit: 1 },
      { name: "images_test-jessie" },
    ]);
  }, 60_000);
});

describe("examples/library", () => {
  const example = join(root, "examples/library");

  test("asks for the package that npm pack makes, and for peers that it takes", () => {
    const { version, devDependencies } = manifestOf(root);
    const { dependencies, devDependencies: ofExample } = manifestOf(example);
    const { "s3-codebuild-trigger": pack, ...peers } = dependencies;
    expect(pack).toBe(`file:../../s3-codebuild-trigger-${version}.tgz`);
    for (const [name, wanted] of Object.entries({ ...peers, ...ofExample }))
      expect([name, wanted]).toStrictEqual([name, devDependencies[name]]);
  });

  test("is synthesised in its own folder with the installed package, not with the sources above, and as by the sources", async () => {
    // A checkout after `npm install` in the example's folder.
    const checkout = mkdtempSync(join(tmpdir(), "checkout-"));
    try {
      cpSync(join(root, "tsconfig.json"), join(checkout, "tsconfig.json"));
      writeFileSync(
        join(checkout, "index.ts"),
        'throw new Error("expected the installed package, found the sources");\n',
      );
      const place = join(checkout, "examples/library");
      cpSync(example, place, { recursive: true, filter: (path) => path !== join(example, "node_modules") });
      symlinkSync(join(app, "node_modules"), join(place, "node_modules"));
      const { app: command } = JSON.parse(readFileSync(join(place, "cdktf.json"), "utf8")) as { app: string };
      const [installedOut, sourcesOut] = [join(app, "example.out"), join(app, "example-of-sources.out")];
      await run("sh", ["-c", command], { cwd: place, env: { ...process.env, CDKTF_OUTDIR: installedOut } });
      await run(process.execPath, ["--require", "tsx/cjs", "examples/library/main.ts"], {
        cwd: root,
        env: { ...process.env, CDKTF_OUTDIR: sourcesOut },
      });
      const made = filesOf(installedOut);
      expect([...made.keys()]).toStrictEqual([...filesOf(sourcesOut).keys()]);
      for (const [path, content] of filesOf(sourcesOut))
        expect([path, content.equals(made.get(path)!)]).toStrictEqual([path, true]);
    } finally {
      rmSync(checkout, { recursive: true });
    }
  }, 60_000);
});

test("the configuration alone loads no CDKTF, and says what is wrong as the command does", async () => {
  const said = await node(
    "config.mjs",
    `
import { createRequire } from "node:module";
import { ConfigError, parsePipeline } from "s3-codebuild-trigger/config";
try {
  parsePipeline({ name: "images", region: "us-east-1", bucket: "image-drops", services: [{ name: "api", key: "a.rar" }] });
} catch (error) {
  if (error instanceof ConfigError) console.log(error.message);
}
const loaded = Object.keys(createRequire(import.meta.url).cache);
console.log(loaded.filter((path) => /node_modules.(cdktf|constructs|@cdktf)/.test(path)).length);
`,
  );
  expect(said).toBe(
    'services[0].key: must end in .zip, .tar, .tar.gz, .tgz or .tar.zst, got "a.rar"\n1 problem in the configuration\n0\n',
  );
});

const TYPED = `
import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue/index.js";
import { App, TerraformStack } from "cdktf";
import { ConfigError, Pipeline, type PipelineProps, PipelineStack, type Service } from "s3-codebuild-trigger";
import { parsePipeline, type PipelineConfig } from "s3-codebuild-trigger/config";

const props: PipelineProps = { name: "images", region: "us-east-1", bucket: { existing: "theirs" }, services: ["api"] };
const pipeline = new Pipeline(new TerraformStack(new App(), "estate"), "images", props);
const service: Service | undefined = pipeline.services.get("api");
service?.project.addOverride("concurrent_build_limit", 1);
const queue: SqsQueue = pipeline.resource(SqsQueue, "trigger/queue");
const config: PipelineConfig = parsePipeline({ ...props, region: "us-east-1", backend: { local: {} } });
new PipelineStack(new App(), config);
export const told = [queue.arn, new ConfigError([]).problems.length];

// @ts-expect-error -- no such option
new Pipeline(new TerraformStack(new App(), "other"), "images", { ...props, bukcet: "images" } satisfies PipelineProps);
// @ts-expect-error -- only what is checked makes a stack
new PipelineStack(new App(), props);
`;

test.each([
  // The package's own declarations are checked here, once.
  ["node16, in ES modules and CommonJS", { module: "node16", skipLibCheck: false }, ["typed.cts", "typed.mts"]],
  ["a bundler", { module: "esnext", moduleResolution: "bundler", skipLibCheck: true }, ["typed.ts", "estate.ts"]],
])(
  "its types are right as %s resolves them",
  async (_reader, resolution, files) => {
    for (const file of files) writeFileSync(join(app, file), TYPED);
    cpSync(join(root, "examples/library/main.ts"), join(app, "estate.ts"));
    const project = join(app, `tsconfig.${resolution.module}.json`);
    const compilerOptions = { ...resolution, target: "es2022", strict: true, noEmit: true, types: ["node"] };
    writeFileSync(project, JSON.stringify({ compilerOptions, files }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "--project", project], { cwd: app }).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe("");
  },
  120_000,
);

describe("its commands", () => {
  test("buildspec lints what the package itself carries", async () => {
    const stream = join(installed, "dist/buildspecs/stream.yml");
    const { stdout, stderr } = await run(join(installed, "dist/bin/buildspec.js"), ["lint", stream]);
    expect([stdout, stderr]).toStrictEqual(["", ""]);
    await expect(
      run(join(installed, "dist/bin/buildspec.js"), ["lint", join(installed, "package.json")]),
    ).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining("error") as string,
    });
  });

  test("publish-image runs from its bundle", async () => {
    const { stdout } = await run(join(installed, "dist/bin/publish-image.js"), ["--help"]);
    expect(stdout).toContain("SOURCE DESTINATION");
  });
});
