import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DescribeLogStreamsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateRepositoryCommand } from "@aws-sdk/client-ecr";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetBucketVersioningCommand,
  ListObjectVersionsCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { proveDrop, type Clients } from "../../local/journey";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { Sender } from "../support/sender";

const YAML = `
name: guest
region: us-east-1
bucket: { existing: their-drops }
trigger: eventbridge
repositories: { prefix: unused/ }
defaults: { repository: { existing: "platform/{service}" } }
roles:
  builds: { existing: "arn:aws:iam::123456789012:role/teams/image-builds" }
  function: { existing: "arn:aws:iam::123456789012:role/teams/image-starter" }
logs: { builds: { existing: /teams/images }, function: { existing: /teams/images } }
tools: { bucket: { existing: their-tools }, prefix: pipelines/guest/ }
services: [api]
---
name: unversioned
region: us-east-1
bucket: unversioned-drops
trigger: { eventbridge: { direct: true } }
protect: false
repositories: { prefix: unversioned/ }
tools: { bucket: { existing: their-tools }, prefix: pipelines/unversioned/ }
services: [api]
`;

const MINUTES = 60_000;

let applied: AppliedPipelines;

beforeAll(async () => {
  applied = await applyPipelines(YAML, { before: whatExistsAlready, minuteInMilliseconds: 500 });
  await attach(applied.pipeline("guest").outputs.for_others as Record<string, string>);
}, 10 * MINUTES);

afterAll(() => applied.close(), MINUTES);

jest.setTimeout(2 * MINUTES);

test("with a bucket, a repository, roles, log groups and a tools bucket of others, a drop becomes the image", async () => {
  const sender = new Sender(applied, "guest", "api");
  const image = await sender.newImage();
  await sender.succeeded(await sender.upload("in one PUT", image));
  expect(sender.repositoryUrl).toMatch(/\/platform\/api$/);
  for (const tag of [image.gitHash, "staging"])
    await proveDrop(applied.clients, sender.repositoryUrl, image, tag, applied.environment.registry);
});

test("what the outputs say was enough: nothing was refused", () => {
  const refused = applied.lines.filter((line) => line.includes("not authorized"));
  // Between the apply and the owner's part the queue could not be read; without it, no drop would have become an image.
  expect(refused.filter((line) => !line.includes("does not poll"))).toEqual([]);
});

test("a second plan says that there is nothing to change", async () => {
  expect((await applied.pipeline("guest").stack.plan()).summary).toMatch(/^No changes\./);
});

test("builds write streams that begin with the pipeline's name", async () => {
  const logs = new CloudWatchLogsClient({ region: "us-east-1" });
  const { logStreams = [] } = await logs.send(new DescribeLogStreamsCommand({ logGroupName: "/teams/images" }));
  logs.destroy();
  expect(logStreams.some(({ logStreamName }) => logStreamName?.startsWith("guest_api/"))).toBe(true);
});

test("objects lie under the pipelines' prefixes only", async () => {
  const { Versions = [] } = await applied.clients.s3.send(new ListObjectVersionsCommand({ Bucket: "their-tools" }));
  expect(Versions.map(({ Key }) => Key).toSorted()).toEqual([
    "pipelines/guest/publish-image.zip",
    "pipelines/unversioned/publish-image.zip",
  ]);
});

test("where the tools bucket keeps no versions, the apply stops and says so", async () => {
  const { s3 } = applied.clients;
  await s3.send(new CreateBucketCommand({ Bucket: "their-plain-tools" }));
  const { stack } = applied.pipeline("unversioned");
  await stack.destroy();
  const file = join(applied.directory, "cdktf.out/stacks/unversioned/cdk.tf.json");
  await writeFile(file, (await readFile(file, "utf8")).replaceAll("their-tools", "their-plain-tools"));
  await stack.plan();
  await expect(stack.apply()).rejects.toMatchObject({
    lastLines: expect.arrayContaining([
      expect.stringContaining("The bucket their-plain-tools keeps no versions"),
    ]) as unknown,
  });
});

test("destroying leaves what is not the pipeline's", async () => {
  await applied.pipeline("guest").stack.destroy();
  const { s3 } = applied.clients;
  for (const Bucket of ["their-drops", "their-tools"]) {
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
  }
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: "their-drops" }));
  expect(Versions).toHaveLength(1);
});

const ROLES = { builds: "image-builds", function: "image-starter" } as const;
/** A role has to trust somebody; nobody uses it before its owner attaches what the output says. */
const NOBODY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Principal: { Service: "codebuild.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

async function whatExistsAlready({ s3, ecr }: Clients): Promise<void> {
  for (const Bucket of ["their-drops", "their-tools"]) {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  const NotificationConfiguration = { EventBridgeConfiguration: {} };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: "their-drops", NotificationConfiguration }));
  await ecr.send(new CreateRepositoryCommand({ repositoryName: "platform/api" }));
  const logs = new CloudWatchLogsClient({ region: "us-east-1" });
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/teams/images" }));
  logs.destroy();
  const iam = new IAMClient({ region: "us-east-1" });
  for (const RoleName of Object.values(ROLES)) {
    await iam.send(new CreateRoleCommand({ RoleName, Path: "/teams/", AssumeRolePolicyDocument: NOBODY }));
  }
  iam.destroy();
}

/** What the roles' owner does with the output. */
async function attach(forOthers: Readonly<Record<string, string>>): Promise<void> {
  const iam = new IAMClient({ region: "us-east-1" });
  for (const [whose, RoleName] of Object.entries(ROLES)) {
    const PolicyDocument = forOthers[`${whose}_role_trust`];
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    await iam.send(
      new PutRolePolicyCommand({ RoleName, PolicyName: "images", PolicyDocument: forOthers[`${whose}_role_policy`] }),
    );
  }
  iam.destroy();
}
