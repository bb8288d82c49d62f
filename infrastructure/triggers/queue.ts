import { Construct } from "constructs";
import type { BucketNotification } from "../notifications";
import { ofBucket } from "../policies";
import { dropQueue } from "./drop-queue";
import { maySend } from "./sqs";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

/** S3 -> SQS -> Lambda -> CodeBuild. */
export class QueueTrigger extends Construct implements Trigger {
  readonly notification: BucketNotification;
  readonly outputs: TriggerOutputs;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    const { config, surroundings } = props;
    const { queue, outputs } = dropQueue(this, {
      ...props,
      senders: (queueArn) => [
        maySend({
          Sid: "ReportFromBucket",
          principal: surroundings.principal("s3"),
          queueArn,
          condition: ofBucket(config.bucket, surroundings),
        }),
      ],
    });
    this.notification = { kind: "queue", arn: queue.arn };
    this.outputs = outputs;
  }

  addService(): void {
    // One queue and one function carry the drops of all services.
  }
}
