import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import type { Construct } from "constructs";
import { DEAD_LETTER_RETENTION_DAYS } from "../../config/limits";
import { names } from "../../config/names";
import { policyDocument, type Statement } from "../../config/policies/statement";
import { denyWithoutTls } from "../policies";
import { renderQueue } from "./sqs";
import type { TriggerProps } from "./trigger";

export interface DeadLettersProps extends TriggerProps {
  /** ARN of the queue whose messages end here. @default - no queue may name this one as its dead letter queue */
  readonly source?: string;
  /** Who else may send. @default - whom roles of the account allow */
  readonly senders?: readonly Statement[];
}

/**
 * The queue for events that led to no build, kept as long as SQS keeps anything. Its id is the same with every trigger, so that what lies in
 * it survives a change of the trigger's kind.
 */
export function deadLetterQueue(scope: Construct, props: DeadLettersProps): SqsQueue {
  const { config, surroundings, source, senders = [] } = props;
  const { deadLetterQueue: name } = names(config.name);
  return new SqsQueue(scope, "dead-letters", {
    ...renderQueue(name, DEAD_LETTER_RETENTION_DAYS, config.encryption.kmsKey),
    redriveAllowPolicy: JSON.stringify(
      source === undefined
        ? { redrivePermission: "denyAll" }
        : { redrivePermission: "byQueue", sourceQueueArns: [source] },
    ),
    policy: policyDocument(...senders, denyWithoutTls("sqs", surroundings.arn("sqs", name))),
  });
}
