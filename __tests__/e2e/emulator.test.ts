import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateRepositoryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import {
  AddPermissionCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  GetFunctionCommand,
  GetFunctionEventInvokeConfigCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type CreateFunctionCommandInput,
} from "@aws-sdk/client-lambda";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketNotificationConfigurationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  type S3ServiceException,
  UploadPartCommand,
  type FilterRule,
  type NotificationConfiguration,
} from "@aws-sdk/client-s3";
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  type QueueAttributeName,
} from "@aws-sdk/client-sqs";
import { strToU8, zipSync } from "fflate";

import { startDelivery, type Delivery, type DeliveryEvent } from "../../local/delivery";
import { startIam, type Iam } from "../../local/iam";
import { startEventSourceMappings, type LambdaEvent } from "../../local/lambda";
import { startMoto, type Moto } from "../../local/moto";
import type { CallFact, Fact, ObjectFact } from "../../local/moto/facts";
import { until } from "../support/until";

jest.setTimeout(60_000);

const ROOT = resolve(__dirname, "../..");
const ACCOUNT = "123456789012";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/function`;
const PART = Buffer.alloc(5 * 1024 * 1024, "a");
/** The first start installs moto. */
const INSTALL_MS = 300_000;

let moto: Moto;
let iam: Iam;
let delivery: Delivery;
let s3: S3Client;
let sqs: SQSClient;
let sns: SNSClient;
let lambda: LambdaClient;
let logs: CloudWatchLogsClient;
let names = 0;
/** A changed policy is seen after a moment; who does not want to wait adds to this. */
let policiesAgeMs = 0;
/** What moto told, what became of it, and what reached EventBridge and functions. */
const facts: Fact[] = [];
const deliveries: DeliveryEvent[] = [];
const onBus: { readonly detail: { readonly bucket?: { readonly name: string } } }[] = [];
const invoked: { readonly functionArn: string; readonly event: unknown }[] = [];

beforeAll(async () => {
  moto = await startMoto({
    directory: ROOT,
    onFact: (fact) => {
      facts.push(fact);
      delivery.onFact(fact);
    },
    onNotificationDestinations: (asked) => delivery.onNotificationDestinations(asked),
  });
  iam = startIam({ endpoint: moto.url, region: "us-east-1", now: () => Date.now() + policiesAgeMs });
  delivery = await deliver();
  s3 = new S3Client(client(moto));
  sqs = new SQSClient(client(moto));
  sns = new SNSClient(client(moto));
  lambda = new LambdaClient(client(moto));
  logs = new CloudWatchLogsClient(client(moto));
  await makeRole();
}, INSTALL_MS);

afterAll(async () => {
  for (const one of [s3, sqs, sns, lambda, logs]) one.destroy();
  await delivery.close();
  await iam.close();
  await moto.close();
});

function deliver(duplicateMultipart = false): Promise<Delivery> {
  return startDelivery({
    endpoint: moto.url,
    region: "us-east-1",
    iam,
    duplicateMultipart,
    bus: { put: (event) => onBus.push(event) },
    invoke: (functionArn, event, requestId) => {
      invoked.push({ functionArn, event });
      return Promise.resolve({ requestId, payload: null });
    },
    onEvent: (event) => deliveries.push(event),
  });
}

function client({ url }: Moto) {
  return { endpoint: url, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
}

/** The role that every function here has. One call is not worth the client of IAM. */
async function makeRole(): Promise<void> {
  const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
  const response = await fetch(moto.url, {
    method: "POST",
    headers: { Authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, Signature=none" },
    body: new URLSearchParams({
      Action: "CreateRole",
      Version: "2010-05-08",
      RoleName: "function",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    }),
  });
  expect(response.status).toBe(200);
}

function name(kind: string): string {
  return `${kind}-${++names}`;
}

interface S3Record {
  readonly eventName: string;
  readonly s3: {
    readonly object: Record<"key" | "versionId" | "sequencer" | "eTag", string> & { readonly size: number };
  };
}

async function makeQueue(
  Attributes: Partial<Record<QueueAttributeName, string>> = {},
): Promise<{ url: string; arn: string }> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name("queue"), Attributes }));
  return { url: QueueUrl!, arn: (await attributes(QueueUrl!)).QueueArn! };
}

async function attributes(url: string): Promise<Partial<Record<QueueAttributeName, string>>> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }));
  return Attributes ?? {};
}

/** Takes everything out of a queue. */
async function drain(url: string): Promise<unknown[]> {
  const bodies: unknown[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }));
    if (Messages.length === 0) return bodies;
    for (const { Body, ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(Body!));
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
    }
  }
}

/** What is delivered to a queue, once there is as much. */
async function delivered<Body>(url: string, count: number): Promise<Body[]> {
  const bodies: unknown[] = [];
  await until(`${count} messages`, async () => bodies.push(...(await drain(url))) >= count);
  return bodies as Body[];
}

async function records(url: string, count: number): Promise<S3Record[]> {
  return (await delivered<{ Records: S3Record[] }>(url, count)).flatMap((body) => body.Records);
}

/** What was told of a bucket's objects, once there is as much. */
function objects(Bucket: string, count: number): Promise<ObjectFact[]> {
  return until(`${count} facts`, () => {
    const found = facts.filter((fact) => fact.fact === "object" && fact.bucket === Bucket) as ObjectFact[];
    return found.length >= count && found;
  });
}

function calls(Bucket: string, count: number): Promise<CallFact[]> {
  return until(`${count} calls`, () => {
    const found = facts.filter((fact) => fact.fact === "call" && fact.bucket === Bucket) as CallFact[];
    return found.length >= count && found;
  });
}

/** A statement that lets a service in, for a resource of this account. */
function letIn(service: string, action: string, resource: string, source: string): string {
  const Condition = { ArnLike: { "aws:SourceArn": source }, StringEquals: { "aws:SourceAccount": ACCOUNT } };
  const statement = { Effect: "Allow", Principal: { Service: service }, Action: action, Resource: resource, Condition };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}

/** A queue that buckets may report to, or topics where `service` says so. */
function makeOpenQueue(service: "s3" | "sns" = "s3") {
  const queueName = `queue-${names + 1}`;
  const arn = `arn:aws:sqs:us-east-1:${ACCOUNT}:${queueName}`;
  const source = service === "s3" ? "arn:aws:s3:::*" : `arn:aws:sns:us-east-1:${ACCOUNT}:*`;
  return makeQueue({ Policy: letIn(`${service}.amazonaws.com`, "sqs:SendMessage", arn, source) });
}

async function makePlainBucket(versioned = true): Promise<string> {
  const Bucket = name("bucket");
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (versioned) {
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  return Bucket;
}

/** A bucket whose events go to a queue that holds none yet. */
async function makeBucket({ versioned = true, rules = undefined as FilterRule[] | undefined } = {}) {
  const Bucket = await makePlainBucket(versioned);
  const queue = await makeOpenQueue();
  const Filter = rules && { Key: { FilterRules: rules } };
  const QueueConfigurations = [{ Id: "drops", QueueArn: queue.arn, Events: ["s3:ObjectCreated:*" as const], Filter }];
  await s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: { QueueConfigurations } }),
  );
  const [testEvent] = await drain(queue.url);
  return { Bucket, queue, testEvent };
}

async function upload(Bucket: string, Key: string, between: () => Promise<unknown> = () => Promise.resolve()) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const started = Date.now();
  const Parts = [];
  for (const [index, Body] of [PART, Buffer.from("end")].entries()) {
    const part = { Bucket, Key, UploadId, PartNumber: index + 1 };
    const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body }));
    Parts.push({ PartNumber: index + 1, ETag });
  }
  await between();
  const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  return { started, versionId: done.VersionId!, etag: done.ETag! };
}

describe("S3 events", () => {
  test("have the whole schema", async () => {
    const { Bucket, queue } = await makeBucket();
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "in/a b+ü.zip", Body: "hello" }));

    expect(await delivered(queue.url, 1)).toEqual([
      {
        Records: [
          {
            eventVersion: "2.1",
            eventSource: "aws:s3",
            awsRegion: "us-east-1",
            eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
            eventName: "ObjectCreated:Put",
            userIdentity: { principalId: "AWS:AIDACKCEVSQ6C2EXAMPLE" },
            requestParameters: { sourceIPAddress: "127.0.0.1" },
            responseElements: {
              "x-amz-request-id": expect.stringMatching(/^[0-9A-F]{16}$/) as string,
              "x-amz-id-2": expect.stringMatching(/^\S{76}$/) as string,
            },
            s3: {
              s3SchemaVersion: "1.0",
              configurationId: "drops",
              bucket: {
                name: Bucket,
                ownerIdentity: { principalId: "A3NL1KOZZKExample" },
                arn: `arn:aws:s3:::${Bucket}`,
              },
              object: {
                key: "in/a+b%2B%C3%BC.zip",
                size: 5,
                eTag: "5d41402abc4b2a76b9719d911017c592",
                versionId: VersionId,
                sequencer: expect.stringMatching(/^[0-9A-F]{18}$/) as string,
              },
            },
          },
        ],
      },
    ]);
  });

  test("have no version id where the bucket has no versions", async () => {
    const { Bucket, queue } = await makeBucket({ versioned: false });
    await s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body: "hello" }));

    expect((await records(queue.url, 1)).map(({ s3: { object } }) => Object.keys(object).sort())).toEqual([
      ["eTag", "key", "sequencer", "size"],
    ]);
  });

  test("of parallel writes to one key: no version is lost, and sequencers have the order of the versions", async () => {
    const { Bucket, queue } = await makeBucket();
    const bodies = Array.from({ length: 40 }, (_, index) => `body ${index}`);
    await Promise.all(bodies.map((Body) => s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body }))));

    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const bySequencer = (await records(queue.url, bodies.length))
      .map((record) => record.s3.object)
      .sort((a, b) => (a.sequencer < b.sequencer ? 1 : -1))
      .map(({ versionId }) => versionId);
    expect(bySequencer).toHaveLength(bodies.length);
    expect(Versions!.map(({ VersionId }) => VersionId)).toEqual(bySequencer);
    expect((await objects(Bucket, bodies.length)).map(({ versionId }) => versionId).reverse()).toEqual(bySequencer);
  });

  test("begin with a test event when they are configured", async () => {
    const { Bucket, testEvent } = await makeBucket();

    expect(testEvent).toEqual({
      Service: "Amazon S3",
      Event: "s3:TestEvent",
      Time: expect.any(String) as string,
      Bucket,
      RequestId: expect.stringMatching(/^[0-9A-F]{16}$/) as string,
      HostId: expect.any(String) as string,
    });
  });

  test("are filtered by prefix and suffix, which are URL-encoded", async () => {
    const { Bucket, queue } = await makeBucket({
      rules: [
        { Name: "prefix", Value: "in+%C3%BC/" },
        { Name: "suffix", Value: ".zip" },
      ],
    });
    for (const Key of ["in ü/a.tar", "a.zip", "out/in ü/a.zip", "in+ü/a.zip", "in ü/a+%.zip"]) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
    }

    expect((await records(queue.url, 1)).map((record) => record.s3.object.key)).toEqual(["in+%C3%BC/a%2B%25.zip"]);
  });

  test("come once for a multipart upload, with the version and etag of the whole, and once for a copy", async () => {
    const { Bucket, queue } = await makeBucket();
    const { versionId, etag } = await upload(Bucket, "a.zip");
    await s3.send(new CopyObjectCommand({ Bucket, Key: "b.zip", CopySource: `${Bucket}/a.zip` }));

    const found = await records(queue.url, 2);
    expect(found.map(({ eventName }) => eventName)).toEqual([
      "ObjectCreated:CompleteMultipartUpload",
      "ObjectCreated:Copy",
    ]);
    expect(found[0]!.s3.object).toMatchObject({ versionId, eTag: etag.replaceAll('"', ""), size: PART.length + 3 });
  });

  test("come twice for a multipart upload where that is asked for: the same event", async () => {
    const once = delivery;
    delivery = await deliver(true);
    try {
      const { Bucket, queue } = await makeBucket();
      await upload(Bucket, "a.zip");

      const found = await records(queue.url, 2);
      expect(found.map(({ eventName }) => eventName)).toEqual(Array(2).fill("ObjectCreated:CompleteMultipartUpload"));
      expect(found[0]).toEqual(found[1]);
    } finally {
      await delivery.close();
      delivery = once;
    }
  });

  test("are told of what is created and deleted, with and without versions, by one call or many", async () => {
    const Key = "in/a b+ü%25.zip";
    const tell = async (versioned: boolean, count: number, act: (Bucket: string) => Promise<unknown>) => {
      const Bucket = await makePlainBucket(versioned);
      await act(Bucket);
      return objects(Bucket, count);
    };

    const plain = await tell(false, 2, async (Bucket) => {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: "never there" }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    });
    expect(plain.map(({ eventName, key, size, etag, versionId }) => [eventName, key, size, etag, versionId])).toEqual([
      ["ObjectCreated:Put", Key, 5, "5d41402abc4b2a76b9719d911017c592", undefined],
      ["ObjectRemoved:Delete", Key, undefined, undefined, undefined],
    ]);

    let version: string | undefined;
    let marker: string | undefined;
    const versioned = await tell(true, 4, async (Bucket) => {
      ({ VersionId: version } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" })));
      ({ VersionId: marker } = await s3.send(new DeleteObjectCommand({ Bucket, Key })));
      const Objects = [
        { Key, VersionId: version },
        { Key, VersionId: marker },
      ];
      await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    });
    expect(versioned.map(({ eventName, key, versionId }) => [eventName, key, versionId])).toEqual([
      ["ObjectCreated:Put", Key, version],
      ["ObjectRemoved:DeleteMarkerCreated", Key, marker],
      ["ObjectRemoved:Delete", Key, version],
      ["ObjectRemoved:Delete", Key, marker],
    ]);
    const sequencers = versioned.map(({ sequencer }) => sequencer);
    expect([...sequencers].sort()).toEqual(sequencers);
  });

  test("go to queues, topics, functions and EventBridge", async () => {
    const Bucket = await makePlainBucket();
    const queue = await makeOpenQueue();
    const functionArn = await makeInvocable(Bucket);
    const topic = await makeTopic();
    const [raw, wrapped] = [await makeOpenQueue("sns"), await makeOpenQueue("sns")];
    await subscribe(topic, raw.arn, "true");
    await subscribe(topic, wrapped.arn, "false");
    const Events = ["s3:ObjectCreated:Put" as const];
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: {
          QueueConfigurations: [{ Id: "to-queue", QueueArn: queue.arn, Events }],
          TopicConfigurations: [{ Id: "to-topic", TopicArn: topic, Events }],
          LambdaFunctionConfigurations: [{ Id: "to-function", LambdaFunctionArn: functionArn, Events }],
          EventBridgeConfiguration: {},
        },
      }),
    );
    await Promise.all([queue, raw, wrapped].map(({ url }) => delivered(url, 1)));
    await s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body: "hello" }));

    const idsOf = (events: unknown[]) =>
      (events as { Records: { s3: { configurationId: string } }[] }[]).map(({ Records }) =>
        Records.map(({ s3: { configurationId } }) => configurationId),
      );
    expect(idsOf(await delivered(queue.url, 1))).toEqual([["to-queue"]]);
    const fromTopic = await delivered(raw.url, 1);
    expect(idsOf(fromTopic)).toEqual([["to-topic"]]);
    expect(await delivered(wrapped.url, 1)).toMatchObject([
      { Type: "Notification", TopicArn: topic, Message: JSON.stringify(fromTopic[0]) },
    ]);
    const event = await until("the function runs", () => invoked.find((one) => one.functionArn === functionArn)?.event);
    expect(idsOf([event])).toEqual([["to-function"]]);
    expect(onBus.filter(({ detail }) => detail.bucket?.name === Bucket)).toMatchObject([
      { source: "aws.s3", "detail-type": "Object Created", detail: { object: { key: "a.zip" }, reason: "PutObject" } },
    ]);
  });

  test("are lost where the destination no longer lets S3 in, and a new configuration is refused", async () => {
    const { Bucket, queue } = await makeBucket();
    const Policy = letIn("s3.amazonaws.com", "sqs:SendMessage", queue.arn, "arn:aws:s3:::another");
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { Policy } }));
    policiesAgeMs += 10_000;
    await s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body: "hello" }));

    const refused = await until("it is refused", () =>
      deliveries.find((event) => event.type === "refused" && event.destination === queue.arn),
    );
    expect(refused).toMatchObject({
      source: `arn:aws:s3:::${Bucket}`,
      subject: "ObjectCreated:Put a.zip",
      reason: expect.stringMatching(
        `is not authorized to perform: sqs:SendMessage on resource: ${queue.arn} because`,
      ) as string,
    });
    expect(await drain(queue.url)).toEqual([]);

    const before = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    const missing = `arn:aws:sqs:us-east-1:${ACCOUNT}:missing`;
    const unknown = await makeQueue({ Policy: Policy.replace("ArnLike", "NumericLessThan") });
    for (const QueueArn of [queue.arn, missing, unknown.arn]) {
      const QueueConfigurations = [{ QueueArn, Events: ["s3:ObjectRemoved:*" as const] }];
      const input = { Bucket, NotificationConfiguration: { QueueConfigurations } };
      await expect(s3.send(new PutBucketNotificationConfigurationCommand(input))).rejects.toMatchObject({
        name: "InvalidArgument",
        message: "Unable to validate the following destination configurations",
        ArgumentName: QueueArn,
        $metadata: { httpStatusCode: 400 },
      });
    }
    const after = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(after.QueueConfigurations).toEqual(before.QueueConfigurations);
    expect(deliveries.filter(({ type }) => type === "problem")).toMatchObject([{ error: { name: "UndecidedError" } }]);
    expect(await drain(queue.url)).toEqual([]);
  });

  test("to EventBridge are read back as switched on, or not", async () => {
    const { Bucket, queue } = await makeBucket();
    const read = async () => (await fetch(`${moto.url}/${Bucket}?notification`)).text();
    const flag = "<EventBridgeConfiguration/></NotificationConfiguration>";
    const configure = (NotificationConfiguration: NotificationConfiguration) =>
      s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
    const QueueConfigurations = [{ QueueArn: queue.arn, Events: ["s3:ObjectCreated:*" as const] }];
    expect(await read()).not.toContain(flag);

    await configure({ QueueConfigurations, EventBridgeConfiguration: {} });
    expect(await read()).toMatch(new RegExp(`<QueueConfiguration>.*${flag}$`, "s"));
    await configure({ EventBridgeConfiguration: {} });
    expect(await read()).toContain(flag);
    await configure({});
    expect(await read()).not.toContain(flag);
  });
});

describe("S3 calls", () => {
  const second = (time: string | Date) => new Date(time).toISOString().slice(0, 19);

  test("are told with the times of what they did", async () => {
    const Bucket = await makePlainBucket();
    const Key = "in/a b+ü%25.zip";
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
    const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "hello" }));
    await delay(1100);
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    const CopySource = encodeURIComponent(`${Bucket}/${Key}`);
    const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
    const deleted = await s3.send(new DeleteObjectCommand({ Bucket, Key: "copy" }));

    const told = await calls(Bucket, 5);
    expect(told.map(({ eventName, key, uploadId, versionId }) => [eventName, key, uploadId, versionId])).toEqual([
      ["CreateMultipartUpload", Key, UploadId, undefined],
      ["CompleteMultipartUpload", Key, UploadId, done.VersionId],
      ["PutObject", Key, undefined, put.VersionId],
      ["CopyObject", "copy", undefined, copy.VersionId],
      ["DeleteObject", "copy", undefined, deleted.VersionId],
    ]);
    expect(told.map(({ account, region, errorCode }) => [account, region, errorCode])).toEqual(
      Array(5).fill([ACCOUNT, "us-east-1", undefined]),
    );
    expect(told[2]!.requestId).toBe(put.$metadata.requestId);
    expect((await objects(Bucket, 4)).map(({ requestId, time }) => [requestId, time])).toEqual(
      told.slice(1).map(({ requestId, time }) => [requestId, time]),
    );

    expect(Uploads!.map((upload) => [upload.Key, upload.UploadId])).toEqual([[Key, UploadId]]);
    const start = second(told[0]!.time);
    expect(second(Uploads![0]!.Initiated!)).toBe(start);
    expect(second(Versions![0]!.LastModified!)).toBe(start);
    expect(second(told[1]!.time) > start).toBe(true);
    expect(second(head.LastModified!)).toBe(second(told[2]!.time));
  });

  test("are told where they fail, and an upload that was aborted is gone", async () => {
    const Bucket = await makePlainBucket();
    const Key = "a.zip";
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    const Parts = [{ PartNumber: 1, ETag: '"5d41402abc4b2a76b9719d911017c592"' }];
    const gone = { name: "NoSuchUpload", $metadata: { httpStatusCode: 404 } };
    const part = { Bucket, Key, UploadId, PartNumber: 1, Body: "hello" };
    await expect(s3.send(new UploadPartCommand(part))).rejects.toMatchObject(gone);
    const completion = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
    await expect(s3.send(new CompleteMultipartUploadCommand(completion))).rejects.toMatchObject(gone);
    const copy = { Bucket, Key, CopySource: `${Bucket}/missing` };
    await expect(s3.send(new CopyObjectCommand(copy))).rejects.toMatchObject({ name: "NoSuchKey" });
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${Bucket}/*` }],
    });
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    await expect(s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }))).rejects.toThrow();

    expect((await calls(Bucket, 6)).map(({ eventName, errorCode }) => [eventName, errorCode])).toEqual([
      ["CreateMultipartUpload", undefined],
      ["AbortMultipartUpload", undefined],
      ["CompleteMultipartUpload", "NoSuchUpload"],
      ["CopyObject", "NoSuchKey"],
      ["PutObject", undefined],
      ["PutObject", "AccessDenied"],
    ]);
    expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
    expect(await objects(Bucket, 1)).toHaveLength(1);
  });
});

