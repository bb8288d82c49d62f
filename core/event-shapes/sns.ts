import { excerpt, TopicConfirmationError, UnreadableEventError } from "../errors";
import { type Envelope, expectJson, expectObject, expectString, isJsonObject, type JsonObject } from "./shape";

/**
 * What a topic sends to a queue, unless delivery is raw: then the notification arrives as S3 wrote it.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 * https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
 */
export const snsMessage: Envelope = {
  name: "a message of a topic",
  matches: (event) => "Type" in event && "TopicArn" in event,
  open: (event) => [openMessage(event, "")],
};

/**
 * What a topic sends to a function.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
 */
export const snsRecords: Envelope = {
  name: "an SNS event",
  matches: ({ Records: records }) => Array.isArray(records) && records.some(isSnsRecord),
  open: (event) =>
    (event.Records as readonly unknown[]).map((entry, index) => {
      const path = `Records[${index}]`;
      return openMessage(expectObject(expectObject(entry, path).Sns, `${path}.Sns`), `${path}.Sns.`);
    }),
};

function isSnsRecord(record: unknown): boolean {
  return isJsonObject(record) && "Sns" in record;
}

function openMessage(message: JsonObject, path: string): unknown {
  const type = message.Type;
  if (type === "Notification") return expectJson(message.Message, `${path}Message`);
  if (type === "SubscriptionConfirmation" || type === "UnsubscribeConfirmation") {
    throw new TopicConfirmationError(expectString(message.TopicArn, `${path}TopicArn`), type);
  }
  throw new UnreadableEventError(`${path}Type = ${excerpt(type)}`, '"Notification"');
}
