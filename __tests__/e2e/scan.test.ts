import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { App } from "cdktf";
import { loadPipelines } from "../../config/load";
import { PipelineStack } from "../../infrastructure/stack";
import { type Scan, scan } from "../../local/scanners";
import { ensureGo } from "../../local/scanners/go";
import { renderCounts, renderSum } from "../../local/scanners/report";
import { Forms } from "../../release/forms";
import { hasTerraform } from "../support/terraform";

const PROJECT = resolve(__dirname, "../..");
const EXAMPLES = join(PROJECT, "examples");
const MINUTES = 60_000;
const SAMPLE = "pipeline.yaml: images";
const FORMS = "every form: forms";
const BROKEN = "broken";

let folder: string;
let scans: Map<string, Scan> | undefined;

beforeAll(async () => {
  if (!(await hasTerraform())) return;
  folder = await mkdtemp(join(tmpdir(), "scan-e2e-"));
  const stacks = new Map([
    ...(await stacksOf("pipeline.yaml", (outdir) => {
      synthesiseFile(join(PROJECT, "pipeline.yaml"), outdir);
    })),
    ...(await stacksOf("every form", synthesiseForms)),
  ]);
  const examples = existsSync(EXAMPLES) ? await readdir(EXAMPLES, { withFileTypes: true }) : [];
  for (const { name } of examples.filter((entry) => entry.isDirectory())) {
    for (const [title, stack] of await stacksOf(`examples/${name}`, (outdir) =>
      synthesiseExample(join(EXAMPLES, name), outdir),
    ))
      stacks.set(title, stack);
  }
  stacks.set(BROKEN, await damage(stacks.get(SAMPLE)!));
  scans = new Map((await scan({ projectDirectory: PROJECT, stacks })).map((each) => [each.name, each]));
}, 10 * MINUTES);

afterAll(async () => {
  if (scans) await rm(folder, { recursive: true, force: true });
});

test("checkov and tfsec pass the sample, every example and pipelines of every form, but for what is accepted with a reason", () => {
  if (!scans) return;
  const sound = [...scans.values()].filter(({ name }) => name !== BROKEN);
  const lines = [...sound.map(renderCounts), `${sound.length} stacks: ${renderSum(sound)}`];
  process.stdout.write(`${lines.join("\n")}\n`);
  expect(sound.map(({ name }) => name)).toEqual(expect.arrayContaining([SAMPLE, FORMS]));
  for (const { name, failed, stale } of sound) expect({ name, failed, stale }).toEqual({ name, failed: [], stale: [] });
});

test("either scanner finds what is broken, and names check and resource; an exception covers its own check only", () => {
  if (!scans) return;
  const { failed, stale } = scans.get(BROKEN)!;
  const names = (each: { check: string; resource: string }) =>
    `${each.check} ${each.resource.replace(/_[0-9A-F]{8}$/, "")}`;
  expect(failed.map(names).toSorted()).toEqual([
    "CKV2_AWS_6 aws_s3_bucket.pipeline_tools_private_bucket",
    "CKV_AWS_144 aws_s3_bucket.pipeline_tools_private_bucket",
    "CKV_AWS_163 aws_ecr_repository.pipeline_services_api_repository",
    "CKV_AWS_27 aws_sqs_queue.pipeline_trigger_queue",
    "aws-ecr-enable-image-scans aws_ecr_repository.pipeline_services_api_repository",
    "aws-s3-block-public-acls aws_s3_bucket.pipeline_tools_private_bucket",
    "aws-s3-block-public-policy aws_s3_bucket.pipeline_tools_private_bucket",
    "aws-s3-ignore-public-acls aws_s3_bucket.pipeline_tools_private_bucket",
    "aws-s3-no-public-buckets aws_s3_bucket.pipeline_tools_private_bucket",
    "aws-s3-specify-public-access-block aws_s3_bucket.pipeline_tools_private_bucket",
    "aws-sqs-enable-queue-encryption aws_sqs_queue.pipeline_trigger_queue",
  ]);
  expect(stale.map(names)).toEqual(["CKV_AWS_338 aws_cloudwatch_log_group.pipeline_build-logs"]);
});