describe("S3 objects", () => {
  test("of a multipart upload are as old as its start, and yet the latest version", async () => {
    const { Bucket } = await makeBucket();
    const Key = "a.zip";
    let meanwhile: string | undefined;
    const { started, versionId } = await upload(Bucket, Key, async () => {
      await delay(2100);
      ({ VersionId: meanwhile } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "meanwhile" })));
    });

    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head.VersionId).toBe(versionId);
    expect(Math.abs(head.LastModified!.getTime() - started)).toBeLessThan(1500);
    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions!.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [versionId, true],
      [meanwhile, false],
    ]);

    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy.zip", CopySource: `${Bucket}/${Key}` }));
    const copy = await s3.send(new HeadObjectCommand({ Bucket, Key: "copy.zip" }));
    expect(copy.LastModified!.getTime() - started).toBeGreaterThan(1000);
  });

  test("are read by version, and on the condition of an etag", async () => {
    const { Bucket } = await makeBucket();
    const Key = "a.zip";
    const first = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "first" }));
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "second" }));

    const old = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId: first.VersionId }));
    expect(await old.Body!.transformToString()).toBe("first");
    const failure = s3.send(new GetObjectCommand({ Bucket, Key, IfMatch: first.ETag }));
    await expect(failure).rejects.toMatchObject({ name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } });
    const missing = s3.send(new GetObjectCommand({ Bucket, Key, VersionId: "00000000-0000-0000-0000-000000000000" }));
    await expect(missing).rejects.toMatchObject({ name: "NoSuchVersion", $metadata: { httpStatusCode: 404 } });
  });

  test("can be reached where the bucket's policy asks for TLS, but not where it denies outright", async () => {
    const { Bucket } = await makeBucket();
    const policy = (Condition?: object) =>
      new PutBucketPolicyCommand({
        Bucket,
        Policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: [`arn:aws:s3:::${Bucket}/*`], Condition },
          ],
        }),
      });
    await s3.send(policy({ Bool: { "aws:SecureTransport": "false" } }));
    await s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body: "hello" }));

    await s3.send(policy());
    await expect(s3.send(new GetObjectCommand({ Bucket, Key: "a.zip" }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
  });

  test("and their delete markers can be deleted one by one after versioning was suspended", async () => {
    const { Bucket } = await makeBucket();
    for (const Body of ["first", "second"]) await s3.send(new PutObjectCommand({ Bucket, Key: "a.zip", Body }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "a.zip" }));
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } }));

    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const all = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    expect(all).toHaveLength(3);
    const [one, ...rest] = all;
    await s3.send(new DeleteObjectCommand({ Bucket, ...one! }));
    const left = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect([...(left.Versions ?? []), ...(left.DeleteMarkers ?? [])]).toHaveLength(2);
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: rest } }));

    await s3.send(new DeleteBucketCommand({ Bucket }));
  });
});

