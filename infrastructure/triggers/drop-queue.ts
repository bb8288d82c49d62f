import { LambdaEventSourceMapping } from "@cdktf/provider-aws/lib/lambda-event-source-mapping";
import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import type { Construct } from "constructs";
import { QUEUE_RETENTION_DAYS } from "../../config/limits";
import { names } from "../../config/names";
import { mayUseKeys } from "../../config/policies/keys";
import { policyDocument, type Statement } from "../../config/policies/statement";
import { denyWithoutTls } from "../policies";
import { FUNCTION_TIMEOUT_SECONDS, StartBuildFunction } from "../start-build-function";
import { deadLetterQueue } from "./dead-letters";
import { renderQueue } from "./sqs";
import type { TriggerOutputs, TriggerProps } from "./trigger";

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

/** Who may send to a queue, given its ARN. */
type Senders = (queueArn: string) => readonly Statement[];

export interface DropQueueProps extends TriggerProps {
  /** Who reports finished uploads. */
  readonly senders: Senders;
  /** Who keeps what could not be sent to the queue. @default - nobody beside the queue itself */
  readonly deadLetterSenders?: Senders;
}

export interface DropQueue {
  readonly queue: SqsQueue;
  readonly deadLetters: SqsQueue;
  readonly outputs: TriggerOutputs;
}

/**
 * The queue that finished uploads wait in until the function has started their builds. Its parts lie in the trigger's own scope, under the same
 * ids whatever leads to the queue: another kind of trigger keeps them, and the messages in them.
 */
export function dropQueue(scope: Construct, props: DropQueueProps): DropQueue {
  const { config, surroundings, senders, deadLetterSenders } = props;
  const name = names(config.name);
  const queueArn = surroundings.arn("sqs", name.queue);
  const deadLetters = deadLetterQueue(scope, {
    config,
    surroundings,
    source: queueArn,
    senders: deadLetterSenders?.(surroundings.arn("sqs", name.deadLetterQueue)),
  });
  const queue = new SqsQueue(scope, "queue", {
    ...renderQueue(name.queue, QUEUE_RETENTION_DAYS, config.encryption.kmsKey),
    visibilityTimeoutSeconds: VISIBILITY_TIMEOUT_SECONDS,
    redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: MAX_RECEIVE_COUNT }),
    // An attribute of the queue, not a resource of its own: a queue is never there without its policy, so S3 finds its
    // permission when the notification is made. That takes ARNs made of names, since a queue cannot refer to itself.
    policy: policyDocument(...senders(queueArn), denyWithoutTls("sqs", queueArn)),
  });
  const startBuild = new StartBuildFunction(scope, "start-build", {
    config,
    surroundings,
    permissions: [
      {
        Sid: "ReceiveDrops",
        Effect: "Allow",
        Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        Resource: queueArn,
      },
      ...mayUseKeys("DecryptDrops", "kms:Decrypt", [config.encryption.kmsKey]),
    ],
  });
  new LambdaEventSourceMapping(scope, "event-source", {
    eventSourceArn: queue.arn,
    functionName: startBuild.function.arn,
    batchSize: BATCH_SIZE,
    functionResponseTypes: ["ReportBatchItemFailures"],
    scalingConfig: { maximumConcurrency: MAXIMUM_CONCURRENCY },
    // Lambda checks that the role may receive when the mapping is made.
    dependsOn: [...startBuild.permissions],
  });
  return {
    queue,
    deadLetters,
    outputs: {
      queue_url: { value: queue.url },
      dead_letter_queue_url: { value: deadLetters.url },
      function_name: { value: startBuild.function.functionName },
    },
  };
}
