import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CreateRepositoryCommand, DescribeRepositoriesCommand, ListImagesCommand } from "@aws-sdk/client-ecr";
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { CreateTopicCommand, SetTopicAttributesCommand, SNSClient } from "@aws-sdk/client-sns";
import { App } from "cdktf";
import { loadPipelines } from "../../config/load";
import { parsePipeline } from "../../config/parse";
import type { PipelineConfig, ServiceConfig } from "../../config/schema";
import { PipelineStack } from "../../infrastructure/stack";
import { emptyBucket, emptyRepository } from "../../local/empty";
import { drop, packageImage, proveDrop, successfulBuild, type Clients } from "../../local/journey";
import { stackDirectory } from "../../local/synth";
import { findTerraform } from "../../local/terraform/binary";
import { example, examples, PROJECT, type Example } from "../support/examples";
import { applyFiles, type AppliedPipelines, type PipelineApp } from "../support/pipelines";
import { validateStack } from "../support/terraform";

const MINUTES = 60_000;
const REGION = "us-east-1";
const STATE = "example-terraform-state";

/** Why what is in the folder is not applied here; any other example is. */
const NOT_APPLIED: Readonly<Record<string, string>> = {
  china: "AWS on this machine has one region: china.test.ts applies it",
  "cross-account":
    "it insists on an account that is not the one of this machine; china.test.ts has the same three accounts",
  "hcp-terraform": "its runs are remote: npm run test:cloud",
};

const FILES = examples().filter(({ file }) => file !== undefined);
const isApplied = ({ name }: Example): boolean => !(name in NOT_APPLIED);
const pipelinesOf = ({ file = "" }: Example): readonly PipelineConfig[] => loadPipelines(join(PROJECT, file)).pipelines;
const APPLIED = FILES.filter(isApplied);

/** Made by the sources here; library.test.ts makes it by the package. */
const ESTATE: PipelineApp = {
  main: join(PROJECT, "examples/library/main.ts"),
  stack: "estate",
  config: parsePipeline({
    name: "estate-images",
    region: REGION,
    bucket: "example-estate-drops",
    backend: { s3: { bucket: STATE } },
    repositories: { prefix: "estate/" },
    services: ["api", { name: "web", movingTags: ["staging", "canary"] }],
  }),
};
const PIPELINES = [
  ...APPLIED.flatMap((each) => pipelinesOf(each).map(({ name }) => [each.name, name] as const)),
  ["library", ESTATE.config.name] as const,
];

/** The pipeline that is left without losing anything. */
const LEFT = "vendor-image";

let applied: AppliedPipelines;

beforeAll(async () => {
  const files = APPLIED.map(({ file = "" }) => join(PROJECT, file));
  applied = await applyFiles(files, { before: whatExistsAlready, apps: [ESTATE] });
}, 10 * MINUTES);

afterAll(() => applied.close(), MINUTES);

jest.setTimeout(3 * MINUTES);

test("each folder's command names its own file, or there is an app in it that is tested as such", () => {
  expect(examples().filter(({ file }) => file === undefined)).toStrictEqual([
    { name: "library", command: "npm pack && cd examples/library && npm install && npx cdktf synth" },
  ]);
  expect(FILES.map(({ file }) => file)).toStrictEqual(FILES.map(({ name }) => `examples/${name}/pipeline.yaml`));
});

describe.each(PIPELINES)("%s: %s", (_example, name) => {
  test("real Terraform accepts it without a warning", async () => {
    expect(await applied.pipeline(name).stack.validate()).toStrictEqual([]);
  });

  test("a drop becomes the image", async () => {
    const { config, outputs } = applied.pipeline(name);
    // The first and the last service: an ordinary one, and in the largest example one that differs in everything.
    for (const service of new Set([config.services[0]!, config.services.at(-1)!])) {
      const tag = tagFor(service);
      const image = await packageImage({ service, gitHash: tag, directory: applied.directory });
      const version = await drop(applied.clients.s3, config.bucket.name, image);
      await successfulBuild(applied.clients, config, service, version);
      const url = (outputs.repository_urls as Readonly<Record<string, string>>)[service.name]!;
      for (const each of [tag, ...service.movingTags])
        await proveDrop(applied.clients, url, image, each, applied.environment.registry);
    }
  });

  test("a second plan says that there is nothing to change", async () => {
    expect((await applied.pipeline(name).stack.plan()).summary).toMatch(/^No changes\./);
  });
});

test("nothing was refused", () => {
  expect(applied.lines.filter((line) => /not authorized|refused|cannot be assumed/.test(line))).toStrictEqual([]);
});

