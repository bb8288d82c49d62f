import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { type Estate, startEstate } from "../support/estate";
import { hasTerraform } from "../support/terraform";

const MINUTES = 60_000;
const BUCKET = "shared-drops";
const THEIR_QUEUE = "arn:aws:sqs:us-east-1:123456789012:thumbnails";

/** Another team's state: the bucket, a queue, and two notifications to it. */
const THEIRS = {
  provider: { aws: { region: "us-east-1" } },
  resource: {
    aws_s3_bucket: { shared: { bucket: BUCKET } },
    aws_sqs_queue: {
      thumbnails: {
        name: "thumbnails",
        policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            { Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action: "sqs:SendMessage", Resource: "*" },
          ],
        }),
      },
    },
    aws_s3_bucket_notification: {
      shared: {
        bucket: "${aws_s3_bucket.shared.id}",
        queue: [
          {
            id: "thumbnails",
            queue_arn: "${aws_sqs_queue.thumbnails.arn}",
            events: ["s3:ObjectCreated:*"],
            filter_prefix: "photos/",
            filter_suffix: ".jpg",
          },
          { id: "removals", queue_arn: "${aws_sqs_queue.thumbnails.arn}", events: ["s3:ObjectRemoved:*"] },
        ],
      },
    },
  },
};

/** The same after they let go of the notifications, so that another state can have them. */
const THEIRS_AFTER = {
  provider: THEIRS.provider,
  resource: { aws_s3_bucket: THEIRS.resource.aws_s3_bucket, aws_sqs_queue: THEIRS.resource.aws_sqs_queue },
  removed: [{ from: "aws_s3_bucket_notification.shared", lifecycle: { destroy: false } }],
};

const ours = (notifications: string, services = "[api]") => `
name: images
region: us-east-1
bucket: { existing: ${BUCKET}, notifications: ${notifications} }
trigger: lambda
packaging: prebuilt
protect: false
services: ${services}
`;

const TWO_ENDINGS = "[api, { name: web, key: web.tar.gz }]";

let estate: Estate | undefined;
let s3: S3Client;

beforeAll(async () => {
  if (!(await hasTerraform())) return;
  estate = await startEstate("us-east-1");
  s3 = new S3Client({ region: "us-east-1", forcePathStyle: true });
}, MINUTES);
afterAll(async () => {
  if (!estate) return;
  s3.destroy();
  await estate.close();
}, MINUTES);

/** Ids of what the bucket reports, sorted. */
async function reported(): Promise<string[]> {
  const { QueueConfigurations = [], LambdaFunctionConfigurations = [] } = await s3.send(
    new GetBucketNotificationConfigurationCommand({ Bucket: BUCKET }),
  );
  return [...QueueConfigurations, ...LambdaFunctionConfigurations].map(({ Id = "" }) => Id).toSorted();
}

/** Their Terraform adds, outside of any state that we know. */
async function addAudit(): Promise<void> {
  const current = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: BUCKET }));
  const audit = { Id: "audit", QueueArn: THEIR_QUEUE, Events: ["s3:ObjectRestore:Post" as const] };
  const QueueConfigurations = [...(current.QueueConfigurations ?? []), audit];
  const NotificationConfiguration = { ...current, QueueConfigurations };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: BUCKET, NotificationConfiguration }));
}