/** Folders of the stacks that are synthesised, by names for people. */
async function stacksOf(
  title: string,
  synthesise: (outdir: string) => void | Promise<void>,
): Promise<[string, string][]> {
  const outdir = await mkdtemp(join(folder, "out-"));
  await synthesise(outdir);
  const names = await readdir(join(outdir, "stacks"));
  return names.map((name) => [`${title}: ${name}`, join(outdir, "stacks", name)]);
}

function synthesiseFile(file: string, outdir: string): void {
  const app = new App({ outdir, stackTraces: false });
  for (const pipeline of loadPipelines(file).pipelines) new PipelineStack(app, pipeline);
  app.synth();
}

function synthesiseForms(outdir: string): void {
  const app = new App({ outdir, stackTraces: false });
  new Forms(app);
  app.synth();
}

/** A file for main.ts, or an app that imports the package. */
async function synthesiseExample(example: string, outdir: string): Promise<void> {
  const file = join(example, "pipeline.yaml");
  if (existsSync(file)) {
    synthesiseFile(file, outdir);
    return;
  }
  const tsconfig = join(folder, "tsconfig.json");
  const paths = {
    "s3-codebuild-trigger": [join(PROJECT, "index.ts")],
    "s3-codebuild-trigger/config": [join(PROJECT, "config/index.ts")],
    "*": [join(PROJECT, "node_modules/*")],
  };
  await writeFile(tsconfig, JSON.stringify({ compilerOptions: { paths } }));
  await promisify(execFile)(join(PROJECT, "node_modules/.bin/tsx"), ["--tsconfig", tsconfig, "main.ts"], {
    cwd: example,
    env: { ...process.env, CDKTF_OUTDIR: outdir },
  });
}

type Blocks = Record<string, Record<string, unknown>>;
interface Accepting {
  "//": { accepted: Record<string, string> };
}

/** A copy of the sample in which things are amiss, in nested blocks and beside them. */
async function damage(sample: string): Promise<string> {
  const copy = join(folder, "broken");
  await cp(sample, copy, { recursive: true });
  const file = join(copy, "cdk.tf.json");
  const stack = JSON.parse(await readFile(file, "utf8")) as { resource: Record<string, Blocks> };
  const block = (type: string, path: string): Record<string, unknown> => {
    const found = Object.entries(stack.resource[type]!).filter(([id]) => id.startsWith(path));
    expect(found).toHaveLength(1);
    return found[0]![1];
  };
  // Another check is accepted on this one, and this check on another one.
  delete (block("aws_s3_bucket", "pipeline_tools_private") as unknown as Accepting)["//"].accepted.CKV_AWS_144;
  block("aws_sqs_queue", "pipeline_trigger_queue").sqs_managed_sse_enabled = false;
  block("aws_ecr_repository", "pipeline_services_api").image_scanning_configuration = { scan_on_push: false };
  block("aws_cloudwatch_log_group", "pipeline_build-logs").retention_in_days = 400;
  const blocks = stack.resource.aws_s3_bucket_public_access_block!;
  for (const id of Object.keys(blocks).filter((each) => each.startsWith("pipeline_tools")))
    Reflect.deleteProperty(blocks, id);
  const policy = block("aws_s3_bucket_policy", "pipeline_tools");
  delete policy.depends_on;
  await writeFile(file, JSON.stringify(stack));
  return copy;
}

test(
  "a machine without Go gets one",
  async () => {
    const go = await ensureGo(PROJECT, { go: "/nowhere/go" });
    const { stdout } = await promisify(execFile)(go, ["version"]);
    expect(stdout).toMatch(/^go version go1\.\d+/);
  },
  5 * MINUTES,
);
