import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { deployerPolicyCommand } from "../../cli/deployer-policy";
import { startEnvironment, type Environment } from "../../local/environment";
import { parsePolicy } from "../../local/iam/policy";
import { prepareTerraform, type TerraformSetup } from "../../local/terraform";
import { terraform, type StackTerraform } from "../../local/terraform/run";
import { stackDirectory } from "../../local/synth";
import { DeployerGate } from "../support/deployer-gate";
import { hasTerraform } from "../support/terraform";

const PROJECT = resolve(__dirname, "../..");
const ACCOUNT = "123456789012";
const MINUTES = 60_000;

/** Pipelines that have every type of resource between them. */
const YAML = `
name: dep
region: us-east-1
protect: false
bucket: dep-drops
outputs: { ssm: { prefix: /dep } }
repositories: { pullAccounts: ["444455556666"] }
services: [api]
---
name: dep-topic
region: us-east-1
protect: false
bucket: dep-topic-drops
trigger: topic
roles: { builds: shared, path: /teams/, namePrefix: corp- }
repositories: { prefix: topic/ }
services: [api]
---
name: dep-lambda
region: us-east-1
protect: false
bucket: dep-lambda-drops
trigger: lambda
repositories: { prefix: lambda/ }
services: [api]
---
name: dep-trail
region: us-east-1
protect: false
bucket: dep-trail-drops
trigger: { cloudtrail: { trail: true } }
repositories: { prefix: trail/ }
services: [api]
`;
const PIPELINES = ["dep", "dep-topic", "dep-lambda", "dep-trail"];

let directory: string;
let environment: Environment;
let setup: TerraformSetup;
let output: string;
let file: string;
/** The pipeline that is changed to what takes much away, as it was and as it becomes. */
const CHANGED = [
  `
name: dep-change
region: us-east-1
protect: false
bucket: dep-change-drops
roles: { permissionBoundary: "arn:aws:iam::${ACCOUNT}:policy/boundary" }
outputs: { ssm: { prefix: /dep-change } }
repositories: { prefix: change/, pullAccounts: ["444455556666"] }
services: [api, web]
`,
  `
name: dep-change
region: us-east-1
protect: false
bucket: dep-change-drops
trigger: lambda
repositories: { prefix: change/ }
services: [api]
`,
] as const;

/** What became of each pipeline: why it failed, or nothing. */
const lives = new Map<string, Promise<unknown>>();

beforeAll(async () => {
  if (!(await hasTerraform())) return;
  directory = await mkdtemp(join(tmpdir(), "deployer-"));
  file = join(directory, "pipeline.yaml");
  await writeFile(file, YAML);
  environment = await startEnvironment({ projectDirectory: PROJECT, directory, region: "us-east-1" });
  output = join(directory, "cdktf.out");
  await synth(file, output);
  for (const [index, yaml] of CHANGED.entries()) {
    await writeFile(changedFile(index), yaml);
    await synth(changedFile(index), changedOutput(index));
  }
  setup = await prepareTerraform({ directory: join(directory, "terraform") });
  // Side by side: Terraform mostly waits.
  for (const [name, life] of [
    ...PIPELINES.map((each) => [each, live(each)] as const),
    ["dep-change", become()] as const,
  ]) {
    const failure = life.then(
      () => undefined,
      (error: unknown) => error,
    );
    lives.set(name, failure);
  }
}, 5 * MINUTES);

afterAll(async () => {
  await setup.close();
  await environment.close();
  await rm(directory, { recursive: true, force: true });
}, MINUTES);

const changedFile = (index: number) => join(directory, `change-${index}.yaml`);
// Beside each other, so that both find the same state.
const changedOutput = (index: number) => join(directory, `cdktf.out-${index}`);

async function synth(from: string, outdir: string): Promise<void> {
  await promisify(execFile)(join(PROJECT, "node_modules/.bin/tsx"), ["main.ts"], {
    cwd: PROJECT,
    env: { ...process.env, PIPELINE_FILE: from, CDKTF_OUTDIR: outdir },
  });
}

function policyOf(pipeline: string, ...args: string[]) {
  let text = "";
  const code = deployerPolicyCommand(["--account", ACCOUNT, "--file", file, ...args, pipeline], {
    out: (part) => (text += part),
    err: () => undefined,
  });
  expect(code).toBe(0);
  // A list where it is too long for one managed policy.
  return [JSON.parse(text) as object]
    .flat()
    .map((document) => parsePolicy("identity", `deployer of ${pipeline}`, JSON.stringify(document)));
}

interface Stack {
  readonly provider: {
    readonly aws: readonly [{ readonly default_tags: readonly [{ tags: Record<string, string> }] }];
  };
  readonly resource: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
}

