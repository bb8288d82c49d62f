import type { PipelineInput } from "../../config/schema";
import { synthesise, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

type Trigger = (typeof TRIGGER_NAMES)[number];

/** What the policies of a pipeline can differ by, beside the trigger. */
const VARIANTS = {
  "a bucket of its own": {},
  "an existing bucket": { bucket: { existing: "their-drops" } },
  "a shared role": { roles: "shared" },
} as const satisfies Readonly<Record<string, Partial<PipelineInput>>>;
type Variant = keyof typeof VARIANTS;
const VARIANT_NAMES = Object.keys(VARIANTS) as Variant[];

const QUEUE = "arn:aws:sqs:us-east-1:111122223333:images_drops";
const DEAD_LETTERS = "arn:aws:sqs:us-east-1:111122223333:images_dead-letters";

const LAMBDA_ASSUMES = {
  Sid: "Assume",
  Effect: "Allow",
  Principal: { Service: "lambda.amazonaws.com" },
  Action: "sts:AssumeRole",
};
const START_BUILDS = {
  Sid: "StartBuilds",
  Effect: "Allow",
  Action: "codebuild:StartBuild",
  Resource: "arn:aws:codebuild:us-east-1:111122223333:project/images_*",
};
const WRITE_LOGS = {
  Sid: "WriteLogs",
  Effect: "Allow",
  Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
  Resource: "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/images_start-build:log-stream:*",
};
const RECEIVE_DROPS = {
  Sid: "ReceiveDrops",
  Effect: "Allow",
  Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
  Resource: QUEUE,
};

const ROLE = "aws_iam_role images/pipeline/trigger/start-build/role assume_role_policy";
const ROLE_POLICY = "aws_iam_role_policy images/pipeline/trigger/start-build/policy policy";
const QUEUE_POLICY = "aws_sqs_queue images/pipeline/trigger/queue policy";
const DEAD_LETTERS_POLICY = "aws_sqs_queue images/pipeline/trigger/dead-letters policy";

/** Feeds the function from the queue. */
const FUNCTION_AT_QUEUE = {
  [ROLE]: document(LAMBDA_ASSUMES),
  [ROLE_POLICY]: document(START_BUILDS, WRITE_LOGS, RECEIVE_DROPS),
};

/** Has the rules of every service start builds. */
const RULES_START_BUILDS = {
  [ROLE]: document({
    Sid: "Assume",
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sts:AssumeRole",
    Condition: {
      ArnLike: { "aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/images_*" },
      StringEquals: { "aws:SourceAccount": "111122223333" },
    },
  }),
  [ROLE_POLICY]: document(START_BUILDS),
  [DEAD_LETTERS_POLICY]: document(
    maySend("KeepFromRules", "events", DEAD_LETTERS, {
      ArnLike: { "aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/images_*" },
    }),
    tlsOnly("sqs:*", DEAD_LETTERS),
  ),
};

function throughTopic(topic: string) {
  const condition = { ArnEquals: { "aws:SourceArn": `arn:aws:sns:us-east-1:111122223333:${topic}` } };
  return {
    ...FUNCTION_AT_QUEUE,
    [QUEUE_POLICY]: document(maySend("ReportFromTopic", "sns", QUEUE, condition), tlsOnly("sqs:*", QUEUE)),
    [DEAD_LETTERS_POLICY]: document(
      maySend("KeepFromTopic", "sns", DEAD_LETTERS, condition),
      tlsOnly("sqs:*", DEAD_LETTERS),
    ),
  };
}

function throughRule() {
  const condition = { ArnEquals: { "aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/images_drops" } };
  return {
    ...FUNCTION_AT_QUEUE,
    [QUEUE_POLICY]: document(maySend("ReportFromRule", "events", QUEUE, condition), tlsOnly("sqs:*", QUEUE)),
    [DEAD_LETTERS_POLICY]: document(
      maySend("KeepFromRule", "events", DEAD_LETTERS, condition),
      tlsOnly("sqs:*", DEAD_LETTERS),
    ),
  };
}

/** The policies of a trigger's own parts, which know no more of the variant than the bucket's name. */
const POLICIES: Readonly<Record<Trigger, (bucket: string) => object>> = {
  queue: (bucket) => ({
    ...FUNCTION_AT_QUEUE,
    [QUEUE_POLICY]: document(maySend("ReportFromBucket", "s3", QUEUE, ofBucket(bucket)), tlsOnly("sqs:*", QUEUE)),
    [DEAD_LETTERS_POLICY]: document(tlsOnly("sqs:*", DEAD_LETTERS)),
  }),
  lambda: () => ({
    [ROLE]: document(LAMBDA_ASSUMES),
    [ROLE_POLICY]: document(START_BUILDS, WRITE_LOGS, {
      Sid: "KeepFailures",
      Effect: "Allow",
      Action: "sqs:SendMessage",
      Resource: DEAD_LETTERS,
    }),
    [DEAD_LETTERS_POLICY]: document(tlsOnly("sqs:*", DEAD_LETTERS)),
  }),
  topic: (bucket) => ({
    ...throughTopic("images_drops"),
    "aws_sns_topic images/pipeline/trigger/topic policy": document(
      {
        Sid: "ReportFromBucket",
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sns:Publish",
        Resource: "arn:aws:sns:us-east-1:111122223333:images_drops",
        Condition: ofBucket(bucket),
      },
      tlsOnly("sns:Publish", "arn:aws:sns:us-east-1:111122223333:images_drops"),
    ),
  }),
  "existing topic": () => throughTopic("image-events"),
  eventbridge: () => throughRule(),
  "eventbridge, direct": () => RULES_START_BUILDS,
  cloudtrail: () => RULES_START_BUILDS,
  "cloudtrail with a trail": () => ({
    ...RULES_START_BUILDS,
    // Exactly what https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html asks for.
    "aws_s3_bucket_policy images/pipeline/trigger/trail/logs/policy policy": document(
      {
        Sid: "AWSCloudTrailAclCheck20150319",
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:GetBucketAcl",
        Resource: "arn:aws:s3:::images-trail-111122223333-us-east-1",
        Condition: {
          StringEquals: { "aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/images_drops" },
        },
      },
      {
        Sid: "AWSCloudTrailWrite20150319",
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: "arn:aws:s3:::images-trail-111122223333-us-east-1/AWSLogs/111122223333/*",
        Condition: {
          StringEquals: {
            "s3:x-amz-acl": "bucket-owner-full-control",
            "aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/images_drops",
          },
        },
      },
      tlsOnly("s3:*", [
        "arn:aws:s3:::images-trail-111122223333-us-east-1",
        "arn:aws:s3:::images-trail-111122223333-us-east-1/*",
      ]),
    ),
  }),
};

const policiesOf = (trigger: Trigger, variant: Variant) =>
  synthesise({ ...VARIANTS[variant], trigger: TRIGGERS[trigger] }).policies();

/** permissions.test.ts holds them whole. */
const withQueue = new Map(VARIANT_NAMES.map((variant) => [variant, policiesOf("queue", variant)]));

describe.each(VARIANT_NAMES)("with %s", (variant) => {
  const bucket = variant === "an existing bucket" ? "their-drops" : "image-drops";

  test.each(TRIGGER_NAMES.filter((name) => !name.startsWith("cloudtrail")))(
    "the policies of the trigger %s, whole, and everything else as with queue",
    (name) => {
      expect(Object.fromEntries(policiesOf(name, variant))).toStrictEqual({
        ...withoutTrigger(withQueue.get(variant)!),
        ...POLICIES[name](bucket),
      });
    },
  );

  test.each(TRIGGER_NAMES.filter((name) => name.startsWith("cloudtrail")))(
    "the policies of the trigger %s, whole: builds also look for uploads and versions",
    (name) => {
      const role =
        variant === "a shared role"
          ? "aws_iam_role_policy images/pipeline/build/policy policy"
          : "aws_iam_role_policy images/pipeline/services/api/build/policy policy";
      const [readDrops, ...others] = withQueue.get(variant)!.get(role)!.Statement;
      const findVersions = {
        Sid: "FindVersions",
        Effect: "Allow",
        Action: "s3:ListBucketVersions",
        Resource: `arn:aws:s3:::${bucket}`,
        ...(variant !== "a shared role" && { Condition: { StringEquals: { "s3:prefix": "api.zip" } } }),
      };
      // S3 knows no s3:prefix for it: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
      const findUploads = {
        Sid: "FindUploads",
        Effect: "Allow",
        Action: "s3:ListBucketMultipartUploads",
        Resource: `arn:aws:s3:::${bucket}`,
      };
      expect(Object.fromEntries(policiesOf(name, variant))).toStrictEqual({
        ...withoutTrigger(withQueue.get(variant)!),
        ...POLICIES[name](bucket),
        [role]: document(readDrops!, findVersions, findUploads, ...others),
      });
    },
  );
});

test("the function may be invoked by S3 alone, for this bucket of this account", () => {
  const permission = (changes: Partial<PipelineInput>) =>
    synthesise({ ...changes, trigger: "lambda" }).resource("aws_lambda_permission");
  expect(permission({})).toStrictEqual({
    statement_id: "ReportFromBucket",
    function_name: "images_start-build",
    action: "lambda:InvokeFunction",
    principal: "s3.amazonaws.com",
    source_arn: "arn:aws:s3:::image-drops",
    source_account: "111122223333",
  });
  expect(permission({ bucket: { existing: "their-drops" } })).toMatchObject({
    source_arn: "arn:aws:s3:::their-drops",
    source_account: "111122223333",
  });
});

test.each(["own", "shared"] as const)(
  "roles: %s: a pattern of keys is a pattern of ARNs, exact in all else",
  (roles) => {
    const key = "{service}/$v?/{anything}/*-{anything}.zip";
    const { Statement } = synthesise({ roles, services: [{ name: "api", key }] })
      .policies()
      .get(`aws_iam_role_policy images/pipeline/${roles === "own" ? "services/api/build" : "build"}/policy policy`)!;
    expect(Statement[0]).toMatchObject({
      Sid: "ReadDrops",
      Resource: `arn:aws:s3:::image-drops/${roles === "own" ? "api/${$}v${?}/*/${*}-*.zip" : "*"}`,
    });
  },
);

test("a key's own wildcards and dollars are no wildcards where versions are looked for", () => {
  const services = [{ name: "api", key: "drops/*/a?b$c.zip" }];
  const { Statement } = synthesise({ trigger: "cloudtrail", services })
    .policies()
    .get("aws_iam_role_policy images/pipeline/services/api/build/policy policy")!;
  expect(Statement[1]).toMatchObject({
    Sid: "FindVersions",
    Condition: { StringEquals: { "s3:prefix": "drops/${*}/a${?}b${$}c.zip" } },
  });
});

function withoutTrigger(policies: ReadonlyMap<string, object>): object {
  return Object.fromEntries([...policies].filter(([name]) => !name.includes("/trigger/")));
}

function maySend(Sid: string, service: string, queue: string, Condition: object) {
  return {
    Sid,
    Effect: "Allow",
    Principal: { Service: `${service}.amazonaws.com` },
    Action: "sqs:SendMessage",
    Resource: queue,
    Condition,
  };
}

function ofBucket(bucket: string) {
  return {
    ArnEquals: { "aws:SourceArn": `arn:aws:s3:::${bucket}` },
    StringEquals: { "aws:SourceAccount": "111122223333" },
  };
}

function tlsOnly(Action: string, Resource: string | readonly string[]) {
  return {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action,
    Resource,
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

function document(...statements: readonly object[]) {
  return { Version: "2012-10-17", Statement: statements };
}
