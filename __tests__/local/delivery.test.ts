import { startDelivery, type Delivery, type DeliveryEvent, type DeliveryOptions } from "../../local/delivery";
import { eventBridgeEvent, notifications } from "../../local/delivery/s3-event";
import type { CallFact } from "../../local/moto/facts";
import { until } from "../support/until";
import { denial, FakeIam } from "../support/fake-iam";
import { ACCOUNT, arnOf, BUCKET_ARN, DeliveryApis, FUNCTION_ARN, objectFact } from "./delivery-apis";

let apis: DeliveryApis;
let delivery: Delivery | undefined;
const iam = new FakeIam();
const events: DeliveryEvent[] = [];
const invoked: unknown[] = [];
const onBus: { detail: unknown }[] = [];

beforeAll(async () => {
  apis = await new DeliveryApis().start();
});

afterEach(async () => {
  await delivery?.close();
  apis.reset();
  iam.reset();
  for (const list of [events, invoked, onBus]) list.length = 0;
});

afterAll(() => apis.close());

async function start(options: Partial<DeliveryOptions> = {}): Promise<Delivery> {
  delivery = await startDelivery({
    endpoint: apis.endpoint,
    region: "us-east-1",
    iam,
    invoke: (functionArn, event, requestId) => {
      invoked.push({ functionArn, event });
      return Promise.resolve({ requestId, payload: null });
    },
    bus: { put: (event) => onBus.push(event) },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return delivery;
}

function happened(count: number): Promise<DeliveryEvent[]> {
  return until(`${count} events`, () => events.length >= count && events);
}

const toQueue = (id: string, queueArn: string, event = "s3:ObjectCreated:*"): string =>
  `<QueueConfiguration><Id>${id}</Id><Queue>${queueArn}</Queue><Event>${event}</Event></QueueConfiguration>`;
const toFunction = `<CloudFunctionConfiguration><Id>f</Id><CloudFunction>${FUNCTION_ARN}</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>`;
const toTopic = `<TopicConfiguration><Id>t</Id><Topic>${arnOf("sns", "drops")}</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration>`;

function withId(configurationId: string, fact = objectFact()): object {
  const { s3 } = fact.record;
  return { Records: [{ ...fact.record, s3: { ...s3, configurationId } }] };
}

describe("a notification configuration", () => {
  const matches = (event: string, rules: readonly [string, string][], changes: Parameters<typeof objectFact>[0]) =>
    notifications(objectFact(changes), {
      QueueConfigurations: [
        {
          QueueArn: "queue",
          Events: [event as "s3:ObjectCreated:*"],
          Filter: { Key: { FilterRules: rules.map(([Name, Value]) => ({ Name: Name as "prefix", Value })) } },
        },
      ],
    }).length === 1;

  test.each([
    ["s3:ObjectCreated:*", "ObjectCreated:CompleteMultipartUpload", true],
    ["s3:ObjectCreated:Put", "ObjectCreated:Put", true],
    ["s3:ObjectCreated:Put", "ObjectCreated:Post", false],
    ["s3:ObjectCreated:*", "ObjectRemoved:Delete", false],
    ["s3:ObjectRemoved:*", "ObjectRemoved:DeleteMarkerCreated", true],
    ["s3:ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", false],
    ["s3:ObjectRestore:Completed", "ObjectRestore:Completed", true],
  ])("of %s matches %s: %j", (configured, eventName, expected) => {
    expect(matches(configured, [], { eventName })).toBe(expected);
  });

  test.each<[[string, string][], string, boolean]>([
    [[], "a.zip", true],
    [[["prefix", "in/"]], "in/a.zip", true],
    [[["prefix", "in/"]], "out/in/a.zip", false],
    [[["suffix", ".zip"]], "in/a.zip", true],
    [[["suffix", ".zip"]], "in/a.zip.sig", false],
    [
      [
        ["Prefix", "in/"],
        ["Suffix", ".zip"],
      ],
      "in/a.zip",
      true,
    ],
    [
      [
        ["Prefix", "in/"],
        ["Suffix", ".zip"],
      ],
      "in/a.tar",
      false,
    ],
    [[["prefix", "in+%C3%BC"]], "in ü.zip", true],
    [[["prefix", "in ü"]], "in ü.zip", false],
    [[["prefix", "in+"]], "in+.zip", false],
    [[["prefix", "in%2B"]], "in+.zip", true],
  ])("with the rules %j matches the key %s: %j", (rules, key, expected) => {
    expect(matches("s3:ObjectCreated:*", rules, { key })).toBe(expected);
  });
});

describe("an event of a bucket", () => {
  test("goes to every destination as S3, each with the id of its configuration", async () => {
    const queue = apis.makeQueue("drops");
    apis.makeQueue("removals");
    const subscriber = apis.makeQueue("subscriber");
    const subscription = `${arnOf("sns", "drops")}:1`;
    const attributes = { RawMessageDelivery: "true" };
    apis.topics.set(arnOf("sns", "drops"), {
      subscriptions: [{ arn: subscription, protocol: "sqs", endpoint: subscriber, attributes }],
    });
    apis.functions.set(FUNCTION_ARN, {});
    const removals = toQueue("r", arnOf("sqs", "removals"), "s3:ObjectRemoved:*");
    apis.buckets.set("drops", `${toQueue("q", queue)}${removals}${toTopic}${toFunction}<EventBridgeConfiguration/>`);
    const fact = objectFact();
    (await start()).onFact(fact);

    const delivered = await happened(4);
    expect(delivered).toHaveLength(4);
    const common = { type: "delivered", subject: "ObjectCreated:Put in/a b.zip" };
    const topicArn = arnOf("sns", "drops");
    const toDestination = [queue, topicArn, FUNCTION_ARN].map((destination) => ({
      ...common,
      source: BUCKET_ARN,
      destination,
    }));
    const toSubscriber = { ...common, source: topicArn, destination: subscriber };
    expect(delivered).toEqual(expect.arrayContaining([...toDestination, toSubscriber]));
    // The topic has it first.
    const places = [topicArn, subscriber].map((arn) =>
      delivered.findIndex((event) => "destination" in event && event.destination === arn),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(apis.messagesIn("drops").map((body) => JSON.parse(body) as unknown)).toEqual([withId("q")]);
    expect(apis.messagesIn("removals")).toEqual([]);
    expect(apis.messagesIn("subscriber").map((body) => JSON.parse(body) as unknown)).toEqual([withId("t")]);
    expect(invoked).toEqual([{ functionArn: FUNCTION_ARN, event: withId("f") }]);
    expect(onBus).toEqual([{ ...eventBridgeEvent(fact), id: expect.any(String) as string }]);

    const principal = { service: "s3.amazonaws.com", sourceArn: BUCKET_ARN, sourceAccount: ACCOUNT };
    const topic = { service: "sns.amazonaws.com", sourceArn: arnOf("sns", "drops"), sourceAccount: ACCOUNT };
    expect(iam.asked).toHaveLength(4);
    expect(iam.asked).toEqual(
      expect.arrayContaining([
        { principal, action: "sqs:SendMessage", resource: queue },
        { principal, action: "sns:Publish", resource: arnOf("sns", "drops") },
        { principal, action: "lambda:InvokeFunction", resource: FUNCTION_ARN },
        { principal: topic, action: "sqs:SendMessage", resource: subscriber },
      ]),
    );
  });

  test("is lost where it is refused, and goes on to the others", async () => {
    const queue = apis.makeQueue("drops");
    const encrypted = apis.makeQueue("encrypted", "alias/aws/sqs");
    const own = apis.makeQueue("own-key", "alias/own");
    const missing = arnOf("sqs", "missing");
    const fifo = arnOf("sqs", "drops.fifo");
    iam.denied.add(queue);
    iam.denied.add(FUNCTION_ARN);
    const queues = [queue, encrypted, missing, fifo, own].map((arn) => toQueue(arn, arn));
    apis.buckets.set("drops", `${queues.join("")}${toTopic}${toFunction}`);
    (await start()).onFact(objectFact());

    const common = { source: BUCKET_ARN, subject: "ObjectCreated:Put in/a b.zip" };
    const found = await happened(7);
    expect(found).toHaveLength(7);
    expect(found).toEqual(
      expect.arrayContaining([
        { type: "refused", ...common, destination: queue, reason: denial("sqs:SendMessage", queue) },
        {
          type: "refused",
          ...common,
          destination: encrypted,
          reason: "The destination is encrypted by alias/aws/sqs, which no other service may use",
        },
        { type: "refused", ...common, destination: missing, reason: "The destination queue does not exist" },
        { type: "refused", ...common, destination: fifo, reason: `The destination ${fifo} is a FIFO queue` },
        {
          type: "refused",
          ...common,
          destination: arnOf("sns", "drops"),
          reason: "The destination topic does not exist",
        },
        {
          type: "refused",
          ...common,
          destination: FUNCTION_ARN,
          reason: denial("lambda:InvokeFunction", FUNCTION_ARN),
        },
        { type: "delivered", ...common, destination: own },
      ]),
    );
    expect([apis.messagesIn("drops"), apis.messagesIn("encrypted"), invoked, onBus]).toEqual([[], [], [], []]);
    expect(apis.messagesIn("own-key")).toHaveLength(1);
  });

  test("comes after the events before it, which wait for nobody in another bucket", async () => {
    const queue = apis.makeQueue("drops");
    for (const bucket of ["drops", "other"]) apis.buckets.set(bucket, toQueue("q", queue));
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    const authorize = () => (++asked === 1 ? held : Promise.resolve());
    const started = await start({ iam: { authorize } });
    for (const key of ["first", "second", "third"]) started.onFact(objectFact({ key }));
    await until("the first is held", () => asked === 1);
    started.onFact(objectFact({ key: "elsewhere", bucket: "other" }));

    const keys = () => events.map((event) => ("subject" in event ? event.subject.split(" ")[1] : event));
    await happened(1);
    expect(keys()).toEqual(["elsewhere"]);
    release();
    await happened(4);
    expect(keys()).toEqual(["elsewhere", "first", "second", "third"]);
  });

  test.each([
    ["ObjectCreated:CompleteMultipartUpload", 2],
    ["ObjectCreated:Put", 1],
  ])("%s comes %i time(s) where multipart uploads are to be reported twice", async (eventName, times) => {
    const queue = apis.makeQueue("drops");
    apis.buckets.set("drops", `${toQueue("q", queue)}<EventBridgeConfiguration/>`);
    const fact = objectFact({ eventName });
    (await start({ duplicateMultipart: true })).onFact(fact);
    await delivery!.close();

    const bodies = apis.messagesIn("drops").map((body) => JSON.parse(body) as unknown);
    expect(bodies).toEqual(Array(times).fill(withId("q", fact)));
    expect(onBus).toHaveLength(times);
  });

  test("that one destination has a problem with goes to the others, and the problem is told", async () => {
    const [broken, queue] = [apis.makeQueue("broken"), apis.makeQueue("drops")];
    apis.buckets.set("drops", toQueue("b", broken) + toQueue("q", queue));
    const authorize = ({ resource }: { resource: string }) =>
      resource === broken ? Promise.reject(new Error("no such operator")) : Promise.resolve();
    (await start({ iam: { authorize } })).onFact(objectFact());
    await delivery!.close();

    expect(events).toHaveLength(2);
    expect(events).toEqual(
      expect.arrayContaining([
        { type: "problem", error: new Error("no such operator") },
        expect.objectContaining({ type: "delivered", destination: queue }),
      ]),
    );
    expect(apis.messagesIn("broken")).toEqual([]);
  });

  test("that cannot be looked after is told, and does not stop the next one; a deleted bucket reports nothing", async () => {
    const queue = apis.makeQueue("drops");
    const started = await start();
    started.onFact(objectFact({ bucket: "deleted" }));
    apis.buckets.set("drops", "broken");
    started.onFact(objectFact());
    expect(await happened(1)).toMatchObject([{ type: "problem", error: { name: "Broken" } }]);

    apis.buckets.set("drops", toQueue("q", queue));
    started.onFact(objectFact());
    expect((await happened(2)).map(({ type }) => type)).toEqual(["problem", "delivered"]);
  });

  test("is ignored after the end", async () => {
    apis.buckets.set("drops", toQueue("q", apis.makeQueue("drops")));
    const started = await start();
    started.onFact(objectFact());
    await delivery!.close();
    started.onFact(objectFact());
    await delivery!.close();

    expect(apis.messagesIn("drops")).toHaveLength(1);
  });
});

test("calls are handed on and delivered nowhere", async () => {
  apis.buckets.set("drops", toQueue("q", apis.makeQueue("drops")));
  const calls: CallFact[] = [];
  const call: CallFact = {
    fact: "call",
    account: ACCOUNT,
    region: "us-east-1",
    bucket: "drops",
    eventName: "PutObject",
    time: "2026-01-31T12:00:00.123Z",
    requestId: "C3D13FE58DE4C810",
    key: "a.zip",
  };
  (await start({ onCall: (fact) => calls.push(fact) })).onFact(call);
  await delivery!.close();

  expect(calls).toEqual([call]);
  expect([events, onBus, apis.messagesIn("drops")]).toEqual([[], [], []]);
});

describe("new destinations", () => {
  const asked = (...destinations: string[]) => ({
    question: "notification-destinations" as const,
    account: ACCOUNT,
    region: "us-east-1",
    bucket: "drops",
    bucketArn: BUCKET_ARN,
    destinations,
  });

  test("get a test event, but for functions", async () => {
    const queue = apis.makeQueue("drops");
    const subscriber = apis.makeQueue("subscriber");
    const topic = arnOf("sns", "drops");
    const subscription = { arn: `${topic}:1`, protocol: "sqs", endpoint: subscriber };
    apis.topics.set(topic, { subscriptions: [subscription] });
    const refused = await (await start()).onNotificationDestinations(asked(queue, topic, FUNCTION_ARN));

    expect(refused).toEqual([]);
    const testEvent = {
      Service: "Amazon S3",
      Event: "s3:TestEvent",
      Time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      Bucket: "drops",
      RequestId: expect.stringMatching(/^[0-9A-F]{16}$/) as string,
      HostId: expect.stringMatching(/^\S{76}$/) as string,
    };
    expect(apis.messagesIn("drops").map((body) => JSON.parse(body) as unknown)).toEqual([testEvent]);
    await until("the topic's subscriber gets it", () => apis.messagesIn("subscriber").length > 0);
    const wrapped = apis.messagesIn("subscriber").map((body) => JSON.parse(body) as { Message: string });
    expect(wrapped).toMatchObject([{ Subject: "Amazon S3 Notification", TopicArn: topic }]);
    expect(JSON.parse(wrapped[0]!.Message)).toEqual(testEvent);
    expect(invoked).toEqual([]);
  });

  test("are named where S3 may not send to them, and none gets a test event", async () => {
    const queue = apis.makeQueue("drops");
    const topic = arnOf("sns", "drops");
    apis.topics.set(topic, { key: "alias/aws/sns", subscriptions: [] });
    iam.denied.add(FUNCTION_ARN);
    const refused = await (await start()).onNotificationDestinations(asked(queue, topic, FUNCTION_ARN));

    const expected = [
      {
        destination: topic,
        reason: "The destination is encrypted by alias/aws/sns, which no other service may use",
      },
      { destination: FUNCTION_ARN, reason: denial("lambda:InvokeFunction", FUNCTION_ARN) },
    ];
    expect(refused).toEqual(expected);
    expect(events).toHaveLength(2);
    expect(events).toEqual(
      expect.arrayContaining(
        expected.map((one) => ({ type: "refused", source: BUCKET_ARN, subject: "s3:TestEvent", ...one })),
      ),
    );
    expect(apis.messagesIn("drops")).toEqual([]);
  });
});

test("new destinations whose policies nobody understands are not accepted, and the problem is told", async () => {
  const failure = new Error("no such operator");
  const started = await start({ iam: { authorize: () => Promise.reject(failure) } });
  const destinations = [apis.makeQueue("drops")];
  const asked = { account: ACCOUNT, region: "us-east-1", bucket: "drops", bucketArn: BUCKET_ARN, destinations };
  const answer = started.onNotificationDestinations({ question: "notification-destinations", ...asked });

  await expect(answer).rejects.toThrow(failure);
  expect(events).toEqual([{ type: "problem", error: failure }]);
});

describe("on EventBridge", () => {
  const version = { "version-id": "096fKKXTRTtl3on89fVO.nfljtsv6qko", sequencer: "0055AED6DCD90281E5" };
  const content = { size: 5, etag: "5d41402abc4b2a76b9719d911017c592" };
  const caller = { "request-id": "C3D13FE58DE4C810", requester: ACCOUNT, "source-ip-address": "127.0.0.1" };

  test("an upload has the key as it was sent, and whole seconds", () => {
    expect(eventBridgeEvent(objectFact())).toEqual({
      version: "0",
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/) as string,
      "detail-type": "Object Created",
      source: "aws.s3",
      account: ACCOUNT,
      time: "2026-01-31T12:00:00Z",
      region: "us-east-1",
      resources: [BUCKET_ARN],
      detail: {
        version: "0",
        bucket: { name: "drops" },
        object: { key: "in/a b.zip", ...content, ...version },
        ...caller,
        reason: "PutObject",
      },
    });
  });

  test("an object of a bucket without versions has no version id", () => {
    const { detail } = eventBridgeEvent(objectFact({ versionId: undefined }));
    expect(detail.object).toEqual({ key: "in/a b.zip", ...content, sequencer: version.sequencer });
  });

  test.each([
    ["ObjectCreated:Post", "Object Created", { reason: "POST Object" }],
    ["ObjectCreated:Copy", "Object Created", { reason: "CopyObject" }],
    ["ObjectCreated:CompleteMultipartUpload", "Object Created", { reason: "CompleteMultipartUpload" }],
    ["ObjectRemoved:Delete", "Object Deleted", { reason: "DeleteObject", "deletion-type": "Permanently Deleted" }],
    [
      "ObjectRemoved:DeleteMarkerCreated",
      "Object Deleted",
      { reason: "DeleteObject", "deletion-type": "Delete Marker Created" },
    ],
    ["ObjectRestore:Post", "Object Restore Initiated", {}],
  ])("%s is %s with %j", (eventName, detailType, more) => {
    const event = eventBridgeEvent(objectFact({ eventName }));
    expect(event["detail-type"]).toBe(detailType);
    expect(event.detail).toEqual({
      version: "0",
      bucket: { name: "drops" },
      object: { key: "in/a b.zip", ...content, ...version },
      ...caller,
      ...more,
    });
  });

  test("the end of a restore is requested by nobody", () => {
    const { record, ...fact } = objectFact({ eventName: "ObjectRestore:Completed", sequencer: undefined });
    const restoreEventData = {
      lifecycleRestorationExpiryTime: "2026-02-01T00:00:00.000Z",
      lifecycleRestoreStorageClass: "GLACIER",
    };
    const event = eventBridgeEvent({ ...fact, record: { ...record, glacierEventData: { restoreEventData } } });
    expect(event["detail-type"]).toBe("Object Restore Completed");
    expect(event.detail).toEqual({
      version: "0",
      bucket: { name: "drops" },
      object: { key: "in/a b.zip", ...content, "version-id": version["version-id"] },
      "request-id": "C3D13FE58DE4C810",
      requester: "s3.amazonaws.com",
      "restore-expiry-time": "2026-02-01T00:00:00Z",
      "source-storage-class": "GLACIER",
    });
  });
});