test("who signs with an account's number is in that account, and a bucket tells whose it is not", async () => {
  const partner = { region: "us-east-1", credentials: { accessKeyId: "444455556666", secretAccessKey: "test" } };
  const theirs = new S3Client({ ...partner, endpoint: moto.url, forcePathStyle: true });
  const registry = new ECRClient({ ...partner, endpoint: moto.url });
  await theirs.send(new CreateBucketCommand({ Bucket: "partner-drops" }));
  const { repository } = await registry.send(new CreateRepositoryCommand({ repositoryName: "team/api" }));
  expect(repository?.repositoryArn).toBe("arn:aws:ecr:us-east-1:444455556666:repository/team/api");
  const head = (ExpectedBucketOwner: string) =>
    theirs
      .send(new HeadBucketCommand({ Bucket: "partner-drops", ExpectedBucketOwner }))
      .catch((error: unknown) => error as S3ServiceException);
  expect((await head("444455556666")).$metadata.httpStatusCode).toBe(200);
  expect((await head("123456789012")).$metadata.httpStatusCode).toBe(403);
  theirs.destroy();
  registry.destroy();
});

describe("ECR", () => {
  test.each([
    ["us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com"],
    ["cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"],
  ])("in %s has the host %s", async (region, host) => {
    const ecr = new ECRClient({ ...client(moto), region });
    const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: "team/api" }));
    const { repositories } = await ecr.send(new DescribeRepositoriesCommand({}));
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
    ecr.destroy();

    expect([repository, ...repositories!].map((each) => each?.repositoryUri)).toEqual(
      Array(2).fill(`${host}/team/api`),
    );
    expect(authorizationData!.map(({ proxyEndpoint }) => proxyEndpoint)).toEqual([`https://${host}`]);
  });
});