/** Of docs/estates.md, what stands under a title. */
async function answer(title: string): Promise<string> {
  const page = await readFile(join(PROJECT, "docs/estates.md"), "utf8");
  return page.split(/^## /m).find((section) => section.startsWith(`${title}\n`))!;
}

test("HCL of one's own stands beside the JSON, and refers to what is in it", async () => {
  const [, hcl = ""] = /^```hcl\n(.*?)^```$/ms.exec(await answer("I write HCL"))!;
  const { folder, stack } = applied.pipeline(LEFT);
  const file = join(folder, "own.tf");
  await writeFile(file, hcl);
  const said = await stack.validate();
  await rm(file);
  expect(said).toStrictEqual([]);
});

test("whoever leaves as docs/estates.md says keeps the images, and the bucket with what was dropped", async () => {
  const page = await answer("I want to leave without losing anything");
  const [, forget = ""] = /^\$ (terraform state list .*)$/m.exec(page)!;
  const { config, folder, stack } = applied.pipeline(LEFT);
  const { binary } = await findTerraform();
  const command = forget.replaceAll("terraform state", `${binary} state`);
  await promisify(execFile)("sh", ["-c", command], { cwd: folder, env: { ...process.env } });
  await stack.destroy();

  const { s3, ecr } = applied.clients;
  const Bucket = config.bucket.name;
  const { imageIds = [] } = await ecr.send(new ListImagesCommand({ repositoryName: config.services[0]!.repository }));
  expect(imageIds.map(({ imageTag }) => imageTag).toSorted()).toStrictEqual(["staging", "v2.7.1"]);
  expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(1);
  expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
  expect(await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }))).not.toHaveProperty(
    "QueueConfigurations",
  );
});

test(
  "destroyed, the others leave what they found, and nothing else",
  async () => {
    const others = PIPELINES.filter(([, name]) => name !== LEFT);
    await Promise.all(
      others.map(async ([, name]) => {
        const { config, folder, stack } = applied.pipeline(name);
        if (!config.bucket.existing) await emptyBucket(applied.clients.s3, config.bucket.name);
        for (const { repository, existingRepository } of config.services) {
          if (!existingRepository) await emptyRepository(applied.clients.ecr, repository);
        }
        // What protect: false synthesises.
        const file = join(folder, "cdk.tf.json");
        const json = await readFile(file, "utf8");
        await writeFile(file, json.replaceAll('"prevent_destroy": true', '"prevent_destroy": false'));
        await stack.destroy();
      }),
    );
    const { Buckets = [] } = await applied.clients.s3.send(new ListBucketsCommand({}));
    const { repositories = [] } = await applied.clients.ecr.send(new DescribeRepositoriesCommand({}));
    const { bucket, services } = applied.pipeline(LEFT).config;
    expect(Buckets.map(({ Name }) => Name).toSorted()).toStrictEqual(
      [...Object.values(THEIRS.buckets), STATE, bucket.name].toSorted(),
    );
    expect(repositories.map(({ repositoryName }) => repositoryName).toSorted()).toStrictEqual([
      THEIRS.repository,
      services[0]!.repository,
    ]);
  },
  5 * MINUTES,
);

test.each(FILES.filter((each) => !isApplied(each)).map(({ name }) => name))(
  "%s, which is not applied here, is accepted by real Terraform without a warning",
  async (name) => {
    const outdir = await mkdtemp(join(tmpdir(), "example-"));
    try {
      const app = new App({ outdir, stackTraces: false });
      const pipelines = pipelinesOf(example(name));
      for (const config of pipelines) new PipelineStack(app, config);
      app.synth();
      for (const config of pipelines)
        expect(await validateStack(stackDirectory(outdir, config.name))).toStrictEqual([]);
    } finally {
      await rm(outdir, { recursive: true });
    }
  },
);

test("the command is one that a shell understands, and gives HCL to read when asked to", async () => {
  const { command } = example("single-service");
  const output = join(applied.directory, "hcl");
  await promisify(execFile)("sh", ["-c", `${command} --hcl --output '${output}'`], {
    cwd: PROJECT,
    env: { ...process.env, CHECKPOINT_DISABLE: "1", CI: "1" },
  });
  const hcl = await readFile(join(stackDirectory(output, "vendor-image"), "cdk.tf"), "utf8");
  expect(hcl).toMatch(/^resource "aws_codebuild_project" "pipeline_services_api_project_\w+" \{$/m);
});

/** Of the image in the archive: a git hash, or where a service wants a version, that. */
function tagFor({ tag, name }: ServiceConfig): string {
  const found = ["c0ffee0123456", "v2.7.1"].find((each) => new RegExp(tag).test(each));
  if (found === undefined) throw new Error(`the test knows no tag for ${name}, whose tags match ${tag}`);
  return found;
}

/** What the examples take as it is. */
const THEIRS = {
  buckets: { incoming: "example-incoming", uploads: "example-uploads" },
  topic: "example-uploads-events",
  repository: "platform/billing",
} as const;

async function whatExistsAlready({ s3, ecr }: Clients): Promise<void> {
  const { incoming, uploads } = THEIRS.buckets;
  for (const Bucket of [incoming, uploads]) {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  const NotificationConfiguration = { EventBridgeConfiguration: {} };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: incoming, NotificationConfiguration }));
  await ecr.send(new CreateRepositoryCommand({ repositoryName: THEIRS.repository }));

  const sns = new SNSClient({ region: REGION });
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: THEIRS.topic }));
  const AttributeValue = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sns:Publish",
        Resource: TopicArn,
        Condition: { ArnEquals: { "aws:SourceArn": `arn:aws:s3:::${uploads}` } },
      },
    ],
  });
  await sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }));
  sns.destroy();
  const TopicConfigurations = [{ TopicArn, Events: ["s3:ObjectCreated:*" as const] }];
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: uploads,
      NotificationConfiguration: { TopicConfigurations },
    }),
  );
}
