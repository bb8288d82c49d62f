import { synthesise } from "../support/synthesis";

const THEIRS = { topic: { existing: "image-events" } };
const own = synthesise({ trigger: "topic" });
const theirs = synthesise({ trigger: THEIRS });

test("a topic of the pipeline's own is made with its policy, so that S3 finds its permission, and without a key of KMS", () => {
  expect(own.resource("aws_sns_topic")).toStrictEqual({
    name: "images_drops",
    policy: expect.stringContaining("sns:Publish") as string,
  });
  expect(own.counts()).not.toHaveProperty("aws_sns_topic_policy");
});

describe("the subscription", () => {
  const DROPS = {
    topic_arn: "arn:aws:sns:us-east-1:111122223333:images_drops",
    protocol: "sqs",
    endpoint: "arn:aws:sqs:us-east-1:111122223333:images_drops",
    raw_message_delivery: true,
  };

  test("brings what S3 wrote to the queue, or to the dead letters", () => {
    const { redrive_policy, ...subscription } = own.resource("aws_sns_topic_subscription");
    expect(subscription).toStrictEqual(DROPS);
    expect(JSON.parse(redrive_policy as string)).toStrictEqual({
      deadLetterTargetArn: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters",
    });
  });

  test("brings SNS's envelope where that is wanted", () => {
    const wrapped = synthesise({ trigger: { topic: { rawDelivery: false } } });
    expect(wrapped.resource("aws_sns_topic_subscription").raw_message_delivery).toBe(false);
  });

  test("of an existing topic filters nothing, whatever shape its events have", () => {
    const { redrive_policy, ...subscription } = theirs.resource("aws_sns_topic_subscription");
    expect(subscription).toStrictEqual({ ...DROPS, topic_arn: "arn:aws:sns:us-east-1:111122223333:image-events" });
    expect(redrive_policy).toContain("images_dead-letters");
  });
});

describe("an existing topic", () => {
  test("has an owner who is told what lets our bucket publish, before S3 refuses the notification", () => {
    expect(theirs.output.topic_owner_must_add).toStrictEqual({
      description: "What the topic's policy has to say before the bucket can report to it",
      value: {
        Sid: "ReportFromBucket",
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sns:Publish",
        Resource: "arn:aws:sns:us-east-1:111122223333:image-events",
        Condition: {
          ArnEquals: { "aws:SourceArn": "arn:aws:s3:::image-drops" },
          StringEquals: { "aws:SourceAccount": "111122223333" },
        },
      },
    });
  });

  test("of someone else's bucket is between those two", () => {
    const { output } = synthesise({ trigger: THEIRS, bucket: { existing: "their-drops" } });
    expect(output).not.toHaveProperty("topic_owner_must_add");
    expect(output).toHaveProperty("bucket_owner_must_add");
  });

  test("is not asked for anything where the topic is the pipeline's own", () => {
    expect(own.output).not.toHaveProperty("topic_owner_must_add");
  });
});

test.each([
  ["images_drops", own],
  ["image-events", theirs],
])("the outputs name the topic %s beside the queue's", (topic, { output }) => {
  expect(output).toMatchObject({
    topic_arn: { value: `arn:aws:sns:us-east-1:111122223333:${topic}` },
    queue_url: { value: "https://sqs.us-east-1.amazonaws.com/111122223333/images_drops" },
    dead_letter_queue_url: { value: "https://sqs.us-east-1.amazonaws.com/111122223333/images_dead-letters" },
    function_name: { value: "images_start-build" },
  });
});