async function makeTopic(): Promise<string> {
  const Name = name("topic");
  const arn = `arn:aws:sns:us-east-1:${ACCOUNT}:${Name}`;
  const Policy = letIn("s3.amazonaws.com", "sns:Publish", arn, "arn:aws:s3:::*");
  await sns.send(new CreateTopicCommand({ Name, Attributes: { Policy } }));
  return arn;
}

function subscribe(TopicArn: string, Endpoint: string, RawMessageDelivery: "true" | "false") {
  return sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes: { RawMessageDelivery } }));
}

describe("SNS", () => {
  test("delivers what is published, as far as the queue's policy goes", async () => {
    const topic = await makeTopic();
    const [open, shut] = [await makeOpenQueue("sns"), await makeQueue()];
    await subscribe(topic, shut.arn, "false");
    await subscribe(topic, open.arn, "false");
    const { MessageId } = await sns.send(
      new PublishCommand({ TopicArn: topic, Message: "ünder", Subject: "greeting" }),
    );

    expect(await delivered(open.url, 1)).toMatchObject([{ MessageId, Message: "ünder", Subject: "greeting" }]);
    const refused = () => deliveries.find((event) => event.type === "refused" && event.destination === shut.arn);
    expect(await until("it is refused", refused)).toMatchObject({ source: topic, subject: `message ${MessageId!}` });
    expect(await drain(shut.url)).toEqual([]);
  });

  test("refuses messages with attributes, which are not delivered here", async () => {
    const MessageAttributes = { kind: { DataType: "String", StringValue: "drop" } };
    const input = { TopicArn: await makeTopic(), Message: "hello", MessageAttributes };
    await expect(sns.send(new PublishCommand(input))).rejects.toThrow(/MessageAttributes and MessageStructure/);
  });
});

