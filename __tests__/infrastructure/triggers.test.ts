import { ACCOUNTS, synthesise, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

type Trigger = (typeof TRIGGER_NAMES)[number];
type Synthesised = ReturnType<typeof synthesise>;

const created = all({});
const existing = all({ bucket: { existing: "their-drops" } });

/** The parts of one bucket of ours. */
const BUCKETS = {
  aws_s3_bucket: 1,
  aws_s3_bucket_lifecycle_configuration: 1,
  aws_s3_bucket_ownership_controls: 1,
  aws_s3_bucket_policy: 1,
  aws_s3_bucket_public_access_block: 1,
  aws_s3_bucket_server_side_encryption_configuration: 1,
  aws_s3_bucket_versioning: 1,
};
/** Whatever the trigger: the bucket of the tools, the logs of the builds, and one service. */
const ALWAYS = {
  ...BUCKETS,
  aws_cloudwatch_log_group: 1,
  aws_codebuild_project: 1,
  aws_ecr_lifecycle_policy: 1,
  aws_ecr_repository: 1,
  aws_iam_role: 2,
  aws_iam_role_policy: 2,
  aws_s3_object: 1,
};
const FUNCTION = { aws_cloudwatch_log_group: 2, aws_lambda_function: 1 };
const QUEUE = { ...FUNCTION, aws_lambda_event_source_mapping: 1, aws_sqs_queue: 2 };
const RULE = { aws_cloudwatch_event_rule: 1, aws_cloudwatch_event_target: 1 };

const OWN: Readonly<Record<Trigger, Readonly<Record<string, number>>>> = {
  queue: QUEUE,
  lambda: {
    ...FUNCTION,
    aws_lambda_function_event_invoke_config: 1,
    aws_lambda_permission: 1,
    aws_sqs_queue: 1,
  },
  topic: { ...QUEUE, aws_sns_topic: 1, aws_sns_topic_subscription: 1 },
  "existing topic": { ...QUEUE, aws_sns_topic_subscription: 1 },
  eventbridge: { ...QUEUE, ...RULE },
  "eventbridge, direct": { ...RULE, aws_sqs_queue: 1 },
  cloudtrail: { ...RULE, aws_sqs_queue: 1 },
  "cloudtrail with a trail": { ...RULE, aws_sqs_queue: 1, aws_cloudtrail: 1, ...times(2, BUCKETS) },
};

describe.each(TRIGGER_NAMES)("the trigger %s", (name) => {
  const own = OWN[name];

  test("adds exactly its own resources to an existing bucket", () => {
    expect(existing[name].counts()).toStrictEqual({ ...ALWAYS, ...own });
  });

  test("adds a notification to a bucket of its own, unless CloudTrail reports its calls", () => {
    const buckets = own.aws_s3_bucket === undefined ? 2 : 3;
    expect(created[name].counts()).toStrictEqual({
      ...ALWAYS,
      ...own,
      ...times(buckets, BUCKETS),
      ...(!name.startsWith("cloudtrail") && { aws_s3_bucket_notification: 1 }),
    });
  });

  test("names an existing bucket in no resource of S3", () => {
    const buckets = [...existing[name].written()].filter(([address]) => address.startsWith("aws_s3_"));
    for (const [address, text] of buckets)
      expect([address, text.includes("their-drops")]).toStrictEqual([address, false]);
  });
});

describe.each(ACCOUNTS.filter(({ partition }) => partition !== "aws"))("in $region", ({ region }) => {
  test.each(TRIGGER_NAMES)("the JSON of %s holds no partition and no host of AWS", (name) => {
    for (const bucket of ["image-drops", { existing: "their-drops" }]) {
      const { text } = synthesise({ bucket, region, trigger: TRIGGERS[name] });
      expect(text).not.toMatch(/arn:aws/);
      expect(text).not.toMatch(/amazonaws\.com/);
    }
  });
});

describe("what the trigger asks of a bucket", () => {
  const target = { events: ["s3:ObjectCreated:*"], filter_suffix: ".zip" };
  const queue = [{ queue_arn: "arn:aws:sqs:us-east-1:111122223333:images_drops", ...target }];
  const topicOf = (topic: string) => [{ topic_arn: `arn:aws:sns:us-east-1:111122223333:${topic}`, ...target }];
  const lambda_function = [
    { lambda_function_arn: "arn:aws:lambda:us-east-1:111122223333:function:images_start-build", ...target },
  ];
  const NOTIFICATIONS: readonly (readonly [Trigger, Readonly<Record<string, unknown>>, readonly string[]])[] = [
    ["queue", { queue }, []],
    [
      "lambda",
      { lambda_function },
      ["aws_lambda_permission permission", "aws_lambda_function_event_invoke_config retries"],
    ],
    ["topic", { topic: topicOf("images_drops") }, ["aws_sns_topic_subscription subscription"]],
    ["existing topic", { topic: topicOf("image-events") }, ["aws_sns_topic_subscription subscription"]],
    ["eventbridge", { eventbridge: true }, ["aws_cloudwatch_event_target target"]],
    ["eventbridge, direct", { eventbridge: true }, ["aws_cloudwatch_event_target start-build/services/api/target"]],
  ];

  const topicLines = (topic: string) =>
    `topic {\n  topic_arn     = "arn:aws:sns:us-east-1:111122223333:${topic}"\n  events        = ["s3:ObjectCreated:*"]\n  filter_suffix = ".zip"\n}`;
  const FOR_OWNER: Partial<Record<Trigger, string>> = {
    queue: `queue {\n  queue_arn     = "arn:aws:sqs:us-east-1:111122223333:images_drops"\n  events        = ["s3:ObjectCreated:*"]\n  filter_suffix = ".zip"\n}`,
    lambda: `lambda_function {\n  lambda_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:images_start-build"\n  events              = ["s3:ObjectCreated:*"]\n  filter_suffix       = ".zip"\n}`,
    topic: topicLines("images_drops"),
    "existing topic": topicLines("image-events"),
    eventbridge: "eventbridge = true",
    "eventbridge, direct": "eventbridge = true",
  };

  test.each(NOTIFICATIONS)("%s, of its own: to report once everything is there", (name, notification, dependencies) => {
    const withIds = Object.entries(notification).map(([kind, targets]) => [
      kind,
      Array.isArray(targets) ? targets.map((one: object) => ({ id: "drops", ...one })) : targets,
    ]);
    expect(created[name].resource("aws_s3_bucket_notification")).toStrictEqual({
      bucket: "image-drops",
      ...Object.fromEntries(withIds),
    });
    expect(created[name].dependencies("aws_s3_bucket_notification")).toStrictEqual([
      "aws_s3_bucket_versioning images/pipeline/bucket/private/versioning",
      ...dependencies.map((dependency) => dependency.replace(" ", " images/pipeline/trigger/")),
    ]);
    expect(created[name].output).not.toHaveProperty("bucket_owner_must_add");
  });

  test.each(NOTIFICATIONS)("%s, of someone else: its owner is told in their own words", (name) => {
    expect(existing[name].output.bucket_owner_must_add).toStrictEqual({
      description:
        "Lines that the bucket's owner has to add to its aws_s3_bucket_notification, unless it reports there already",
      value: FOR_OWNER[name],
    });
  });

  test.each(["cloudtrail", "cloudtrail with a trail"] as const)("%s: nothing", (name) => {
    expect(existing[name].output).not.toHaveProperty("bucket_owner_must_add");
    expect(created[name].counts()).not.toHaveProperty("aws_s3_bucket_notification");
  });
});

describe("another trigger in the place of an old one", () => {
  test("keeps the dead letters, and the role that has the same name", () => {
    const kept = ["aws_sqs_queue.pipeline_trigger_dead-letters_", "aws_iam_role.pipeline_trigger_start-build_role_"];
    const addresses = kept.map((start) =>
      TRIGGER_NAMES.map((name) => [...created[name].written().keys()].find((address) => address.startsWith(start))),
    );
    for (const [index, found] of addresses.entries()) {
      expect(new Set(found).size).toBe(1);
      expect(found[0]).toContain(kept[index]);
    }
  });

  test.each(["topic", "existing topic", "eventbridge"] as const)(
    "%s keeps all of what queue has, where it has been since the first release",
    (name) => {
      const partsOf = (trigger: Trigger) =>
        [...created[trigger].written().keys()].filter((address) => address.includes(".pipeline_trigger_"));
      expect(partsOf("queue").toSorted()).toStrictEqual([
        "aws_cloudwatch_log_group.pipeline_trigger_start-build_logs_BB55344A",
        "aws_iam_role.pipeline_trigger_start-build_role_1FF55609",
        "aws_iam_role_policy.pipeline_trigger_start-build_policy_9581F2F3",
        "aws_lambda_event_source_mapping.pipeline_trigger_event-source_5FD70305",
        "aws_lambda_function.pipeline_trigger_start-build_function_DB85632F",
        "aws_sqs_queue.pipeline_trigger_dead-letters_05705A7F",
        "aws_sqs_queue.pipeline_trigger_queue_73E326CD",
      ]);
      expect(partsOf(name)).toStrictEqual(expect.arrayContaining(partsOf("queue")));
    },
  );
});

function all(changes: Parameters<typeof synthesise>[0]): Readonly<Record<Trigger, Synthesised>> {
  return Object.fromEntries(
    TRIGGER_NAMES.map((name) => [name, synthesise({ ...changes, trigger: TRIGGERS[name] })]),
  ) as Readonly<Record<Trigger, Synthesised>>;
}

function times(count: number, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([type, number]) => [type, number * count]));
}
