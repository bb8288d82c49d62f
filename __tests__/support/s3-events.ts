/**
 * An event as S3 sends it, every field as documented.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function s3Record(changes: { readonly [field in keyof typeof record]?: unknown } = {}): object {
  return { ...record, ...changes };
}

const record = {
  eventVersion: "2.3",
  eventSource: "aws:s3",
  awsRegion: "us-east-1",
  eventTime: "2026-01-31T12:00:00.123Z",
  eventName: "ObjectCreated:Put",
  userIdentity: { principalId: "AWS:AIDAJDPLRKLG7UEXAMPLE" },
  requestParameters: { sourceIPAddress: "127.0.0.1" },
  responseElements: {
    "x-amz-request-id": "C3D13FE58DE4C810",
    "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
  },
  s3: s3Entity(),
};

/** The `s3` part of a record; `object` and `bucketName` replace what the documented example has. */
export function s3Entity(changes: { readonly bucketName?: string; readonly object?: object } = {}): object {
  const bucketName = changes.bucketName ?? "drop-images";
  return {
    s3SchemaVersion: "1.0",
    configurationId: "testConfigRule",
    bucket: {
      name: bucketName,
      ownerIdentity: { principalId: "A3NL1KOZZKExample" },
      arn: `arn:aws:s3:::${bucketName}`,
    },
    object: {
      key: "test-jessie.zip",
      size: 1024,
      eTag: "d41d8cd98f00b204e9800998ecf8427e",
      versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
      sequencer: "0055AED6DCD90281E5",
      ...changes.object,
    },
  };
}

/** A queue's message body with one record of an upload. */
export function uploadBody(object: object = {}, changes: Parameters<typeof s3Record>[0] = {}): string {
  return JSON.stringify({ Records: [s3Record({ s3: s3Entity({ object }), ...changes })] });
}

/**
 * What S3 sends when a notification is configured.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
 */
export const testEventBody = JSON.stringify({
  Service: "Amazon S3",
  Event: "s3:TestEvent",
  Time: "2014-10-13T15:57:02.089Z",
  Bucket: "drop-images",
  RequestId: "5582815E1AEA5ADF",
  HostId: "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
});

/**
 * A batch as Lambda passes it on; message n has the id `message-n`.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export function sqsEvent(...bodies: readonly string[]): { Records: object[] } {
  return {
    Records: bodies.map((body, index) => ({
      messageId: `message-${index}`,
      receiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
      body,
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: "1545082649183",
        SenderId: "AIDAIENQZJOLO23YVJ4VO",
        ApproximateFirstReceiveTimestamp: "1545082649185",
      },
      messageAttributes: {},
      md5OfBody: "e4e68fb7bd0e697a0ae8f1bb342846b3",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-1:123456789012:drops",
      awsRegion: "us-east-1",
    })),
  };
}
