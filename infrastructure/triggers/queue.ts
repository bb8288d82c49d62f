import { LambdaEventSourceMapping } from "@cdktf/provider-aws/lib/lambda-event-source-mapping";
import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import { Construct } from "constructs";
import { DEAD_LETTER_RETENTION_DAYS, QUEUE_RETENTION_DAYS } from "../../config/limits";
import { names } from "../../config/names";
import type { BucketNotification } from "../drop-bucket";
import { denyWithoutTls, policyDocument } from "../policies";
import { FUNCTION_TIMEOUT_SECONDS, StartBuildFunction } from "../start-build-function";
import type { Trigger, TriggerProps } from "./trigger";

const SECONDS_PER_DAY = 24 * 60 * 60;

/** Messages handed to the function at once. SQS hands over no more without waiting for them. */
const BATCH_SIZE = 10;

/**
 * Seconds until a message that was not handled comes back: six times the function's timeout, as AWS advises.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const VISIBILITY_TIMEOUT_SECONDS = 6 * FUNCTION_TIMEOUT_SECONDS;

/**
 * How often a message comes back before it is given up: for 8 hours, every 3 minutes. StartBuild is refused while the account runs
 * and queues as many builds as it may, and a build may wait in that queue for 8 hours at most: what is refused for
 * longer is refused for another reason. A message that nothing helps costs 160 calls of a few milliseconds.
 * https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html (queuedTimeoutInMinutes)
 */
const MAX_RECEIVE_COUNT = (8 * 60 * 60) / VISIBILITY_TIMEOUT_SECONDS;

/**
 * Invocations at a time: the least that SQS takes, and 20 builds started at once. More would only make CodeBuild throttle, and take
 * from an account that may run no more than 10 functions at a time.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 */
const MAXIMUM_CONCURRENCY = 2;

/** S3 -> SQS -> Lambda -> CodeBuild. */
export class QueueTrigger extends Construct implements Trigger {
  readonly notification: BucketNotification;
  readonly outputs: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    const { config, surroundings } = props;
    const deadLetters = new SqsQueue(this, "dead-letters", renderDeadLetterQueue(props));
    const queue = new SqsQueue(this, "queue", renderQueue(props, deadLetters.arn));
    const startBuild = new StartBuildFunction(this, "start-build", {
      config,
      surroundings,
      permissions: [
        {
          Sid: "ReceiveDrops",
          Effect: "Allow",
          Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
          Resource: queue.arn,
        },
      ],
    });
    new LambdaEventSourceMapping(this, "event-source", {
      eventSourceArn: queue.arn,
      functionName: startBuild.function.arn,
      batchSize: BATCH_SIZE,
      functionResponseTypes: ["ReportBatchItemFailures"],
      scalingConfig: { maximumConcurrency: MAXIMUM_CONCURRENCY },
      // Lambda checks that the role may receive when the mapping is made.
      dependsOn: [startBuild.permissions],
    });
    this.notification = { queueArn: queue.arn, events: ["s3:ObjectCreated:*"], filterSuffix: ".zip" };
    this.outputs = {
      queue_url: queue.url,
      dead_letter_queue_url: deadLetters.url,
      function_name: startBuild.function.functionName,
    };
  }

  addService(): void {
    // One queue and one function carry the drops of all services.
  }
}

/**
 * The policies are attributes of the queues, not resources of their own: a queue is never there without them, so S3 finds its
 * permission when the notification is made. That takes ARNs made of names, since a queue cannot refer to itself.
 */
function renderQueue({ config, surroundings }: TriggerProps, deadLetterArn: string) {
  const { queue } = names(config.name);
  const arn = surroundings.arn("sqs", queue);
  return {
    ...renderCommon(queue, QUEUE_RETENTION_DAYS),
    visibilityTimeoutSeconds: VISIBILITY_TIMEOUT_SECONDS,
    redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetterArn, maxReceiveCount: MAX_RECEIVE_COUNT }),
    policy: policyDocument(
      {
        Sid: "ReportFromBucket",
        Effect: "Allow",
        Principal: { Service: surroundings.principal("s3") },
        Action: "sqs:SendMessage",
        Resource: arn,
        // A bucket's ARN names no account, and a deleted bucket's name is free for everyone to take.
        Condition: {
          ArnEquals: { "aws:SourceArn": surroundings.bucketArn(config.bucket.name) },
          StringEquals: { "aws:SourceAccount": surroundings.account },
        },
      },
      denyWithoutTls("sqs", arn),
    ),
  };
}

function renderDeadLetterQueue({ config, surroundings }: TriggerProps) {
  const { queue, deadLetterQueue } = names(config.name);
  return {
    ...renderCommon(deadLetterQueue, DEAD_LETTER_RETENTION_DAYS),
    redriveAllowPolicy: JSON.stringify({
      redrivePermission: "byQueue",
      sourceQueueArns: [surroundings.arn("sqs", queue)],
    }),
    policy: policyDocument(denyWithoutTls("sqs", surroundings.arn("sqs", deadLetterQueue))),
  };
}

function renderCommon(name: string, retentionDays: number) {
  return {
    name,
    messageRetentionSeconds: retentionDays * SECONDS_PER_DAY,
    // SQS's own keys: with KMS's alias/aws/sqs, S3 could not send.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    sqsManagedSseEnabled: true,
  };
}
