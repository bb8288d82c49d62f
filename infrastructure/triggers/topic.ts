import { SnsTopic } from "@cdktf/provider-aws/lib/sns-topic";
import { SnsTopicSubscription } from "@cdktf/provider-aws/lib/sns-topic-subscription";
import { Construct } from "constructs";
import { names } from "../../config/names";
import { policyDocument, type Statement } from "../../config/policies/statement";
import type { TriggerConfig } from "../../config/trigger";
import { accept } from "../accept";
import type { BucketNotification } from "../notifications";
import { denyWithoutTls, ofBucket } from "../policies";
import { dropQueue } from "./drop-queue";
import { maySend } from "./sqs";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

const NO_KEYS_OF_SNS =
  "SNS has no keys of its own, and S3 cannot publish by AWS's (alias/aws/sns): encryption.kmsKey names a key of your own; events name keys, and hold nothing of the image";

export interface TopicTriggerProps extends TriggerProps {
  readonly topic: Extract<TriggerConfig, { readonly kind: "topic" }>;
}

/** S3 -> SNS -> SQS -> Lambda -> CodeBuild. */
export class TopicTrigger extends Construct implements Trigger {
  readonly notification: BucketNotification;
  readonly outputs: TriggerOutputs;

  constructor(scope: Construct, id: string, props: TopicTriggerProps) {
    super(scope, id);
    const { config, surroundings, topic } = props;
    const name = topic.existing ?? names(config.name).topic;
    const topicArn = surroundings.arn("sns", name);
    const principal = surroundings.principal("sns");
    const condition = { ArnEquals: { "aws:SourceArn": topicArn } };
    const { queue, deadLetters, outputs } = dropQueue(this, {
      ...props,
      senders: (queueArn) => [maySend({ Sid: "ReportFromTopic", principal, queueArn, condition })],
      deadLetterSenders: (queueArn) => [maySend({ Sid: "KeepFromTopic", principal, queueArn, condition })],
    });
    const own = topic.existing === undefined ? this.#createTopic(name, topicArn, props) : undefined;
    const subscription = new SnsTopicSubscription(this, "subscription", {
      topicArn: own?.arn ?? topicArn,
      protocol: "sqs",
      endpoint: queue.arn,
      rawMessageDelivery: topic.rawDelivery,
      // No filter: it would have to know in which shape the topic's events come. The function ignores other people's drops.
      redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn }),
    });
    // A topic forgets what it has no subscription for.
    this.notification = { kind: "topic", arn: own?.arn ?? topicArn, dependsOn: [subscription] };
    this.outputs = {
      topic_arn: { value: topicArn },
      ...outputs,
      ...(own === undefined &&
        !config.bucket.existing && {
          topic_owner_must_add: {
            value: mayPublish(topicArn, props),
            description: "What the topic's policy has to say before the bucket can report to it",
          },
        }),
    };
  }

  addService(): void {
    // One topic, one queue and one function carry the drops of all services.
  }

  #createTopic(name: string, topicArn: string, props: TriggerProps): SnsTopic {
    const { kmsKey } = props.config.encryption;
    const topic = new SnsTopic(this, "topic", {
      name,
      kmsMasterKeyId: kmsKey,
      // An attribute, as with the queue: the topic is never there without its policy. No key of AWS's: with alias/aws/sns, S3 could not publish.
      // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
      policy: policyDocument(mayPublish(topicArn, props), denyWithoutTls("sns", topicArn)),
    });
    if (kmsKey === undefined) {
      accept(topic, "CKV_AWS_26", NO_KEYS_OF_SNS);
      accept(topic, "aws-sns-enable-topic-encryption", NO_KEYS_OF_SNS);
    }
    return topic;
  }
}

function mayPublish(topicArn: string, { config, surroundings }: TriggerProps): Statement {
  return {
    Sid: "ReportFromBucket",
    Effect: "Allow",
    Principal: { Service: surroundings.principal("s3") },
    Action: "sns:Publish",
    Resource: topicArn,
    Condition: ofBucket(config.bucket, surroundings),
  };
}