describe("SQS", () => {
  test("returns redrive policies as they were set", async () => {
    const deadLetters = await makeQueue();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 5 });
    const queue = await makeQueue({ RedrivePolicy });
    const RedriveAllowPolicy = JSON.stringify({ redrivePermission: "byQueue", sourceQueueArns: [queue.arn] });
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: deadLetters.url, Attributes: { RedriveAllowPolicy } }));

    expect((await attributes(queue.url)).RedrivePolicy).toBe(RedrivePolicy);
    expect((await attributes(queue.url)).RedriveAllowPolicy).toBeUndefined();
    expect((await attributes(deadLetters.url)).RedriveAllowPolicy).toBe(RedriveAllowPolicy);
  });

  test("keeps a queue's policy when another attribute is set", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage" }],
    });
    const queue = await makeQueue({ Policy });

    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { VisibilityTimeout: "99" } }));
    expect(JSON.parse((await attributes(queue.url)).Policy!)).toEqual(JSON.parse(Policy));
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { Policy: "" } }));
    expect((await attributes(queue.url)).Policy).toBeUndefined();
  });

  test("gives each message to one of many receivers, and wakes one that waits", async () => {
    const { url } = await makeQueue();
    const receive = async () => {
      const input = { QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 };
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(input));
      return Messages.map(({ Body }) => Body!);
    };
    const bodies = Array.from({ length: 30 }, (_, index) => String(index));
    const receivers = Array.from({ length: 12 }, receive);
    const started = performance.now();
    await Promise.all(bodies.map((MessageBody) => sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody }))));
    const waiting = (await Promise.all(receivers)).flat();
    const rest: string[] = [];
    for (let some = await receive(); some.length > 0; some = await receive()) rest.push(...some);

    expect(waiting.length).toBeGreaterThan(0);
    expect([...waiting, ...rest].sort()).toEqual([...bodies].sort());
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("moves a message that was received too often to the dead-letter queue", async () => {
    const deadLetters = await makeQueue();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 2 });
    const { url } = await makeQueue({ RedrivePolicy, VisibilityTimeout: "1" });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '"poison"' }));
    const receive = async () => {
      const input = { QueueUrl: url, WaitTimeSeconds: 2, MessageSystemAttributeNames: ["All" as const] };
      return (await sqs.send(new ReceiveMessageCommand(input))).Messages?.[0]?.Attributes?.ApproximateReceiveCount;
    };

    expect([await receive(), await receive(), await receive()]).toEqual(["1", "2", undefined]);
    expect(await drain(deadLetters.url)).toEqual(["poison"]);
  });
});

