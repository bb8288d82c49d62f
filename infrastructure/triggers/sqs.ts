const SECONDS_PER_DAY = 24 * 60 * 60;

/** What all queues have in common. */
import type { Statement } from "../../config/policies/statement";
export function renderQueue(name: string, retentionDays: number, kmsKey: string | undefined) {
  return {
    name,
    messageRetentionSeconds: retentionDays * SECONDS_PER_DAY,
    // The customer's key or SQS's own ones: with KMS's alias/aws/sqs, S3, SNS and EventBridge could not send.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    ...(kmsKey === undefined ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: kmsKey }),
  };
}

export interface SenderProps {
  readonly Sid: string;
  /** The service, as IAM knows it. */
  readonly principal: string;
  readonly queueArn: string;
  /** On whose behalf the service may send. */
  readonly condition: Statement["Condition"];
}

/** Lets a service send to a queue. */
export function maySend({ Sid, principal, queueArn, condition }: SenderProps): Statement {
  return {
    Sid,
    Effect: "Allow",
    Principal: { Service: principal },
    Action: "sqs:SendMessage",
    Resource: queueArn,
    Condition: condition,
  };
}
