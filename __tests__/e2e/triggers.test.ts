import { DeleteProjectCommand, type Build } from "@aws-sdk/client-codebuild";
import {
  CreateBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { CreateTopicCommand, SetTopicAttributesCommand, SNSClient } from "@aws-sdk/client-sns";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { buildVariable } from "../../local/builds";
import type { Clients } from "../../local/journey";
import { proveDrop } from "../../local/journey";
import { setTimeout as sleep } from "node:timers/promises";
import { grantsOf } from "../support/grants";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { Sender } from "../support/sender";
import { requires } from "../support/requires";
import { until } from "../support/until";
import { beginUpload, UPLOADS } from "../support/uploads";

const dockerd = requires("dockerd", "apt-get install docker.io");

const OWN_BUILDSPEC = `
version: 0.2
env:
  exported-variables: [GIT_HASH]
phases:
  build:
    commands:
      - GIT_HASH="$(node "$CODEBUILD_SRC_DIR/publish-image.js")"
      - 'echo "mine: $IMAGE_REPO_NAME:$GIT_HASH"'
`;

const YAML = `
name: by-queue
region: us-east-1
bucket: by-queue-drops
repositories: { prefix: by-queue/ }
services:
  - api
  - { name: commands, before: ['echo "before $DROP_KEY"'], after: ['echo "after $GIT_HASH"'] }
  - { name: own, buildspec: own.yml }
---
name: by-function
region: us-east-1
bucket: by-function-drops
trigger: lambda
repositories: { prefix: by-function/ }
defaults: { key: "{service}/{anything}.zip" }
services: [api, doomed]
---
name: by-topic
region: us-east-1
bucket: by-topic-drops
trigger: topic
publisher: ${dockerd ? "docker" : "stream"}
repositories: { prefix: by-topic/ }
services: [api]
---
name: by-their-topic
region: us-east-1
bucket: { existing: their-topic-drops }
trigger: { topic: { existing: their-events, rawDelivery: false } }
repositories: { prefix: by-their-topic/ }
services: [api]
---
name: by-bus
region: us-east-1
bucket: { existing: their-bus-drops }
trigger: eventbridge
repositories: { prefix: by-bus/ }
services: [api]
---
name: by-rule
region: us-east-1
bucket: by-rule-drops
trigger: { eventbridge: { direct: true } }
repositories: { prefix: by-rule/ }
services: [api, doomed]
---
name: by-trail
region: us-east-1
bucket: by-trail-drops
trigger: { cloudtrail: { trail: true, maxWait: 1, checkInterval: 1 } }
repositories: { prefix: by-trail/ }
services: [api]
`;

const PIPELINES = ["by-queue", "by-function", "by-topic", "by-their-topic", "by-bus", "by-rule", "by-trail"] as const;
const MINUTES = 60_000;

let applied: AppliedPipelines;

beforeAll(async () => {
  applied = await applyPipelines(YAML, {
    files: { "own.yml": OWN_BUILDSPEC },
    before: whatExistsAlready,
    minuteInMilliseconds: 500,
  });
}, 10 * MINUTES);

afterAll(() => applied.close(), MINUTES);

jest.setTimeout(2 * MINUTES);

describe.each(PIPELINES)("%s", (name) => {
  test("a second plan says that there is nothing to change", async () => {
    const { changes, summary } = await applied.pipeline(name).stack.plan();
    expect(summary).toMatch(/^No changes\./);
    expect(changes).toBe(false);
  });

  test.each(Object.keys(UPLOADS) as (keyof typeof UPLOADS)[])("a drop uploaded %s becomes the image", async (how) => {
    const sender = new Sender(applied, name, "api");
    const image = await sender.newImage();
    const version = await sender.upload(how, image);
    expect(version).toBeDefined();
    const build = await sender.succeeded(version);

    expect(build.exportedEnvironmentVariables).toEqual([{ name: "GIT_HASH", value: image.gitHash }]);
    for (const tag of [image.gitHash, "staging"])
      await proveDrop(applied.clients, sender.repositoryUrl, image, tag, applied.environment.registry);
  });

  test("nothing was refused on the way", () => {
    expect(applied.lines.filter((line) => line.includes("not authorized") && line.includes(`${name}_`))).toEqual([]);
  });
});

describe("what a service brings itself", () => {
  test("commands run before and after the publisher's", async () => {
    const sender = new Sender(applied, "by-queue", "commands");
    const image = await sender.newImage();
    const build = await sender.succeeded(await sender.upload("in one PUT", image));
    const log = await sender.log(build);
    const said = (line: string): number => log.findIndex((each) => each.endsWith(line));
    expect(said("before commands.zip")).toBeGreaterThan(-1);
    expect(said(`after ${image.gitHash}`)).toBeGreaterThan(said("before commands.zip"));
    await proveDrop(applied.clients, sender.repositoryUrl, image, "staging", applied.environment.registry);
  });

  test("a buildspec runs instead of the publisher's", async () => {
    const sender = new Sender(applied, "by-queue", "own");
    const image = await sender.newImage();
    const build = await sender.succeeded(await sender.upload("in one PUT", image));
    expect(await sender.lastLine(build)).toBe(`mine: by-queue/own:${image.gitHash}`);
    await proveDrop(applied.clients, sender.repositoryUrl, image, "staging", applied.environment.registry);
  });
});

describe("what cannot be started is kept as a dead letter", () => {
  test("by the function: a record that holds S3's event", async () => {
    await drop("by-function", "doomed", { withoutProject: true });
    expect(await deadLetter("by-function")).toMatchObject({
      Body: {
        requestContext: { condition: "RetriesExhausted", approximateInvokeCount: 3 },
        requestPayload: {
          Records: [{ eventName: "ObjectCreated:Put", s3: { bucket: { name: "by-function-drops" } } }],
        },
      },
    });
  });

  test("by the rule: the event, and why", async () => {
    await drop("by-rule", "doomed", { withoutProject: true });
    expect(await deadLetter("by-rule")).toMatchObject({
      Body: { "detail-type": "Object Created", detail: { object: { key: "doomed.zip" } } },
      MessageAttributes: { ERROR_CODE: { StringValue: "NO_RESOURCE" } },
    });
  });
});

describe("a build that begins with the upload", () => {
  const began = async (sender: Sender): Promise<Build> =>
    await until("a build waits for the upload", async () =>
      (await sender.builds()).find(
        (build) => buildVariable(build, "DROP_CALL") === "CreateMultipartUpload" && !build.buildComplete,
      ),
    );

  test("publishes what the upload made, though another object was put meanwhile", async () => {
    const sender = new Sender(applied, "by-trail", "api");
    const [large, small] = [await sender.newImage(), await sender.newImage()];
    const upload = await beginUpload(applied.clients.s3, sender.target);
    const { id = "" } = await began(sender);
    await sender.succeeded(await sender.upload("in one PUT", small));
    await upload.sendParts(large);
    const version = await upload.complete();

    const build = await sender.endedById(id);
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect((await sender.log(build)).join("\n")).toContain(`versionId=${version ?? ""} `);
    expect(build.exportedEnvironmentVariables).toEqual([{ name: "GIT_HASH", value: large.gitHash }]);
    for (const image of [large, small])
      await proveDrop(applied.clients, sender.repositoryUrl, image, image.gitHash, applied.environment.registry);
  });

  test("ends well and without an image when the upload is aborted", async () => {
    const sender = new Sender(applied, "by-trail", "api");
    // A version of the second before could be what this upload made.
    await sleep(2_000);
    const upload = await beginUpload(applied.clients.s3, sender.target);
    const { id = "" } = await began(sender);
    const before = await sender.tags();
    await upload.abort();

    const build = await sender.endedById(id);
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect(await sender.lastLine(build)).toMatch(/^nothing to do: /);
    expect(build.exportedEnvironmentVariables).toEqual([{ name: "GIT_HASH", value: "" }]);
    expect(await sender.tags()).toEqual(before);
  });
});

/** Where a grant is needed only when something else fails: the grant whose absence makes it fail. */
const NEEDED_AFTER: Readonly<Record<string, string>> = {
  KeepFailures: "StartBuilds",
  KeepFromRules: "StartBuilds",
  KeepFromRule: "ReportFromRule",
  KeepFromTopic: "ReportFromTopic",
};

/** Without these a drop is published all the same: the function's log is lost, or the build that began with the upload fails, not the one at its end. */
const PUBLISHED_WITHOUT = /_start-build: WriteLogs|: FindVersions|: FindUploads/;

/** Seven pipelines lose their grants side by side, and each round takes two builds. */
const BUSY_MACHINE_MS = 120_000;

/** Policies are read again after a second at the latest. */
const POLICIES_SEEN_MS = 1_100;

describe("every grant is needed", () => {
  test(
    "without any one of them something is refused, and the drop is not published",
    async () => {
      const tried = await Promise.all(PIPELINES.map(async (name) => [name, await withoutEachGrant(name)] as const));
      for (const [name, sids] of tried) expect([name, sids.sort()]).toEqual([name, [...GRANTS[name]].sort()]);
    },
    10 * MINUTES,
  );
});

const BUILD_GRANTS = ["Assume", "ReadDrops", "ReadTools", "IdentifyToolsBucket", "LogIn", "PushImages", "WriteLogs"];
const FUNCTION_GRANTS = ["Assume", "StartBuilds", "WriteLogs"];

const GRANTS: Readonly<Record<(typeof PIPELINES)[number], readonly string[]>> = {
  "by-queue": [...BUILD_GRANTS, ...FUNCTION_GRANTS, "ReceiveDrops", "ReportFromBucket"],
  "by-function": [...FUNCTION_GRANTS, "KeepFailures", "ReportFromBucket"],
  "by-topic": [...FUNCTION_GRANTS, "ReceiveDrops", "KeepFromTopic", "ReportFromTopic", "ReportFromBucket"],
  "by-their-topic": [...FUNCTION_GRANTS, "ReceiveDrops", "KeepFromTopic", "ReportFromTopic"],
  "by-bus": [...FUNCTION_GRANTS, "ReceiveDrops", "KeepFromRule", "ReportFromRule"],
  "by-rule": ["Assume", "StartBuilds", "KeepFromRules"],
  "by-trail": ["FindVersions", "FindUploads", "Assume", "StartBuilds", "KeepFromRules"],
};

/** Takes each grant away in turn, drops an image, and brings the grant back. */
async function withoutEachGrant(name: (typeof PIPELINES)[number]): Promise<string[]> {
  const sender = new Sender(applied, name, "api");
  const all = await grantsOf(name);
  // The grants of builds are the same with every trigger, but for those of the one that waits.
  const grants = all.filter(
    ({ of, sid }) =>
      !/_(api|commands|doomed|own)_build$/.test(of) ||
      (of.endsWith("_api_build") && (name === "by-queue" || sid.startsWith("Find"))),
  );
  for (const grant of grants) {
    const others = all.filter(({ sid }) => sid === NEEDED_AFTER[grant.sid]);
    const label = `${grant.of}: ${grant.sid}`;
    const holder = grant.of.split(" ").at(-1) ?? "";
    const before = applied.lines.length;
    const restore: (() => Promise<void>)[] = [];
    try {
      for (const each of [grant, ...others]) restore.unshift(await each.remove());
      await sleep(POLICIES_SEEN_MS);
      // A function that is warm has its credentials already.
      if (label === `trust of ${name}_start-build: Assume`) await sender.coolDown();
      const image = await sender.newImage();
      await sender.upload("in parts", image);
      const refused = (line: string): boolean =>
        line.includes(holder) && grant.actions.some((action) => line.includes(`to perform: ${action} `));
      const lines = () => applied.lines.slice(before);
      await until(`something is refused without ${label}`, () => lines().some(refused), BUSY_MACHINE_MS).catch(
        (error: unknown) => {
          const last = lines().filter((line) => line.includes(name));
          throw new Error([String(error), ...last.slice(-20).map((line) => line.slice(0, 300))].join("\n"), {
            cause: error,
          });
        },
      );
      if (!PUBLISHED_WITHOUT.test(label)) {
        // A refusal on the way to the build says nothing of a build that started all the same.
        await until(
          `no build runs without ${label}`,
          async () => (await sender.builds()).every(({ buildComplete }) => buildComplete),
          BUSY_MACHINE_MS,
        );
        const published = await sender.tags();
        if (published.includes(image.gitHash)) throw new Error(`the image was published without ${label}`);
      }
    } finally {
      for (const step of restore) await step();
    }
  }
  return grants.map(({ sid }) => sid);
}

async function drop(pipeline: string, service: string, { withoutProject }: { withoutProject: boolean }): Promise<void> {
  const sender = new Sender(applied, pipeline, service);
  if (withoutProject) await applied.clients.codebuild.send(new DeleteProjectCommand({ name: sender.project }));
  await sender.upload("in one PUT", await sender.newImage());
}

/** What lies in the pipeline's dead-letter queue. */
async function deadLetter(pipeline: string) {
  const { dead_letter_queue_url: QueueUrl } = applied.pipeline(pipeline).outputs as Record<string, string>;
  const sqs = new SQSClient({});
  try {
    const command = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ["All"] });
    const [message] = (await sqs.send(command)).Messages ?? [];
    return { ...message, Body: JSON.parse(message?.Body ?? "null") as unknown };
  } finally {
    sqs.destroy();
  }
}

/** A bucket with EventBridge switched on, and one that reports to a topic, both of other people. */
async function whatExistsAlready({ s3 }: Clients): Promise<void> {
  for (const Bucket of ["their-topic-drops", "their-bus-drops"]) {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  const sns = new SNSClient({ region: "us-east-1" });
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "their-events" }));
  const policy = {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "ReportFromBucket",
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sns:Publish",
        Resource: TopicArn,
        Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:s3:::their-topic-drops" } },
      },
    ],
  };
  await sns.send(
    new SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue: JSON.stringify(policy) }),
  );
  sns.destroy();
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: "their-topic-drops",
      NotificationConfiguration: { TopicConfigurations: [{ TopicArn, Events: ["s3:ObjectCreated:*"] }] },
    }),
  );
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: "their-bus-drops",
      NotificationConfiguration: { EventBridgeConfiguration: {} },
    }),
  );
}
