import { synthesise } from "../support/synthesis";

const pipeline = synthesise({ trigger: "lambda" });

test("the function takes one event at a time", () => {
  expect(pipeline.resource("aws_lambda_function")).toMatchObject({
    function_name: "images_start-build",
    handler: "index.handler",
  });
});

describe("an event that the function fails at", () => {
  test("is tried twice more, lives for 6 hours while the function is throttled, and is kept", () => {
    expect(pipeline.resource("aws_lambda_function_event_invoke_config")).toStrictEqual({
      function_name: "images_start-build",
      maximum_retry_attempts: 2,
      maximum_event_age_in_seconds: 6 * 60 * 60,
      destination_config: {
        on_failure: { destination: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters" },
      },
    });
  });

  test("has its place once the role may send there, which Lambda checks", () => {
    expect(pipeline.dependencies("aws_lambda_function_event_invoke_config")).toStrictEqual([
      "aws_iam_role_policy images/pipeline/trigger/start-build/policy",
    ]);
  });
});

test("dead letters are kept for 14 days, and come from no queue", () => {
  const { policy, redrive_allow_policy, ...deadLetters } = pipeline.resource("aws_sqs_queue");
  expect(deadLetters).toStrictEqual({
    name: "images_dead-letters",
    message_retention_seconds: 14 * 24 * 60 * 60,
    sqs_managed_sse_enabled: true,
  });
  expect(JSON.parse(redrive_allow_policy as string)).toStrictEqual({ redrivePermission: "denyAll" });
  expect(policy).toContain("TlsOnly");
});

test("the outputs name what there is", () => {
  expect(pipeline.output).toMatchObject({
    dead_letter_queue_url: { value: "https://sqs.us-east-1.amazonaws.com/111122223333/images_dead-letters" },
    function_name: { value: "images_start-build" },
  });
  expect(pipeline.output).not.toHaveProperty("queue_url");
});
