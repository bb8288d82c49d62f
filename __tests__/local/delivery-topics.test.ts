import { AsyncInvoker, type DeliveryEvent } from "../../local/delivery";
import { Queues } from "../../local/delivery/queues";
import { Topics } from "../../local/delivery/topics";
import { until } from "../support/until";
import { denial, FakeIam } from "../support/fake-iam";
import { ACCOUNT, arnOf, DeliveryApis, FUNCTION_ARN } from "./delivery-apis";

const TOPIC_ARN = arnOf("sns", "drops");
const SUBSCRIPTION_ARN = `${TOPIC_ARN}:c9135db0-26c4-47ec-8998-413945fb5a96`;
const MESSAGE = {
  topicArn: TOPIC_ARN,
  messageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  subject: "Amazon S3 Notification",
  message: '{"Records":[{"key":"ü"}]}',
  time: new Date("2026-01-31T12:00:00.123Z"),
};
const SNS = { service: "sns.amazonaws.com", sourceArn: TOPIC_ARN, sourceAccount: ACCOUNT };

let apis: DeliveryApis;
const iam = new FakeIam();
const events: DeliveryEvent[] = [];
const invoked: { functionArn: string; event: unknown }[] = [];

beforeAll(async () => {
  apis = await new DeliveryApis().start();
});

afterEach(() => {
  apis.reset();
  iam.reset();
  for (const list of [events, invoked]) list.length = 0;
});

afterAll(() => apis.close());

async function fanOut(message: Partial<typeof MESSAGE> = {}, region = "us-east-1"): Promise<void> {
  const onEvent = (event: DeliveryEvent) => events.push(event);
  const invoke = (functionArn: string, event: unknown, requestId: string) => {
    invoked.push({ functionArn, event });
    return Promise.resolve({ requestId, payload: null });
  };
  const options = { endpoint: apis.endpoint, region, iam, onEvent };
  const queues = new Queues(options);
  const asyncInvoker = new AsyncInvoker({ ...options, invoke });
  const topics = new Topics({ ...options, queues, asyncInvoker });
  await topics.fanOut({ ...MESSAGE, ...message });
  await asyncInvoker.close();
  topics.close();
  queues.close();
}

function subscribe(endpoint: string, attributes: Record<string, string> = {}, protocol = "sqs"): void {
  apis.topics.set(TOPIC_ARN, { subscriptions: [{ arn: SUBSCRIPTION_ARN, protocol, endpoint, attributes }] });
}

const common = { source: TOPIC_ARN, subject: `message ${MESSAGE.messageId}` };

test("a message is wrapped as SNS does it, space by space", async () => {
  subscribe(apis.makeQueue("drops"));
  await fanOut();

  const [body = ""] = apis.messagesIn("drops");
  const { Signature, SigningCertURL } = JSON.parse(body) as Record<"Signature" | "SigningCertURL", string>;
  expect(body).toBe(`{
  "Type" : "Notification",
  "MessageId" : "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  "TopicArn" : "arn:aws:sns:us-east-1:123456789012:drops",
  "Subject" : "Amazon S3 Notification",
  "Message" : "{\\"Records\\":[{\\"key\\":\\"ü\\"}]}",
  "Timestamp" : "2026-01-31T12:00:00.123Z",
  "SignatureVersion" : "1",
  "Signature" : "${Signature}",
  "SigningCertURL" : "${SigningCertURL}",
  "UnsubscribeURL" : "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:123456789012:drops:c9135db0-26c4-47ec-8998-413945fb5a96"
}`);
  expect(Buffer.from(Signature, "base64")).toHaveLength(256);
  expect(SigningCertURL).toMatch(
    /^https:\/\/sns\.us-east-1\.amazonaws\.com\/SimpleNotificationService-[0-9a-f]{32}\.pem$/,
  );
  expect(iam.asked).toEqual([{ principal: SNS, action: "sqs:SendMessage", resource: arnOf("sqs", "drops") }]);
  expect(events).toEqual([{ type: "delivered", ...common, destination: arnOf("sqs", "drops") }]);
});

test("a message without a subject has none, and hosts in China end otherwise", async () => {
  const topicArn = "arn:aws-cn:sns:cn-north-1:123456789012:drops";
  const attributes = { RawMessageDelivery: "false" };
  const subscription = { arn: `${topicArn}:1`, protocol: "sqs", endpoint: apis.makeQueue("drops"), attributes };
  apis.topics.set(topicArn, { subscriptions: [subscription] });
  await fanOut({ topicArn, subject: undefined }, "cn-north-1");

  const envelope = JSON.parse(apis.messagesIn("drops")[0]!) as Record<string, string>;
  expect(Object.keys(envelope)).not.toContain("Subject");
  expect(envelope.SigningCertURL).toMatch(/^https:\/\/sns\.cn-north-1\.amazonaws\.com\.cn\/Simple/);
  expect(envelope.UnsubscribeURL).toBe(
    `https://sns.cn-north-1.amazonaws.com.cn/?Action=Unsubscribe&SubscriptionArn=${topicArn}:1`,
  );
});