/** Changes every resource that has tags, and more of those that a new configuration changes. */
async function change(stackFile: string): Promise<void> {
  const stack = JSON.parse(await readFile(stackFile, "utf8")) as Stack;
  stack.provider.aws[0].default_tags[0].tags.stage = "second";
  const changes: Readonly<Record<string, Record<string, unknown>>> = {
    aws_lambda_function: { description: "changed", timeout: 31 },
    aws_codebuild_project: { build_timeout: 31 },
    aws_cloudwatch_log_group: { retention_in_days: 60 },
    aws_sqs_queue: { message_retention_seconds: 86_400 },
    aws_ecr_repository: { image_scanning_configuration: { scan_on_push: false } },
    aws_cloudwatch_event_rule: { description: "changed" },
  };
  for (const [type, values] of Object.entries(changes)) {
    for (const resource of Object.values(stack.resource[type] ?? {})) Object.assign(resource, values);
  }
  await writeFile(stackFile, JSON.stringify(stack, undefined, 2));
}

/** Runs Terraform behind a gate, which has denied nothing by the end. */
async function behindGate(
  run: (gate: DeployerGate, open: (folder: string) => Promise<StackTerraform>) => Promise<void>,
): Promise<void> {
  const { AWS_ENDPOINT_URL: endpoint = "", AWS_ENDPOINT_URL_CODEBUILD: codebuild = "" } = environment.variables;
  const gate = new DeployerGate({ account: ACCOUNT, endpoint, codebuild });
  const url = (await gate.start()).endpoint;
  try {
    const variables = { ...environment.variables, AWS_ENDPOINT_URL: url, AWS_ENDPOINT_URL_CODEBUILD: url };
    await run(gate, async (folder) => {
      const stack = terraform(setup, folder, { environment: variables });
      await stack.init();
      await stack.plan();
      return stack;
    }).catch((error: unknown) => {
      throw new Error([...gate.denied, ...gate.unknown].join("\n"), { cause: error });
    });
    expect([...gate.denied, ...gate.unknown]).toEqual([]);
  } finally {
    await gate.close();
  }
}

/** What CloudTrail writes, each twice: a destroy deletes every version. */
async function logInto(bucket: string): Promise<void> {
  const s3 = new S3Client({
    region: "us-east-1",
    endpoint: environment.variables.AWS_ENDPOINT_URL,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    forcePathStyle: true,
  });
  for (const Key of ["AWSLogs/123456789012/CloudTrail/a.json.gz", "AWSLogs/123456789012/CloudTrail-Digest/a.json.gz"]) {
    for (const Body of ["first", "second"]) await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  }
  s3.destroy();
}

/** From nothing to nothing, with just the pipeline's policy. */
async function live(name: string): Promise<void> {
  await behindGate(async (gate, open) => {
    gate.policies = policyOf(name);
    const stack = await open(stackDirectory(output, name));
    await stack.apply();
    expect((await stack.plan()).summary).toMatch(/^No changes\./);
    await change(join(stackDirectory(output, name), "cdk.tf.json"));
    expect((await stack.plan()).summary).toMatch(/^Plan: 0 to add, [1-9]\d* to change, 0 to destroy\./);
    await stack.apply();
    if (name === "dep-trail") await logInto("dep-trail-trail-123456789012-us-east-1");
    await stack.destroy();
  });
}

/** To a configuration that takes much away, with the policy of that change; what the new one is, its own policy is enough for. */
async function become(): Promise<void> {
  await behindGate(async (gate, open) => {
    gate.policies = policyOf("dep-change", "--file", changedFile(0));
    await (await open(stackDirectory(changedOutput(0), "dep-change"))).apply();
    gate.policies = policyOf("dep-change", "--file", changedFile(1), "--before", changedFile(0));
    const stack = await open(stackDirectory(changedOutput(1), "dep-change"));
    await stack.apply();
    gate.policies = policyOf("dep-change", "--file", changedFile(1));
    expect((await stack.plan()).summary).toMatch(/^No changes\./);
    await stack.destroy();
  });
}

test.each(PIPELINES)(
  "with just its policy, Terraform applies, plans clean, changes and destroys: %s",
  async (name) => {
    if (!(await hasTerraform())) return;
    const failure = await lives.get(name);
    if (failure !== undefined) throw failure as Error;
  },
  10 * MINUTES,
);

test(
  "a change that takes much away is applied with the policy of that change",
  async () => {
    if (!(await hasTerraform())) return;
    const failure = await lives.get("dep-change");
    if (failure !== undefined) throw failure as Error;
  },
  10 * MINUTES,
);
