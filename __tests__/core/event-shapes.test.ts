import fc from "fast-check";
import type { Drop } from "../../core/drop";
import { type EventContents, parseEvent, parseMessage } from "../../core/events";
import { type EventFixture, eventFiles, eventFixtures, readEvent } from "../fixtures/events";
import { s3Entity, s3Record } from "../support/s3-events";
import { thrownBy } from "../support/thrown";

const s3Drop = {
  bucket: "mybucket",
  key: "HappyFace.jpg",
  versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
  etag: "d41d8cd98f00b204e9800998ecf8427e",
  size: 1024,
  sequencer: "0055AED6DCD90281E5",
  time: "1970-01-01T00:00:00.000Z",
};
const bridgeDrop = {
  bucket: "amzn-s3-demo-bucket1",
  key: "example-key",
  versionId: "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
  etag: "b1946ac92492d2347c6235b4d2611184",
  size: 5,
  sequencer: "617f08299329d189",
  time: "2021-11-12T00:00:00Z",
};
const trailDrop = { bucket: "amzn-s3-demo-bucket1", key: "image/web.zip", time: "2020-11-30T15:44:33Z" };

function without<T extends object>(value: T, field: keyof T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== field)) as Partial<T>;
}

const drops = (...found: readonly object[]): EventContents => ({ drops: found as Drop[], ignored: [] });
const ignored = (...reasons: readonly string[]): EventContents => ({ drops: [], ignored: reasons });
const TEST = "s3:TestEvent reports no upload: S3 sends it when a notification is configured";

const confirmation = (type: string): string =>
  `topic "arn:aws:sns:us-west-2:123456789012:MyTopic" sends no uploads: found its ${type}, expected notifications; open the ` +
  "message's SubscribeURL if the pipeline is to take that topic's uploads, otherwise delete the message";

const expected: Record<EventFixture, EventContents | string> = {
  "s3-put": drops(s3Drop),
  "s3-copy": drops({ ...s3Drop, key: "red flower.jpg" }),
  "s3-multipart-unversioned": drops({
    ...without(s3Drop, "versionId"),
    key: "images/web.zip",
    etag: "3858f62230ac3c915f300c664312c11f-9",
    size: 325_000_000,
  }),
  "s3-two-services": drops(
    { ...s3Drop, key: "team a/w\u00f6rker+1.zip" },
    {
      ...s3Drop,
      key: "100%/\u670d\u52d9 %41 \u{20bb7}.zip",
      versionId: "QUpfdndhfd8438MNFDN93jdnJFkdmqnh893",
      sequencer: "0055AED6DCD90281E6",
    },
  ),
  "s3-delete-beside-put": {
    drops: [s3Drop],
    ignored: ["ObjectRemoved:DeleteMarkerCreated is not a finished upload (ObjectCreated:*)"],
  },
  "s3-restore-completed": ignored("ObjectRestore:Completed is not a finished upload (ObjectCreated:*)"),
  "s3-lifecycle-transition": ignored("LifecycleTransition is not a finished upload (ObjectCreated:*)"),
  "s3-future-minor-version": drops(s3Drop),
  "s3-test": ignored(TEST),
  "sns-s3-put": drops(s3Drop),
  "sns-s3-test": ignored(TEST),
  "sns-subscription-confirmation": confirmation("SubscriptionConfirmation"),
  "sns-unsubscribe-confirmation": confirmation("UnsubscribeConfirmation"),
  "lambda-sns-s3-put": drops(s3Drop),
  "eventbridge-object-created": drops(bridgeDrop),
  "eventbridge-object-created-event-version": drops({ ...bridgeDrop, key: "team a/w\u00f6rker+1 100%25.zip" }),
  "eventbridge-object-created-unversioned": drops({
    ...without(bridgeDrop, "versionId"),
    key: "\u670d\u52d9/\u{20bb7}.zip",
    etag: "3858f62230ac3c915f300c664312c11f-9",
    size: 325_000_000,
  }),
  "eventbridge-object-deleted": ignored("Object Deleted is not a finished upload (Object Created)"),
  "eventbridge-object-restore-completed": ignored("Object Restore Completed is not a finished upload (Object Created)"),
  "cloudtrail-put-object": drops({
    ...trailDrop,
    key: "team a/w\u00f6rker+1 100%25.zip",
    versionId: "001",
    call: "PutObject",
  }),
  "cloudtrail-put-object-unversioned": drops({ ...trailDrop, call: "PutObject" }),
  "cloudtrail-put-object-denied": ignored("PutObject failed (AccessDenied) and wrote nothing"),
  "cloudtrail-copy-object": drops({ ...trailDrop, versionId: "002", call: "CopyObject" }),
  "cloudtrail-create-multipart-upload": ignored("CreateMultipartUpload reports the start of an upload, not its end"),
  "cloudtrail-complete-multipart-upload": drops({ ...trailDrop, versionId: "003", call: "CompleteMultipartUpload" }),
  "cloudtrail-delete-object": ignored(
    "DeleteObject is not a finished upload (PutObject, PostObject, CopyObject, CompleteMultipartUpload)",
  ),
  "failed-invocation-s3-put": drops(s3Drop),
  "failed-invocation-eventbridge": drops(bridgeDrop),
};

