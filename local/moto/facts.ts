/**
 * What happened to an object, as S3 reports it to queues, topics, functions and EventBridge.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
 */
export interface ObjectFact {
  readonly fact: "object";
  /** Owner of the bucket. */
  readonly account: string;
  readonly region: string;
  readonly bucket: string;
  /** Such as `ObjectCreated:CompleteMultipartUpload`: created, removed or restored. */
  readonly eventName: string;
  /** ISO 8601, milliseconds: when the object was stored, which for a multipart upload is its end. */
  readonly time: string;
  readonly requestId: string;
  /** As it was sent, not URL-encoded. */
  readonly key: string;
  readonly size?: number;
  /** Without quotes. */
  readonly etag?: string;
  /** Absent where the bucket has no versions. */
  readonly versionId?: string;
  /** Absent for what was restored. */
  readonly sequencer?: string;
  /** The record of a notification, but for `s3.configurationId`. */
  readonly record: S3Record;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
interface S3Record {
  readonly requestParameters: { readonly sourceIPAddress: string };
  readonly s3: {
    readonly s3SchemaVersion: string;
    readonly bucket: { readonly name: string; readonly arn: string };
    readonly object: { readonly key: string };
  };
  /** Of an object that was restored. */
  readonly glacierEventData?: {
    readonly restoreEventData: {
      readonly lifecycleRestorationExpiryTime: string;
      readonly lifecycleRestoreStorageClass: string;
    };
  };
}

/** An API call that writes, as CloudTrail records it: after its end, also where it failed. */
export interface CallFact {
  readonly fact: "call";
  /** Owner of the bucket. */
  readonly account: string;
  readonly region: string;
  readonly bucket: string;
  readonly eventName:
    | "PutObject"
    | "CopyObject"
    | "CreateMultipartUpload"
    | "CompleteMultipartUpload"
    | "AbortMultipartUpload"
    | "DeleteObject";
  /**
   * ISO 8601, milliseconds. Of CreateMultipartUpload: the upload's `Initiated`, which will be its object's `LastModified`. Of
   * what stores an object: when it was stored.
   */
  readonly time: string;
  readonly requestId: string;
  readonly key: string;
  readonly uploadId?: string;
  /** Of the version or delete marker that was made or deleted. Absent where the bucket has no versions. */
  readonly versionId?: string;
  /** Absent where the call succeeded. */
  readonly errorCode?: string;
}

/** A message that somebody published to an SNS topic. */
interface PublishFact {
  readonly fact: "publish";
  readonly account: string;
  readonly region: string;
  readonly topicArn: string;
  readonly messageId: string;
  readonly message: string;
  readonly subject?: string;
}

/** What happened in moto, which itself delivers nothing. */
export type Fact = ObjectFact | CallFact | PublishFact;

/** A notification configuration that somebody puts on a bucket. */
export interface NotificationDestinations {
  readonly question: "notification-destinations";
  /** Owner of the bucket. */
  readonly account: string;
  readonly region: string;
  readonly bucket: string;
  readonly bucketArn: string;
  /** ARNs of queues, topics and functions, each once. */
  readonly destinations: readonly string[];
}

/** A destination that S3 may not send to. */
export interface RefusedDestination {
  readonly destination: string;
  readonly reason: string;
}
