import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";

import type { Invocation } from "./invoke";

/** The event that Lambda makes of a batch: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event */
export function sqsEvent(messages: readonly Message[], queueArn: string): { Records: unknown[] } {
  const awsRegion = queueArn.split(":")[3] ?? "";
  return {
    Records: messages.map((message) => ({
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      attributes: message.Attributes ?? {},
      messageAttributes: Object.fromEntries(
        Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, messageAttribute(value)]),
      ),
      md5OfBody: message.MD5OfBody,
      ...(message.MD5OfMessageAttributes === undefined
        ? {}
        : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
      eventSource: "aws:sqs",
      eventSourceARN: queueArn,
      awsRegion,
    })),
  };
}

function messageAttribute({ StringValue, BinaryValue, DataType }: MessageAttributeValue): object {
  return {
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString("base64") }),
    stringListValues: [],
    binaryListValues: [],
    dataType: DataType,
  };
}

/**
 * The ids of the messages that stay in the queue after an invocation.
 *
 * Without `ReportBatchItemFailures` the answer is not looked at: all or nothing. With it, an answer that is not understood,
 * or that names a message outside of the batch, fails the whole batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function failedMessageIds(
  ids: readonly string[],
  { payload, error }: Pick<Invocation, "payload" | "error">,
  reportsItemFailures: boolean,
): readonly string[] {
  if (error !== undefined) return ids;
  if (!reportsItemFailures || payload === null) return [];
  if (typeof payload !== "object") return ids;
  const failures = (payload as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === undefined || failures === null) return [];
  if (!Array.isArray(failures)) return ids;
  const named = new Set(failures.map((failure: unknown) => itemIdentifier(failure)));
  const allKnown = [...named].every((id) => id !== undefined && ids.includes(id));
  return allKnown ? ids.filter((id) => named.has(id)) : ids;
}

function itemIdentifier(failure: unknown): string | undefined {
  if (typeof failure !== "object" || failure === null) return undefined;
  const { itemIdentifier: id } = failure as { itemIdentifier?: unknown };
  return typeof id === "string" ? id : undefined;
}