test("a raw message is the message alone", async () => {
  subscribe(apis.makeQueue("drops"), { RawMessageDelivery: "true", FilterPolicy: "{}" });
  await fanOut();

  expect(apis.messagesIn("drops")).toEqual([MESSAGE.message]);
});

test("a function gets the message as SNS invokes it", async () => {
  apis.functions.set(FUNCTION_ARN, {});
  subscribe(FUNCTION_ARN, {}, "lambda");
  await fanOut();

  expect(invoked).toEqual([
    {
      functionArn: FUNCTION_ARN,
      event: {
        Records: [
          {
            EventSource: "aws:sns",
            EventVersion: "1.0",
            EventSubscriptionArn: SUBSCRIPTION_ARN,
            Sns: {
              Type: "Notification",
              MessageId: MESSAGE.messageId,
              TopicArn: TOPIC_ARN,
              Subject: MESSAGE.subject,
              Message: MESSAGE.message,
              Timestamp: "2026-01-31T12:00:00.123Z",
              SignatureVersion: "1",
              Signature: expect.any(String) as string,
              SigningCertUrl: expect.stringMatching(/^https:\/\/sns\.us-east-1\.amazonaws\.com\/Simple/) as string,
              UnsubscribeUrl: `https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=${SUBSCRIPTION_ARN}`,
              MessageAttributes: {},
            },
          },
        ],
      },
    },
  ]);
  expect(iam.asked).toEqual([{ principal: SNS, action: "lambda:InvokeFunction", resource: FUNCTION_ARN }]);
});

describe("what an endpoint refuses", () => {
  test.each([
    ["as it is where it is raw", "true", MESSAGE.message],
    ["wrapped where it is not", "false", expect.stringContaining('"Type" : "Notification"') as string],
  ])("is kept in the subscription's dead-letter queue, %s", async (_, RawMessageDelivery, body) => {
    const queue = apis.makeQueue("drops");
    const deadLetters = apis.makeQueue("dead-letters");
    iam.denied.add(queue);
    subscribe(queue, { RawMessageDelivery, RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters }) });
    await fanOut();

    expect([apis.messagesIn("drops"), apis.messagesIn("dead-letters")]).toEqual([[], [body]]);
    const reason = denial("sqs:SendMessage", queue);
    expect(events).toEqual([{ type: "dead-lettered", ...common, destination: deadLetters, reason }]);
    expect(iam.asked.at(-1)).toEqual({ principal: SNS, action: "sqs:SendMessage", resource: deadLetters });
  });

  test("is lost without one, or where that refuses it too", async () => {
    iam.denied.add(FUNCTION_ARN);
    subscribe(FUNCTION_ARN, {}, "lambda");
    await fanOut();
    const destination = FUNCTION_ARN;
    const reason = denial("lambda:InvokeFunction", FUNCTION_ARN);
    expect(events.splice(0)).toEqual([{ type: "refused", ...common, destination, reason }]);

    const deadLetters = apis.makeQueue("dead-letters");
    iam.denied.add(FUNCTION_ARN);
    iam.denied.add(deadLetters);
    subscribe(FUNCTION_ARN, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters }) }, "lambda");
    await fanOut();
    expect(events).toEqual([
      { type: "refused", ...common, destination: deadLetters, reason: denial("sqs:SendMessage", deadLetters) },
    ]);
    expect([invoked, apis.messagesIn("dead-letters")]).toEqual([[], []]);
  });
});

test.each([
  ["https", {}, "the protocol https"],
  ["sqs", { FilterPolicy: '{"kind":["drop"]}' }, 'the filter policy {"kind":["drop"]}'],
])("a subscription of %s with %j is told to be unsupported", async (protocol, attributes, found) => {
  subscribe(apis.makeQueue("drops"), attributes, protocol);
  await fanOut();

  expect(events.map((event) => event.type === "problem" && event.error.message)).toEqual([
    `Subscription ${SUBSCRIPTION_ARN} has ${found}; local/ delivers to queues and functions, without filter policies: it gets nothing`,
  ]);
  expect(apis.messagesIn("drops")).toEqual([]);
});

test("a subscription that nobody confirmed gets nothing, and the others theirs", async () => {
  const [waiting, open] = [apis.makeQueue("waiting"), apis.makeQueue("open")];
  apis.topics.set(TOPIC_ARN, {
    subscriptions: [
      { arn: "PendingConfirmation", protocol: "sqs", endpoint: waiting },
      { arn: SUBSCRIPTION_ARN, protocol: "sqs", endpoint: open },
    ],
  });
  await fanOut();

  await until("it is delivered", () => apis.messagesIn("open").length === 1);
  expect([apis.messagesIn("waiting"), events.map(({ type }) => type)]).toEqual([[], ["delivered"]]);
});
