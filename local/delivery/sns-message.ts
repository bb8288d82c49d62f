import { randomBytes, randomUUID } from "node:crypto";

import { parseArn } from "./arn";

/** A message on its way from a topic to its subscriptions. */
export interface TopicMessage {
  readonly topicArn: string;
  readonly messageId: string;
  readonly message: string;
  readonly subject?: string;
  readonly time: Date;
  /** What those who watch are told that it is. @default - its id */
  readonly about?: string;
}

/** Of an RSA key of 2,048 bits. */
const SIGNATURE_BYTES = 256;
const CERTIFICATE = `SimpleNotificationService-${randomUUID().replaceAll("-", "")}.pem`;

/** What a subscriber gets without raw delivery. The signature is of the right size only: AWS's certificate is not ours. */
function fields(message: TopicMessage, subscriptionArn: string) {
  const { topicArn, messageId, subject, time } = message;
  const { region } = parseArn(topicArn);
  // https://docs.aws.amazon.com/general/latest/gr/sns.html
  const host = `https://sns.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`;
  return {
    type: "Notification",
    messageId,
    topicArn,
    subject,
    message: message.message,
    timestamp: time.toISOString(),
    signatureVersion: "1",
    signature: randomBytes(SIGNATURE_BYTES).toString("base64"),
    certificateUrl: `${host}/${CERTIFICATE}`,
    unsubscribeUrl: `${host}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn}`,
  };
}

/**
 * The message in a queue: its JSON is spaced as SNS does it.
 * https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
 */
export function envelope(message: TopicMessage, subscriptionArn: string): string {
  const { subject, ...sent } = fields(message, subscriptionArn);
  const lines = Object.entries({
    Type: sent.type,
    MessageId: sent.messageId,
    TopicArn: sent.topicArn,
    ...(subject === undefined ? {} : { Subject: subject }),
    Message: sent.message,
    Timestamp: sent.timestamp,
    SignatureVersion: sent.signatureVersion,
    Signature: sent.signature,
    SigningCertURL: sent.certificateUrl,
    UnsubscribeURL: sent.unsubscribeUrl,
  }).map(([name, value]) => `  ${JSON.stringify(name)} : ${JSON.stringify(value)}`);
  return `{\n${lines.join(",\n")}\n}`;
}

/** The event of a function. https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export function lambdaEvent(message: TopicMessage, subscriptionArn: string): { readonly Records: readonly object[] } {
  const sent = fields(message, subscriptionArn);
  return {
    Records: [
      {
        EventSource: "aws:sns",
        EventVersion: "1.0",
        EventSubscriptionArn: subscriptionArn,
        Sns: {
          Type: sent.type,
          MessageId: sent.messageId,
          TopicArn: sent.topicArn,
          Subject: sent.subject ?? null,
          Message: sent.message,
          Timestamp: sent.timestamp,
          SignatureVersion: sent.signatureVersion,
          Signature: sent.signature,
          SigningCertUrl: sent.certificateUrl,
          UnsubscribeUrl: sent.unsubscribeUrl,
          MessageAttributes: {},
        },
      },
    ],
  };
}
