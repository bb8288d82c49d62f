import { parseEvent, parseMessage } from "../../core/events";
import { s3Entity, s3Record, testEventBody, uploadBody } from "../support/s3-events";
import { thrownBy } from "../support/thrown";

const drop = {
  bucket: "drop-images",
  key: "test-jessie.zip",
  versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
  etag: "d41d8cd98f00b204e9800998ecf8427e",
  size: 1024,
  sequencer: "0055AED6DCD90281E5",
  time: "2026-01-31T12:00:00.123Z",
};

test("an S3 notification in a queue's message is one drop", () => {
  expect(parseMessage(uploadBody())).toStrictEqual({ drops: [drop], ignored: [] });
});

test("an S3 notification is the same event outside of a message", () => {
  expect(parseEvent({ Records: [s3Record()] })).toStrictEqual({ drops: [drop], ignored: [] });
});

test.each(["Put", "Post", "Copy", "CompleteMultipartUpload", "AnythingNew"])(
  "ObjectCreated:%s is an upload",
  (kind) => {
    expect(parseMessage(uploadBody({}, { eventName: `ObjectCreated:${kind}` })).drops).toStrictEqual([drop]);
  },
);

test.each(["2.0", "2.1", "2.2", "2.3", "2.99"])("event version %s is read", (eventVersion) => {
  expect(parseMessage(uploadBody({}, { eventVersion })).drops).toStrictEqual([drop]);
});

test("fields of the future are no obstacle", () => {
  const body = JSON.parse(uploadBody({ storageClass: "X" })) as { Records: object[] };
  const record = { ...body.Records[0], glacierEventData: {}, lifecycleEventData: {}, invented: [1] };
  expect(parseEvent({ ...body, more: true, Records: [record] }).drops).toStrictEqual([drop]);
});

test.each([
  ["my+service.zip", "my service.zip"],
  ["my%20service.zip", "my service.zip"],
  ["a%2Bb.zip", "a+b.zip"],
  ["100%25.zip", "100%.zip"],
  ["%2541.zip", "%41.zip"],
  ["%E6%9C%8D%E5%8B%99.zip", "\u670d\u52d9.zip"],
  ["%F0%9F%9A%80.zip", "\u{1f680}.zip"],
  ["team-a/test%3Djessie%26x.zip", "team-a/test=jessie&x.zip"],
])("key %s is %s", (encoded, key) => {
  expect(parseMessage(uploadBody({ key: encoded })).drops).toStrictEqual([{ ...drop, key }]);
});

test("an object of an unversioned bucket has no version", () => {
  expect(parseMessage(uploadBody({ versionId: undefined })).drops[0]).not.toHaveProperty("versionId");
  expect(parseMessage(uploadBody({ versionId: "null" })).drops[0]).not.toHaveProperty("versionId");
});

test("an emulator's event, without version, sequencer and time, is a drop with less known", () => {
  const s3 = { bucket: { name: "drop-images" }, object: { key: "a.zip" } };
  const record = { eventVersion: "2.1", eventSource: "aws:s3", eventName: "ObjectCreated:Put", s3 };
  expect(parseEvent({ Records: [record] }).drops).toStrictEqual([{ bucket: "drop-images", key: "a.zip" }]);
});

test("one notification may hold several records, in their order", () => {
  const record = (key: string): object => s3Record({ s3: s3Entity({ object: { key } }) });
  const { drops } = parseEvent({ Records: [record("a.zip"), record("b.zip")] });
  expect(drops.map(({ key }) => key)).toStrictEqual(["a.zip", "b.zip"]);
});

test("s3:TestEvent is no drop", () => {
  expect(parseMessage(testEventBody)).toStrictEqual({
    drops: [],
    ignored: ["s3:TestEvent reports no upload: S3 sends it when a notification is configured"],
  });
});

test.each([
  "ObjectRemoved:Delete",
  "ObjectRemoved:DeleteMarkerCreated",
  "ObjectRestore:Completed",
  "LifecycleTransition",
])("%s is no drop", (eventName) => {
  expect(parseMessage(uploadBody({}, { eventName }))).toStrictEqual({
    drops: [],
    ignored: [`${eventName} is not a finished upload (ObjectCreated:*)`],
  });
});

