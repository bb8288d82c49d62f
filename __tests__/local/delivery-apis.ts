import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

import type { ObjectFact } from "../../local/moto/facts";
import { LoopbackServer } from "../support/loopback";

export const ACCOUNT = "123456789012";
export const BUCKET_ARN = "arn:aws:s3:::drops";
export const arnOf = (service: string, name: string): string => `arn:aws:${service}:us-east-1:${ACCOUNT}:${name}`;
export const FUNCTION_ARN = arnOf("lambda", "function:start-build");
export const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/start-build`;

interface FakeSubscription {
  readonly arn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

interface FakeTopic {
  readonly key?: string;
  readonly subscriptions: readonly FakeSubscription[];
}

interface FakeFunction {
  readonly configuration?: object;
  readonly eventInvokeConfig?: object;
  readonly reservedConcurrency?: number;
}

/** What local/delivery reads and calls of S3, SQS, SNS and Lambda, with a state that a test sets and looks at. */
export class DeliveryApis extends LoopbackServer {
  /** The content of each bucket's NotificationConfiguration. */
  readonly buckets = new Map<string, string>();
  readonly queues = new Map<string, { readonly messages: string[]; readonly key?: string }>();
  readonly topics = new Map<string, FakeTopic>();
  readonly functions = new Map<string, FakeFunction>();

  makeQueue(name: string, key?: string): string {
    this.queues.set(name, { messages: [], ...(key !== undefined && { key }) });
    return arnOf("sqs", name);
  }

  messagesIn(name: string): string[] {
    return this.queues.get(name)?.messages ?? [];
  }

  reset(): void {
    for (const things of [this.buckets, this.queues, this.topics, this.functions]) things.clear();
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = decodeURIComponent(new URL(request.url ?? "/", this.endpoint).pathname);
    const target = request.headers["x-amz-target"];
    const [status, answer] =
      typeof target === "string"
        ? this.#sqs(target, JSON.parse(body) as Record<string, string>)
        : path.includes("/functions/")
          ? this.#lambda(path)
          : request.method === "POST"
            ? this.#sns(new URLSearchParams(body))
            : this.#s3(path.split("/")[1] ?? "");
    response.writeHead(status, status === 404 ? { "x-amzn-errortype": "ResourceNotFoundException" } : {});
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  }

  #s3(bucket: string): [number, string] {
    const configuration = this.buckets.get(bucket);
    if (configuration === "broken") return [400, "<Error><Code>Broken</Code></Error>"];
    return configuration === undefined
      ? [404, "<Error><Code>NoSuchBucket</Code></Error>"]
      : [200, `<NotificationConfiguration>${configuration}</NotificationConfiguration>`];
  }

  #sqs(target: string, { QueueUrl = "", MessageBody = "" }: Record<string, string>): [number, object] {
    const queue = this.queues.get(QueueUrl.split("/").at(-1) ?? "");
    if (queue === undefined) return [400, { __type: "com.amazonaws.sqs#QueueDoesNotExist" }];
    if (target === "AmazonSQS.GetQueueAttributes") {
      return [200, { Attributes: queue.key === undefined ? {} : { KmsMasterKeyId: queue.key } }];
    }
    queue.messages.push(MessageBody);
    return [200, { MessageId: "message", MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex") }];
  }

  #sns(input: URLSearchParams): [number, string] {
    const action = input.get("Action") ?? "";
    const subscriptions = [...this.topics.values()].flatMap((topic) => topic.subscriptions);
    const topic = this.topics.get(input.get("TopicArn") ?? "");
    const subscription = subscriptions.find(({ arn }) => arn === input.get("SubscriptionArn"));
    if (topic === undefined && subscription === undefined) {
      return [404, "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code></Error></ErrorResponse>"];
    }
    const attributes = subscription?.attributes ?? (topic?.key === undefined ? {} : { KmsMasterKeyId: topic.key });
    const entries = Object.entries(attributes).map(
      ([key, value]) => `<entry><key>${key}</key><value>${value.replaceAll('"', "&quot;")}</value></entry>`,
    );
    const members = (topic?.subscriptions ?? []).map(
      ({ arn, protocol, endpoint }) =>
        `<member><SubscriptionArn>${arn}</SubscriptionArn><Protocol>${protocol}</Protocol><Endpoint>${endpoint}</Endpoint></member>`,
    );
    const result =
      action === "ListSubscriptionsByTopic"
        ? `<Subscriptions>${members.join("")}</Subscriptions>`
        : `<Attributes>${entries.join("")}</Attributes>`;
    return [200, `<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`];
  }

  #lambda(path: string): [number, object] {
    const [, arn = "", settings] = /\/functions\/([^/]+)(\/event-invoke-config)?$/.exec(path) ?? [];
    const found = this.functions.get(arn);
    if (found === undefined) return [404, {}];
    if (settings !== undefined)
      return found.eventInvokeConfig === undefined ? [404, {}] : [200, found.eventInvokeConfig];
    return [
      200,
      {
        Configuration: { FunctionArn: arn, Role: ROLE_ARN, Version: "$LATEST", ...found.configuration },
        Concurrency: { ReservedConcurrentExecutions: found.reservedConcurrency },
      },
    ];
  }
}

/** What moto tells of an object; `object` replaces fields of the record's. */
export function objectFact(changes: Partial<ObjectFact> = {}): ObjectFact {
  const { eventName = "ObjectCreated:Put", key = "in/a b.zip" } = changes;
  const record = {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "us-east-1",
    eventTime: "2026-01-31T12:00:00.123Z",
    eventName,
    userIdentity: { principalId: "AWS:AIDACKCEVSQ6C2EXAMPLE" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG" },
    s3: {
      s3SchemaVersion: "1.0",
      bucket: { name: "drops", ownerIdentity: { principalId: "A3NL1KOZZKExample" }, arn: BUCKET_ARN },
      object: { key: encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/"), size: 5 },
    },
  };
  return {
    fact: "object",
    account: ACCOUNT,
    region: "us-east-1",
    bucket: "drops",
    eventName,
    time: "2026-01-31T12:00:00.123Z",
    requestId: "C3D13FE58DE4C810",
    key,
    size: 5,
    etag: "5d41402abc4b2a76b9719d911017c592",
    versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
    sequencer: "0055AED6DCD90281E5",
    record,
    ...changes,
  };
}