const HANDLER = `exports.handler = async ({ Records }) => {
  for (const { body, attributes } of Records) console.log(body + " received " + attributes.ApproximateReceiveCount);
  return { batchItemFailures: Records.filter(({ body }) => body === '"bad"').map(({ messageId }) => ({ itemIdentifier: messageId })) };
};`;

function zip(code: string): Buffer {
  return Buffer.from(zipSync({ "index.js": strToU8(code) }, { mtime: "1980-01-02" }));
}

async function makeFunction(settings: Partial<CreateFunctionCommandInput> = {}, code = HANDLER): Promise<string> {
  const FunctionName = name("function");
  const input = {
    FunctionName,
    Role: ROLE,
    Runtime: "nodejs22.x" as const,
    Handler: "index.handler",
    Code: { ZipFile: zip(code) },
  };
  await lambda.send(new CreateFunctionCommand({ ...input, ...settings }));
  return FunctionName;
}

/** The ARN of a function that a bucket may invoke. */
async function makeInvocable(Bucket: string): Promise<string> {
  const FunctionName = await makeFunction();
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "bucket",
      Action: "lambda:InvokeFunction",
      Principal: "s3.amazonaws.com",
      SourceArn: `arn:aws:s3:::${Bucket}`,
      SourceAccount: ACCOUNT,
    }),
  );
  return `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${FunctionName}`;
}