test("a deletion beside an upload hides neither", () => {
  const contents = parseEvent({ Records: [s3Record({ eventName: "ObjectRemoved:Delete" }), s3Record()] });
  expect(contents).toStrictEqual({
    drops: [drop],
    ignored: ["ObjectRemoved:Delete is not a finished upload (ObjectCreated:*)"],
  });
});

test("a notification without records says so", () => {
  expect(parseMessage('{"Records":[]}')).toStrictEqual({ drops: [], ignored: ["the notification holds no records"] });
});

const REMEDY = "let only the pipeline's own trigger send here, then replay or delete what failed";
const SHAPES =
  "an S3 test event, an SNS event, an S3 event notification, a message of a topic, an S3 API call of CloudTrail, " +
  "an EventBridge event of S3 or the record of a failed invocation";

test.each([
  ["hello", `found no JSON but "hello", expected ${SHAPES}`],
  ["", `found no JSON but "", expected ${SHAPES}`],
  ["x".repeat(500), `found no JSON but "${"x".repeat(79)}... (502 characters), expected ${SHAPES}`],
  ["[]", `found [], expected ${SHAPES}`],
  ["null", `found null, expected ${SHAPES}`],
  ["{}", `found an object with no fields, expected ${SHAPES}`],
  ['{"source":"aws.s3","detail":{}}', `found an object with the fields "source, detail", expected ${SHAPES}`],
  ['{"Type":"Notification","Message":"{}"}', `found an object with the fields "Type, Message", expected ${SHAPES}`],
  ['{"requestPayload":{}}', `found an object with the fields "requestPayload", expected ${SHAPES}`],
  ['{"Records":[7]}', "found Records[0] = 7, expected an object at Records[0]"],
  ['{"Records":{}}', `found an object with the fields "Records", expected ${SHAPES}`],
  [uploadBody({}, { eventSource: "aws:sqs" }), 'found Records[0].eventSource = "aws:sqs", expected "aws:s3"'],
  [uploadBody({}, { eventVersion: "3.0" }), 'found Records[0].eventVersion = "3.0", expected version 2.x'],
  [uploadBody({}, { eventVersion: 2.1 }), "found Records[0].eventVersion = 2.1, expected version 2.x"],
  [
    uploadBody({}, { eventName: undefined }),
    "found Records[0].eventName = nothing, expected a string at Records[0].eventName",
  ],
  [uploadBody({}, { s3: null }), "found Records[0].s3 = null, expected an object at Records[0].s3"],
  [
    uploadBody({}, { s3: { bucket: "b" } }),
    'found Records[0].s3.bucket = "b", expected an object at Records[0].s3.bucket',
  ],
  [
    uploadBody({}, { s3: { bucket: { name: "drop-images" } } }),
    "found Records[0].s3.object = nothing, expected an object at Records[0].s3.object",
  ],
  [
    uploadBody({ key: undefined }),
    "found Records[0].s3.object.key = nothing, expected a string at Records[0].s3.object.key",
  ],
  [uploadBody({ key: "100%.zip" }), 'found Records[0].s3.object.key = "100%.zip", expected a URL-encoded UTF-8 key'],
  [uploadBody({ key: "%FF.zip" }), 'found Records[0].s3.object.key = "%FF.zip", expected a URL-encoded UTF-8 key'],
])("refuses %s", (body, foundAndExpected) => {
  expect(thrownBy(() => parseMessage(body))).toMatchObject({
    name: "UnreadableEventError",
    message: `cannot read the event: ${foundAndExpected}; ${REMEDY}`,
  });
});

test("a value that S3 could not have written is refused by its name", () => {
  expect(thrownBy(() => parseMessage(uploadBody({ size: -1 })))).toMatchObject({
    name: "InvalidDropError",
    message: "drop size must be a number of bytes, 0 or more, got: -1",
  });
});

test("a message is read whole or not at all", () => {
  expect(() => parseEvent({ Records: [s3Record(), {}] })).toThrow(
    `cannot read the event: found Records[1].eventSource = nothing, expected "aws:s3"; ${REMEDY}`,
  );
});
