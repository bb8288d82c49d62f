import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchLogsClient, CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DescribeImagesCommand } from "@aws-sdk/client-ecr";
import { GetBucketNotificationConfigurationCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { proveDrop, type Package } from "../../local/journey";
import { example, PROJECT } from "../support/examples";
import { type Forwarding, Owners, policyOf } from "../support/others";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { Sender } from "../support/sender";
import { until } from "../support/until";
import { UPLOADS } from "../support/uploads";

const REGION = "cn-north-1";
const OURS = "123456789012";
const PARTNER = "444455556666";
const REGISTRY = "777788889999";
const THEIR_QUEUE = `arn:aws-cn:sqs:${REGION}:${OURS}:thumbnails`;
const KEY = `arn:aws-cn:kms:${REGION}:${OURS}:key/00000000-0000-0000-0000-000000000001`;

/** Between them, every option for what exists already, and a pipeline across three accounts; examples/china is applied beside. */
const YAML = `
name: cn-own
region: ${REGION}
bucket: cn-own-drops
trigger: { eventbridge: { direct: true } }
encryption: { kmsKey: "${KEY}" }
repositories: { prefix: own/, pullAccounts: ["${PARTNER}"] }
outputs: { ssm: { prefix: /images } }
services: [api]
---
name: cn-adopt
region: ${REGION}
bucket: { existing: cn-adopt-drops, notifications: adopt }
trigger: queue
packaging: prebuilt
roles: { path: /teams/images/, permissionBoundary: "arn:aws-cn:iam::${OURS}:policy/boundary", namePrefix: corp- }
repositories: { prefix: adopt/ }
tools: { bucket: { existing: cn-tools }, prefix: pipelines/cn-adopt/ }
services: [api]
---
name: cn-topic
region: ${REGION}
bucket: cn-topic-drops
trigger: { topic: { existing: image-events } }
roles: { builds: shared }
repositories: { prefix: topic/ }
vpc:
  id: vpc-0123456789abcdef0
  subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
  securityGroups: [sg-0123456789abcdef0]
  nat: true
  function: true
services: [api]
---
name: cn-bus
region: ${REGION}
bucket: { existing: cn-bus-drops }
trigger: { eventbridge: { bus: storage } }
roles:
  builds: { existing: "arn:aws-cn:iam::${OURS}:role/teams/image-builds" }
  function: { existing: "arn:aws-cn:iam::${OURS}:role/teams/image-starter" }
logs: { builds: { existing: /teams/images }, function: { existing: /teams/images } }
tools: { bucket: { existing: cn-tools }, prefix: pipelines/cn-bus/ }
defaults: { repository: { existing: "platform/{service}" } }
services: [api]
---
name: cn-accounts
region: ${REGION}
bucket: { existing: cn-partner-drops, account: "${PARTNER}" }
trigger: eventbridge
provider: { allowedAccountIds: ["${OURS}"] }
defaults: { repository: { existing: "platform/{service}", account: "${REGISTRY}" } }
services: [api]
`;

const ADOPTED = {
  bucket: "cn-adopt-drops",
  eventbridge: false,
  entries: [{ kind: "queue", id: "thumbnails", arn: THEIR_QUEUE, events: ["s3:ObjectCreated:*"], suffix: ".jpg" }],
};

const REPOSITORIES = {
  "images-cn": `${OURS}.dkr.ecr.${REGION}.amazonaws.com.cn/global/api`,
  "cn-own": `${OURS}.dkr.ecr.${REGION}.amazonaws.com.cn/own/api`,
  "cn-adopt": `${OURS}.dkr.ecr.${REGION}.amazonaws.com.cn/adopt/api`,
  "cn-topic": `${OURS}.dkr.ecr.${REGION}.amazonaws.com.cn/topic/api`,
  "cn-bus": `${OURS}.dkr.ecr.${REGION}.amazonaws.com.cn/platform/api`,
  "cn-accounts": `${REGISTRY}.dkr.ecr.${REGION}.amazonaws.com.cn/platform/api`,
};
const PIPELINES = Object.keys(REPOSITORIES) as readonly (keyof typeof REPOSITORIES)[];
const MINUTES = 60_000;
/** local/iam reads policies again after a second. */
const POLICIES_SEEN_MS = 1_500;

let ours: Owners;
let partner: Owners;
let registry: Owners;
let applied: AppliedPipelines;

beforeAll(async () => {
  const files = { "notifications.cn-adopt.json": JSON.stringify(ADOPTED) };
  const beside = [join(PROJECT, example("china").file!)];
  applied = await applyPipelines(YAML, { before: whatExistsAlready, files, beside, minuteInMilliseconds: 500 });
  await attach();
}, 5 * MINUTES);

afterAll(async () => {
  await applied.close();
  for (const owners of [ours, partner, registry]) owners.close();
}, MINUTES);

jest.setTimeout(2 * MINUTES);

async function whatExistsAlready(): Promise<void> {
  ours = new Owners(OURS, REGION);
  partner = new Owners(PARTNER, REGION);
  registry = new Owners(REGISTRY, REGION);
  const letS3 = (Action: string, Resource: string) =>
    policyOf({ Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action, Resource });
  const sqs = new SQSClient({});
  const Policy = letS3("sqs:SendMessage", THEIR_QUEUE);
  await sqs.send(new CreateQueueCommand({ QueueName: "thumbnails", Attributes: { Policy } }));
  sqs.destroy();
  const sns = new SNSClient({});
  const topic = letS3("SNS:Publish", `arn:aws-cn:sns:${REGION}:${OURS}:image-events`);
  await sns.send(new CreateTopicCommand({ Name: "image-events", Attributes: { Policy: topic } }));
  sns.destroy();
  const logs = new CloudWatchLogsClient({});
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/teams/images" }));
  logs.destroy();

  const Filter = { Key: { FilterRules: [{ Name: "suffix", Value: ".jpg" } as const] } };
  const thumbnails = { Id: "thumbnails", QueueArn: THEIR_QUEUE, Events: ["s3:ObjectCreated:*" as const], Filter };
  await ours.bucket("cn-adopt-drops", { QueueConfigurations: [thumbnails] });
  await ours.bucket("cn-bus-drops", { EventBridgeConfiguration: {} });
  await ours.bucket("cn-tools");
  await ours.repository("platform/api");
  await ours.bus("storage");
  await ours.boundary("boundary", "s3:Get*", "ecr:*", "logs:*", "sqs:*", "codebuild:StartBuild");
  for (const name of ["image-builds", "image-starter"]) await ours.role(name, "/teams/");
  await partner.bucket("cn-partner-drops", { EventBridgeConfiguration: {} });
  await registry.repository("platform/api");
}

/** What the pipelines' outputs ask of others. */
interface ForOthers extends Readonly<Record<string, unknown>> {
  readonly bucket_policy: string;
  readonly event_bus_policy: string;
  readonly event_forwarding: Forwarding;
  readonly repository_policies: Readonly<Record<string, string>>;
}

const forOthers = (pipeline: string) => applied.pipeline(pipeline).outputs.for_others as ForOthers;

/** What each of them has attached, and nothing else. */
async function attach(): Promise<void> {
  const bus = forOthers("cn-bus") as ForOthers & Readonly<Record<string, string>>;
  await ours.rolePolicies("image-builds", bus.builds_role_trust, bus.builds_role_policy);
  await ours.rolePolicies("image-starter", bus.function_role_trust, bus.function_role_policy);
  await ours.forward("to-storage", bus.event_forwarding);
  await partner.forward("to-pipeline", forOthers("cn-accounts").event_forwarding);
  for (const side of Object.values(SIDES)) await side.attach();
}

/** The three policies by which other accounts let a drop through, and ours lets the partner's event in. */
const SIDES = {
  "the bus's owner": {
    attach: () => ours.busPolicy(forOthers("cn-accounts").event_bus_policy),
    detach: () => ours.busPolicy(undefined),
    refused: "events:PutEvents",
  },
  "the bucket's owner": {
    attach: () => partner.bucketPolicy("cn-partner-drops", forOthers("cn-accounts").bucket_policy),
    detach: () => partner.bucketPolicy("cn-partner-drops", undefined),
    refused: "s3:GetObjectVersion",
  },
  "the repository's owner": {
    attach: () =>
      registry.repositoryPolicy(
        "platform/api",
        forOthers("cn-accounts").repository_policies[`${REGISTRY}/platform/api`],
      ),
    detach: () => registry.repositoryPolicy("platform/api", undefined),
    refused: "ecr:DescribeImages",
  },
};

async function prove(sender: Sender, image: Package): Promise<void> {
  const { ecr } = sender.repositoryUrl.startsWith(REGISTRY) ? registry : ours;
  for (const tag of [image.gitHash, "staging"]) {
    await proveDrop({ ...applied.clients, ecr }, sender.repositoryUrl, image, tag, applied.environment.registry);
  }
}

async function stateOf(name: string): Promise<string> {
  const { backend } = applied.pipeline(name).config;
  if (backend.kind !== "s3") return await readFile(join(applied.directory, `terraform.${name}.tfstate`), "utf8");
  const { Body } = await ours.s3.send(new GetObjectCommand({ Bucket: backend.bucket, Key: `${name}.tfstate` }));
  return (await Body?.transformToString()) ?? "";
}

const WAYS = Object.keys(UPLOADS) as readonly (keyof typeof UPLOADS)[];

describe.each(PIPELINES.map((name, index) => ({ name, how: WAYS[index % WAYS.length]! })))(
  "in the China partition: $name",
  ({ name, how }) => {
    test("the repository lies at a host of the partition", () => {
      expect(new Sender(applied, name, "api").repositoryUrl).toBe(REPOSITORIES[name]);
    });

    test(`a drop uploaded ${how} becomes the image`, async () => {
      const sender = new Sender(applied, name, "api");
      const image = await sender.newImage();
      await sender.succeeded(await sender.upload(how, image));
      await prove(sender, image);
    });

    test("a second plan says that there is nothing to change", async () => {
      const { changes, summary } = await applied.pipeline(name).stack.plan();
      expect(summary).toMatch(/^No changes\./);
      expect(changes).toBe(false);
    });

    test("no ARN in the state is of another partition", async () => {
      const state = await stateOf(name);
      expect(state).toContain("arn:aws-cn:");
      expect(state).not.toMatch(/arn:aws:/);
    });
  },
);

test("what the outputs say was enough: nothing was refused", () => {
  const refused = applied.lines.filter((line) => line.includes("not authorized"));
  // Between the apply and the owner's part the queue could not be read; without it, no drop would have become an image.
  expect(refused.filter((line) => !line.includes("does not poll"))).toEqual([]);
});

test("the adopted notification is still there, beside ours", async () => {
  const command = new GetBucketNotificationConfigurationCommand({ Bucket: "cn-adopt-drops" });
  const { QueueConfigurations = [] } = await ours.s3.send(command);
  expect(QueueConfigurations.map(({ Id }) => Id).toSorted()).toEqual(["cn-adopt_drops", "thumbnails"]);
});

describe("across three accounts, a drop stops without the policy of", () => {
  test.each(Object.keys(SIDES) as (keyof typeof SIDES)[])("%s", async (whose) => {
    const { attach: again, detach, refused } = SIDES[whose];
    const sender = new Sender(applied, "cn-accounts", "api");
    const image = await sender.newImage();
    await detach();
    await sleep(POLICIES_SEEN_MS);
    const from = applied.lines.length;
    await sender.upload("in one PUT", image);
    await until(`${refused} is refused`, () =>
      applied.lines.slice(from).some((line) => line.includes(`not authorized to perform: ${refused} `)),
    );
    const there = await registry.ecr.send(new DescribeImagesCommand({ repositoryName: "platform/api" }));
    expect(there.imageDetails?.flatMap(({ imageTags = [] }) => imageTags)).not.toContain(image.gitHash);
    await again();
    await sleep(POLICIES_SEEN_MS);
    await sender.succeeded(await sender.upload("in one PUT", image));
    await prove(sender, image);
  });
});