describe("Lambda", () => {
  test("returns the settings of asynchronous invocations as they were put last", async () => {
    const FunctionName = await makeFunction();
    const read = () => lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
    await expect(read()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const put = (settings: object) =>
      lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, ...settings }));
    await put({ MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 });
    const DestinationConfig = { OnFailure: { Destination: `arn:aws:sqs:us-east-1:${ACCOUNT}:failures` } };
    await put({ MaximumRetryAttempts: 0, DestinationConfig });
    expect(await read()).toMatchObject({ MaximumRetryAttempts: 0, DestinationConfig });
    expect((await read()).MaximumEventAgeInSeconds).toBeUndefined();
  });

  test("returns a function's settings as they were made and changed", async () => {
    const FunctionName = await makeFunction();
    const read = async () => (await lambda.send(new GetFunctionCommand({ FunctionName }))).Configuration!;
    expect((await read()).LoggingConfig).toEqual({ LogFormat: "Text", LogGroup: `/aws/lambda/${FunctionName}` });
    expect((await read()).DeadLetterConfig).toBeUndefined();

    const settings = {
      DeadLetterConfig: { TargetArn: "arn:aws:sqs:us-east-1:123456789012:dead" },
      LoggingConfig: {
        LogFormat: "JSON" as const,
        LogGroup: "/drops",
        ApplicationLogLevel: "WARN" as const,
        SystemLogLevel: "INFO" as const,
      },
      TracingConfig: { Mode: "Active" as const },
      EphemeralStorage: { Size: 1024 },
      Timeout: 7,
      MemorySize: 256,
      Description: "changed",
    };
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...settings }));

    expect(await read()).toMatchObject(settings);
    const made = await makeFunction(settings);
    expect((await lambda.send(new GetFunctionCommand({ FunctionName: made }))).Configuration).toMatchObject(settings);
  });

  test("returns a reserved concurrency of 0", async () => {
    const FunctionName = await makeFunction();
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));

    const { Concurrency } = await lambda.send(new GetFunctionCommand({ FunctionName }));
    expect(Concurrency).toEqual({ ReservedConcurrentExecutions: 0 });
  });

  test("serves the zip that is applied", async () => {
    const FunctionName = await makeFunction();
    const download = async () => {
      const { Code, Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }));
      const bytes = Buffer.from(await (await fetch(Code!.Location!)).arrayBuffer());
      expect(createHash("sha256").update(bytes).digest("base64")).toBe(Configuration!.CodeSha256);
      return bytes;
    };

    expect(await download()).toEqual(zip(HANDLER));
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip("exports.handler = 1") }));
    expect(await download()).toEqual(zip("exports.handler = 1"));
    expect((await fetch(`${moto.url}/lambda-code/123456789012/us-east-1/nobody/$LATEST`)).status).toBe(404);
  });

  test("returns an event source mapping as it was made and changed", async () => {
    const queue = await makeQueue();
    const FunctionName = await makeFunction();
    const made = {
      BatchSize: 7,
      MaximumBatchingWindowInSeconds: 2,
      FunctionResponseTypes: ["ReportBatchItemFailures" as const],
      ScalingConfig: { MaximumConcurrency: 3 },
      FilterCriteria: { Filters: [{ Pattern: '{"body":{"a":["b"]}}' }] },
    };
    const { UUID } = await lambda.send(
      new CreateEventSourceMappingCommand({ EventSourceArn: queue.arn, FunctionName, ...made }),
    );
    expect(await lambda.send(new GetEventSourceMappingCommand({ UUID }))).toMatchObject({ ...made, State: "Enabled" });

    const changed = { BatchSize: 5, ScalingConfig: { MaximumConcurrency: 9 } };
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false, ...changed }));
    expect(await lambda.send(new GetEventSourceMappingCommand({ UUID }))).toMatchObject({
      ...changed,
      State: "Disabled",
    });
  });

  test.each([
    [29, true],
    [30, true],
    [31, false],
  ])(
    "accepts a mapping of a queue with visibility timeout 30 and a function with timeout %i: %j",
    async (Timeout, accepted) => {
      const queue = await makeQueue({ VisibilityTimeout: "30" });
      const FunctionName = await makeFunction({ Timeout });
      const creation = lambda.send(new CreateEventSourceMappingCommand({ EventSourceArn: queue.arn, FunctionName }));

      if (accepted) await expect(creation).resolves.toMatchObject({ State: "Enabled" });
      else {
        await expect(creation).rejects.toMatchObject({
          name: "InvalidParameterValueException",
          message: "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds",
        });
      }
    },
  );

  test("does not touch the messages of a mapped queue, nor make a log group", async () => {
    const queue = await makeQueue();
    const FunctionName = await makeFunction();
    await lambda.send(new CreateEventSourceMappingCommand({ EventSourceArn: queue.arn, FunctionName }));
    await sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody: "one" }));

    const input = { QueueUrl: queue.url, MessageSystemAttributeNames: ["All" as const] };
    const { Messages } = await sqs.send(new ReceiveMessageCommand(input));
    expect(Messages!.map(({ Attributes }) => Attributes!.ApproximateReceiveCount)).toEqual(["1"]);
    const { logGroups } = await logs.send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: `/aws/lambda/${FunctionName}` }),
    );
    expect(logGroups).toEqual([]);
  });
});