test.each(eventFixtures)("%s", (name) => {
  const outcome = expected[name];
  const body = readEvent(name);
  for (const read of [() => parseMessage(body), () => parseEvent(JSON.parse(body))]) {
    if (typeof outcome === "string")
      expect(thrownBy(read)).toMatchObject({ name: "TopicConfirmationError", message: outcome });
    else expect(read()).toStrictEqual(outcome);
  }
});

test("every event says which page of AWS it follows", () => {
  expect(eventFiles().toSorted()).toStrictEqual(eventFixtures.toSorted());
});

const event = (name: EventFixture): Record<string, unknown> => JSON.parse(readEvent(name)) as Record<string, unknown>;
const bridge = event("eventbridge-object-created");
const bridgeDetail = bridge.detail as Record<string, unknown>;
const trail = event("cloudtrail-put-object");
const trailDetail = trail.detail as Record<string, unknown>;
const topic = event("sns-s3-put");
const [topicRecord] = event("lambda-sns-s3-put").Records as Record<string, unknown>[];

const REMEDY = "let only the pipeline's own trigger send here, then replay or delete what failed";

test.each<[string, object, string]>([
  ["another service's event", { ...bridge, source: "aws.ec2" }, 'source = "aws.ec2", expected "aws.s3"'],
  ["a type that is no text", { ...bridge, "detail-type": 1 }, "detail-type = 1, expected a string at detail-type"],
  ["no detail", { ...bridge, detail: [] }, "detail = [], expected an object at detail"],
  [
    "another version of the detail",
    { ...bridge, detail: { ...bridgeDetail, version: "1" } },
    'detail.version = "1", expected "0"',
  ],
  [
    "another major version of S3's events",
    { ...bridge, detail: { ...bridgeDetail, "event-version": "2.0" } },
    'detail.event-version = "2.0", expected version 1.x',
  ],
  [
    "no object",
    { ...bridge, detail: without(bridgeDetail, "object") },
    "detail.object = nothing, expected an object at detail.object",
  ],
  ["a call of another service", { ...trail, source: "aws.ec2" }, 'source = "aws.ec2", expected "aws.s3"'],
  [
    "another major version of CloudTrail's records",
    { ...trail, detail: { ...trailDetail, eventVersion: "2.0" } },
    'detail.eventVersion = "2.0", expected version 1.x',
  ],
  [
    "a call without parameters",
    { ...trail, detail: { ...trailDetail, requestParameters: null } },
    "detail.requestParameters = null, expected an object at detail.requestParameters",
  ],
  ["a topic's message of no type", { ...topic, Type: "?" }, 'Type = "?", expected "Notification"'],
  [
    "a topic's message that is no JSON",
    { ...topic, Message: "Hello world!" },
    'Message = "Hello world!", expected JSON at Message',
  ],
  ["a topic's message without a message", without(topic, "Message"), "Message = nothing, expected a string at Message"],
  [
    "a topic's record without a message",
    { Records: [topicRecord, { ...topicRecord, Sns: null }] },
    "Records[1].Sns = null, expected an object at Records[1].Sns",
  ],
  [
    "a topic's record that is no JSON",
    { Records: [{ Sns: { Type: "Notification", Message: "Hello from SNS!" } }] },
    'Records[0].Sns.Message = "Hello from SNS!", expected JSON at Records[0].Sns.Message',
  ],
  [
    "a failed invocation with a foreign event",
    { requestContext: {}, requestPayload: { Records: [7] } },
    "Records[0] = 7, expected an object at Records[0]",
  ],
])("refuses %s", (_, unreadable, foundAndExpected) => {
  expect(thrownBy(() => parseEvent(unreadable))).toMatchObject({
    name: "UnreadableEventError",
    message: `cannot read the event: found ${foundAndExpected}; ${REMEDY}`,
  });
});