test(
  "notifications of another state are there after each step of a pipeline that adopts them and leaves again",
  async () => {
    if (!estate) return;
    const other = await estate.theirs("other", THEIRS);
    await other.plan();
    await other.apply();
    expect(await reported()).toStrictEqual(["removals", "thumbnails"]);

    await expect(estate.synthesise(ours("own"))).rejects.toThrow(
      'bucket.notifications: must not be own for an existing bucket, where it would remove everyone else\'s notifications: take none with trigger eventbridge or topic, or adopt, which keeps them, got "own"',
    );
    await expect(estate.synthesise(ours("adopt"))).rejects.toThrow(
      'bucket.notifications: needs the file notifications.images.json beside this one, which is missing: run npm run preflight -- --adopt images, got "adopt"',
    );
    expect(await estate.preflight("--adopt", "images")).toStrictEqual({
      code: 0,
      out: "shared-drops has 2 notifications of others: wrote notifications.images.json, commit it; pipeline images takes them over with bucket.notifications: adopt\n",
      err: "",
    });
    expect(JSON.parse(await readFile(join(estate.directory, "notifications.images.json"), "utf8"))).toStrictEqual({
      bucket: BUCKET,
      eventbridge: false,
      entries: [
        { kind: "queue", id: "removals", arn: THEIR_QUEUE, events: ["s3:ObjectRemoved:*"] },
        {
          kind: "queue",
          id: "thumbnails",
          arn: THEIR_QUEUE,
          events: ["s3:ObjectCreated:*"],
          prefix: "photos/",
          suffix: ".jpg",
        },
      ],
    });
    const givenUp = await estate.theirs("other", THEIRS_AFTER);
    await givenUp.plan();
    await givenUp.apply();
    expect(await reported()).toStrictEqual(["removals", "thumbnails"]);

    // Adopted.
    await estate.synthesise(ours("adopt"));
    const stack = await estate.ours("images");
    await stack.plan();
    expect(await estate.preflight("images", "--plan", await estate.showPlan(stack))).toStrictEqual({
      code: 0,
      out: "nothing stands in the way\n",
      err: "",
    });
    await stack.apply();
    expect(await reported()).toStrictEqual(["images_drops", "removals", "thumbnails"]);
    expect(await stack.plan()).toMatchObject({ changes: false });

    // Changed, while they add one: the plan that does not know it is refused.
    await addAudit();
    await estate.synthesise(ours("adopt", TWO_ENDINGS));
    await stack.plan();
    expect(await estate.preflight("images", "--plan", await estate.showPlan(stack))).toStrictEqual({
      code: 1,
      out: "",
      err: [
        'pipeline.yaml:4:35 bucket.notifications: must be adopted again: the bucket has the notification "audit" by now, which the file does not hold; run npm run preflight -- --adopt images\n',
        `pipeline.yaml:4:1 bucket: the plan for shared-drops would remove the notification "audit" (s3:ObjectRestore:Post of * to ${THEIR_QUEUE}), which is not this pipeline's: run npm run preflight -- --adopt images, synthesise and plan again\n`,
      ].join(""),
    });
    expect((await estate.preflight("--adopt")).code).toBe(0);
    await estate.synthesise(ours("adopt", TWO_ENDINGS));
    await stack.plan();
    expect((await estate.preflight("--plan", await estate.showPlan(stack))).code).toBe(0);
    await stack.apply();
    const THEIR_IDS = ["audit", "removals", "thumbnails"];
    expect(await reported()).toStrictEqual(["audit", "images_drops", "images_drops-tar-gz", "removals", "thumbnails"]);

    // To destroy the whole would empty the configuration.
    await expect(stack.destroy()).rejects.toMatchObject({
      lastLines: expect.arrayContaining([expect.stringContaining("Instance cannot be destroyed")]) as unknown,
    });
    expect(await reported()).toStrictEqual(["audit", "images_drops", "images_drops-tar-gz", "removals", "thumbnails"]);

    // Left, in two steps.
    await estate.synthesise(ours("leaving", TWO_ENDINGS));
    await stack.plan();
    expect((await estate.preflight("--plan", await estate.showPlan(stack))).code).toBe(0);
    await stack.apply();
    expect(await reported()).toStrictEqual(THEIR_IDS);
    await estate.synthesise(ours("none", TWO_ENDINGS));
    await stack.plan();
    expect((await estate.preflight("--plan", await estate.showPlan(stack))).code).toBe(0);
    await stack.apply();
    expect(await reported()).toStrictEqual(THEIR_IDS);
    await stack.destroy();
    expect(await reported()).toStrictEqual(THEIR_IDS);
    await givenUp.plan();
    await givenUp.apply();
    expect(await reported()).toStrictEqual(THEIR_IDS);
  },
  8 * MINUTES,
);

const BY_EVENTBRIDGE = `
name: events
region: us-east-1
bucket: { existing: ${BUCKET} }
packaging: prebuilt
services: [api]
`;

test("an existing bucket that does not report to EventBridge, or no more, is seen, with the line that its owner adds", async () => {
  if (!estate) return;
  await estate.synthesise(BY_EVENTBRIDGE);
  expect(await estate.preflight()).toStrictEqual({
    code: 1,
    out: "",
    err: 'pipeline.yaml:4:11 bucket.existing: must report to EventBridge and does not, so that no drop is noticed: its owner must add eventbridge = true to its aws_s3_bucket_notification, and where it was there, find out who replaced it, got "shared-drops"\n',
  });
  const current = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: BUCKET }));
  const NotificationConfiguration = { ...current, EventBridgeConfiguration: {} };
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: BUCKET, NotificationConfiguration }));
  expect(await estate.preflight()).toStrictEqual({ code: 0, out: "nothing stands in the way\n", err: "" });
});
