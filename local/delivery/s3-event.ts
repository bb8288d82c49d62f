import { randomBytes, randomUUID } from "node:crypto";

import type { NotificationConfiguration, NotificationConfigurationFilter } from "@aws-sdk/client-s3";

import type { ObjectFact } from "../moto/facts";

/** One destination that a bucket reports an event to. */
export interface Notification {
  /** Of a queue, topic or function. */
  readonly destination: string;
  readonly body: { readonly Records: readonly object[] };
}

/** What the bucket's notification configuration says is to be sent. */
export function notifications(fact: ObjectFact, configuration: NotificationConfiguration): readonly Notification[] {
  const { QueueConfigurations = [], TopicConfigurations = [], LambdaFunctionConfigurations = [] } = configuration;
  return [
    ...QueueConfigurations.map((each) => ({ ...each, arn: each.QueueArn })),
    ...TopicConfigurations.map((each) => ({ ...each, arn: each.TopicArn })),
    ...LambdaFunctionConfigurations.map((each) => ({ ...each, arn: each.LambdaFunctionArn })),
  ]
    .filter(({ Events = [], Filter }) => Events.some((event) => matchesEvent(event, fact)) && matchesKey(Filter, fact))
    .map(({ arn = "", Id }) => ({ destination: arn, body: { Records: [withId(fact, Id)] } }));
}

/** `s3:ObjectCreated:*` stands for every creation. */
function matchesEvent(configured: string, { eventName }: ObjectFact): boolean {
  const event = `s3:${eventName}`;
  return configured.endsWith("*") ? event.startsWith(configured.slice(0, -1)) : event === configured;
}

/**
 * The filter's values are compared with the key as it is written in the event, URL-encoded.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
 */
function matchesKey(filter: NotificationConfigurationFilter | undefined, { record }: ObjectFact): boolean {
  const { key } = record.s3.object;
  return (filter?.Key?.FilterRules ?? []).every(({ Name = "", Value = "" }) =>
    Name.toLowerCase() === "prefix" ? key.startsWith(Value) : key.endsWith(Value),
  );
}

function withId({ record }: ObjectFact, configurationId: string | undefined): object {
  const { s3SchemaVersion, ...rest } = record.s3;
  return { ...record, s3: { s3SchemaVersion, configurationId, ...rest } };
}

/**
 * What S3 sends to each queue and topic when it is configured.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function testEvent(bucket: string): object {
  return {
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date().toISOString(),
    Bucket: bucket,
    RequestId: randomBytes(8).toString("hex").toUpperCase(),
    HostId: randomBytes(57).toString("base64"),
  };
}

const DETAIL_TYPES: Readonly<Record<string, string>> = {
  ObjectCreated: "Object Created",
  ObjectRemoved: "Object Deleted",
  "ObjectRestore:Post": "Object Restore Initiated",
  "ObjectRestore:Completed": "Object Restore Completed",
};

/** Which call, or which of S3's own doings, caused it. */
const REASONS: Readonly<Record<string, string>> = {
  "ObjectCreated:Put": "PutObject",
  "ObjectCreated:Post": "POST Object",
  "ObjectCreated:Copy": "CopyObject",
  "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
  "ObjectRemoved:Delete": "DeleteObject",
  "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
};

const DELETION_TYPES: Readonly<Record<string, string>> = {
  "ObjectRemoved:Delete": "Permanently Deleted",
  "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
};

/** An event on the default bus, every field as documented: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export interface EventBridgeEvent {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: "aws.s3";
  readonly account: string;
  /** ISO 8601, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The fact as S3 puts it on EventBridge: the key is not encoded. */
export function eventBridgeEvent(fact: ObjectFact): EventBridgeEvent {
  const { eventName, key, size, etag, versionId, sequencer, record } = fact;
  const restored = record.glacierEventData?.restoreEventData;
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": DETAIL_TYPES[eventName] ?? DETAIL_TYPES[eventName.split(":")[0] ?? ""] ?? eventName,
    source: "aws.s3",
    account: fact.account,
    time: wholeSeconds(fact.time),
    region: fact.region,
    resources: [record.s3.bucket.arn],
    detail: {
      version: "0",
      bucket: { name: fact.bucket },
      object: present({ key, size, etag, "version-id": versionId, sequencer }),
      "request-id": fact.requestId,
      // That a restore is complete, nobody requests.
      requester: restored === undefined ? fact.account : "s3.amazonaws.com",
      ...present({
        "source-ip-address": restored === undefined ? record.requestParameters.sourceIPAddress : undefined,
        reason: REASONS[eventName],
        "deletion-type": DELETION_TYPES[eventName],
        "restore-expiry-time": restored && wholeSeconds(restored.lifecycleRestorationExpiryTime),
        "source-storage-class": restored?.lifecycleRestoreStorageClass,
      }),
    },
  };
}

function wholeSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
