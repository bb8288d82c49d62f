import { synthesise } from "../support/synthesis";

const pipeline = synthesise({ logs: { retentionDays: 90 } });
const FUNCTION = "trigger/start-build/function";
const DAY = 24 * 60 * 60;

describe("the queue", () => {
  const { policy, redrive_policy, ...queue } = pipeline.resource("aws_sqs_queue", "trigger/queue");

  test("keeps a message for 4 days, hides it for six times the function's timeout, and is encrypted by SQS itself", () => {
    expect(queue).toStrictEqual({
      name: "images_drops",
      message_retention_seconds: 4 * DAY,
      visibility_timeout_seconds: 180,
      sqs_managed_sse_enabled: true,
    });
    expect(pipeline.resource("aws_lambda_function").timeout).toBe(30);
  });

  test("is made with its policy, so that S3 finds its permission when the notification is made", () => {
    expect(policy).toContain("sqs:SendMessage");
    expect(pipeline.counts()).not.toHaveProperty("aws_sqs_queue_policy");
  });

  test("gives a message up after 8 hours of tries, long before it would expire", () => {
    expect(JSON.parse(redrive_policy as string)).toStrictEqual({
      deadLetterTargetArn: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters",
      maxReceiveCount: (8 * 60 * 60) / (queue.visibility_timeout_seconds as number),
    });
  });
});

test("dead letters are kept for 14 days, taken from the queue alone", () => {
  const { redrive_allow_policy, ...deadLetters } = pipeline.resource("aws_sqs_queue", "trigger/dead-letters");
  expect(deadLetters).toStrictEqual({
    name: "images_dead-letters",
    message_retention_seconds: 14 * DAY,
    sqs_managed_sse_enabled: true,
    policy: expect.stringContaining("TlsOnly") as string,
  });
  expect(JSON.parse(redrive_allow_policy as string)).toStrictEqual({
    redrivePermission: "byQueue",
    sourceQueueArns: ["arn:aws:sqs:us-east-1:111122223333:images_drops"],
  });
});

describe("the event source mapping", () => {
  test("hands over ten messages at most, and takes back those that failed", () => {
    expect(pipeline.resource("aws_lambda_event_source_mapping")).toStrictEqual({
      event_source_arn: "arn:aws:sqs:us-east-1:111122223333:images_drops",
      function_name: "arn:aws:lambda:us-east-1:111122223333:function:images_start-build",
      batch_size: 10,
      function_response_types: ["ReportBatchItemFailures"],
      scaling_config: { maximum_concurrency: 2 },
    });
  });

  test("is made after the permissions that Lambda then checks", () => {
    expect(pipeline.dependencies("aws_lambda_event_source_mapping")).toStrictEqual([
      "aws_iam_role_policy images/pipeline/trigger/start-build/policy",
    ]);
  });
});

describe("the function", () => {
  const { filename, source_code_hash, ...settings } = pipeline.resource("aws_lambda_function");

  test("runs what is packed, on the newest runtime that version 5 of the provider takes", () => {
    expect(settings).toStrictEqual({
      function_name: "images_start-build",
      description: "Starts a build for each image dropped into image-drops",
      role: "arn:aws:iam::111122223333:role/images_start-build",
      runtime: "nodejs22.x",
      architectures: ["x86_64"],
      handler: "index.handler",
      timeout: 30,
      memory_size: 512,
    });
    const { output_path, source_dir } = pipeline.data("archive_file", "start-build/code/archive");
    expect(filename).toBe(output_path);
    expect(source_code_hash).toBe(`base64-sha256-of-${String(source_dir)}`);
  });

  test("is made after its log group, so that Lambda makes none without retention", () => {
    expect(pipeline.dependencies("aws_lambda_function", FUNCTION)).toStrictEqual([
      "aws_cloudwatch_log_group images/pipeline/trigger/start-build/logs",
    ]);
    expect(pipeline.resource("aws_cloudwatch_log_group", "start-build/logs")).toStrictEqual({
      name: "/aws/lambda/images_start-build",
      retention_in_days: 90,
    });
  });
});
