import { CloudwatchEventRule } from "@cdktf/provider-aws/lib/cloudwatch-event-rule";
import { CloudwatchEventTarget } from "@cdktf/provider-aws/lib/cloudwatch-event-target";
import { Construct } from "constructs";
import { endingsOf } from "../../config/key-endings";
import { names } from "../../config/names";
import type { PipelineConfig } from "../../config/schema";
import type { BucketNotification } from "../notifications";
import { dropQueue } from "./drop-queue";
import { addForwarding, busOf, RETRY_POLICY, ruleArn } from "./rules";
import { maySend } from "./sqs";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

/** S3 -> EventBridge -> SQS -> Lambda -> CodeBuild. */
export class EventBridgeTrigger extends Construct implements Trigger {
  readonly notification: BucketNotification;
  readonly outputs: TriggerOutputs;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    const { config, surroundings } = props;
    const name = names(config.name).rule;
    const principal = surroundings.principal("events");
    const condition = { ArnEquals: { "aws:SourceArn": ruleArn(config.trigger, name, surroundings) } };
    const { queue, deadLetters, outputs } = dropQueue(this, {
      ...props,
      senders: (queueArn) => [maySend({ Sid: "ReportFromRule", principal, queueArn, condition })],
      deadLetterSenders: (queueArn) => [maySend({ Sid: "KeepFromRule", principal, queueArn, condition })],
    });
    const rule = new CloudwatchEventRule(this, "rule", {
      name,
      eventBusName: busOf(config.trigger),
      description: `Leads the drops of ${config.bucket.name} to the queue of pipeline ${config.name}`,
      eventPattern: renderPattern(config),
    });
    const target = new CloudwatchEventTarget(this, "target", {
      rule: rule.name,
      eventBusName: busOf(config.trigger),
      targetId: "queue",
      arn: queue.arn,
      retryPolicy: RETRY_POLICY,
      deadLetterConfig: { arn: deadLetters.arn },
    });
    // A rule without a target forgets what it matches.
    this.notification = { kind: "eventbridge", dependsOn: [target] };
    this.outputs = outputs;
    addForwarding(config, surroundings);
  }

  addService(): void {
    // One rule, one queue and one function carry the drops of all services.
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
function renderPattern({ bucket, services }: PipelineConfig): string {
  const suffixes = endingsOf(services.map(({ key }) => key)).map((suffix) => ({ suffix }));
  return JSON.stringify({
    source: ["aws.s3"],
    "detail-type": ["Object Created"],
    detail: { bucket: { name: [bucket.name] }, object: { key: suffixes } },
  });
}