test("an applied mapping: messages run the applied zip, failures go to the dead-letter queue, and it can be removed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "emulator-"));
  const deadLetters = await makeQueue();
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 2 });
  const queue = await makeQueue({ RedrivePolicy, VisibilityTimeout: "3" });
  const FunctionName = await makeFunction();
  const logGroupName = `/aws/lambda/${FunctionName}`;
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  const { UUID } = await lambda.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn: queue.arn,
      FunctionName,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    }),
  );
  const events: LambdaEvent[] = [];
  const mappings = await startEventSourceMappings({
    endpoint: moto.url,
    region: "us-east-1",
    directory,
    onEvent: (event) => events.push(event),
  });
  const send = (MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody }));
  try {
    await Promise.all(['"good"', '"bad"'].map(send));
    const dead = await until(
      "the message is dead",
      async () => {
        const found = await drain(deadLetters.url);
        return found.length > 0 && found;
      },
      20_000,
    );
    expect(dead).toEqual(["bad"]);

    const { events: lines } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
    const received = lines!.map(({ message }) => message!).filter((line) => line.includes(" received "));
    expect(received.sort()).toEqual(['"bad" received 1', '"bad" received 2', '"good" received 1']);

    await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    await until("it is no longer polled", () => events.some(({ type }) => type === "mapping-stopped"));
    await send('"after"');
    await delay(500);
    expect(await drain(queue.url)).toEqual(["after"]);
    expect(events.filter(({ type }) => type === "problem")).toEqual([]);
  } finally {
    await mappings.close();
    rmSync(directory, { recursive: true });
  }
});

test("the emulator alone accepts every destination, is gone after it is closed, and closing twice is fine", async () => {
  const other = await startMoto({ directory: ROOT });
  const otherS3 = new S3Client(client(other));
  const Bucket = name("bucket");
  await otherS3.send(new CreateBucketCommand({ Bucket }));
  const QueueArn = `arn:aws:sqs:us-east-1:${ACCOUNT}:missing`;
  const NotificationConfiguration = { QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:*" as const] }] };
  await otherS3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  otherS3.destroy();

  await other.close();
  await other.close();

  await expect(fetch(other.url)).rejects.toThrow("fetch failed");
});

test("a port that is taken is told", async () => {
  const port = Number(new URL(moto.url).port);

  await expect(startMoto({ directory: ROOT, port })).rejects.toThrow(
    /^The emulator \(moto\) ended with exit code 1 before it answered\. .*Address already in use/s,
  );
});