test("a browser's form ends an upload, too", () => {
  const { drops: found } = parseEvent({ ...trail, detail: { ...trailDetail, eventName: "PostObject" } });
  expect(found).toStrictEqual([{ ...parseEvent(trail).drops[0], call: "PostObject" }]);
});

test("a call that answers nothing is a drop without a version", () => {
  const { drops: found } = parseEvent({ ...trail, detail: { ...trailDetail, responseElements: null } });
  expect(found[0]).not.toHaveProperty("versionId");
});

test('a call in a bucket whose versioning is suspended writes version "null": none', () => {
  const responseElements = { "x-amz-version-id": "null" };
  const { drops: found } = parseEvent({ ...trail, detail: { ...trailDetail, responseElements } });
  expect(found[0]).not.toHaveProperty("versionId");
});

const inTopic = (inner: object): object => ({ ...topic, Message: JSON.stringify(inner) });
const inRecord = (inner: object): object => ({
  Records: [{ ...topicRecord, Sns: { ...(topicRecord!.Sns as object), Message: JSON.stringify(inner) } }],
});
const asFailure = (inner: object): object => ({ ...event("failed-invocation-s3-put"), requestPayload: inner });

test("a failure that went through a topic and was replayed from a queue is still the same drop", () => {
  expect(parseMessage(JSON.stringify(inTopic(asFailure(inRecord(event("s3-put"))))))).toStrictEqual(drops(s3Drop));
});

test("eight envelopes are opened, nine are not", () => {
  const wrap = (times: number): object => (times === 0 ? event("s3-put") : asFailure(wrap(times - 1)));
  expect(parseEvent(wrap(8))).toStrictEqual(drops(s3Drop));
  expect(() => parseEvent(wrap(9))).toThrow(
    `cannot read the event: found an event in more than 8 envelopes, expected at most 8; ${REMEDY}`,
  );
});

describe("any key", () => {
  const keys = fc
    .string({ unit: "binary", minLength: 1, maxLength: 256 })
    .filter((key) => Buffer.byteLength(key) <= 1024);
  const notification = (key: string): object => ({
    Records: [
      s3Record({ s3: s3Entity({ object: { key: new URLSearchParams({ key }).toString().slice("key=".length) } }) }),
    ],
  });
  const percentEncoded = (key: string): object => ({
    Records: [s3Record({ s3: s3Entity({ object: { key: encodeURIComponent(key) } }) })],
  });

  test.each<[string, (key: string) => object]>([
    ["an S3 notification", notification],
    ["an S3 notification that encodes spaces by percent signs", percentEncoded],
    ["an S3 notification in a topic's message", (key) => inTopic(notification(key))],
    ["an S3 notification in a topic's record", (key) => inRecord(notification(key))],
    [
      "an EventBridge event",
      (key) => ({ ...bridge, detail: { ...bridgeDetail, object: { ...(bridgeDetail.object as object), key } } }),
    ],
    [
      "a CloudTrail record",
      (key) => ({
        ...trail,
        detail: { ...trailDetail, requestParameters: { ...(trailDetail.requestParameters as object), key } },
      }),
    ],
    ["the record of a failed invocation", (key) => asFailure(notification(key))],
  ])("survives %s", (_, render) => {
    fc.assert(
      fc.property(keys, (key) => {
        expect(parseMessage(JSON.stringify(render(key))).drops.map((drop) => drop.key)).toStrictEqual([key]);
      }),
    );
  });
});
