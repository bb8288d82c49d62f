import { S3BucketNotification, type S3BucketNotificationConfig } from "@cdktf/provider-aws/lib/s3-bucket-notification";
import type { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { BucketConfig } from "../config/schema";
import { PrivateBucket } from "./private-bucket";
import type { Surroundings } from "./surroundings";

/** Where a bucket must report finished uploads of zips. */
export type BucketNotification = (
  | { readonly kind: "queue" | "topic" | "function"; readonly arn: string }
  /** To the account's default event bus, whatever happens in the bucket. */
  | { readonly kind: "eventbridge" }
) & {
  /** What must be there before the bucket reports: what S3 checks, and what no event may miss. */
  readonly dependsOn?: readonly ITerraformDependable[];
};

/** What is reported, in S3's names of events and as the ending of keys. */
const EVENTS = ["s3:ObjectCreated:*"];
const FILTER_SUFFIX = ".zip";

/** The bucket that drops land in. */
export interface DropBucket {
  readonly name: string;
  readonly arn: string;
  /** Actions by which a build reads a drop. */
  readonly readActions: readonly string[];
  /** What the owner of a bucket that is not ours has to add to its notifications, as arguments of an `aws_s3_bucket_notification`. */
  readonly ownerMustAdd?: Readonly<Record<string, unknown>>;
  /** Has the bucket report. A bucket has one notification configuration, so this is called once. */
  notify(notification: BucketNotification): void;
}

/** The configured bucket: created, or taken as it is. */
export function dropBucket(scope: Construct, id: string, config: BucketConfig, surroundings: Surroundings): DropBucket {
  return config.existing ? new ExistingDropBucket(config.name, surroundings) : new CreatedDropBucket(scope, id, config);
}

/** A bucket of the pipeline's own: every upload keeps its version until every event about it must have been handled. */
class CreatedDropBucket extends Construct implements DropBucket {
  readonly name: string;
  readonly arn: string;
  /** Every drop has a version id, and no other version is ever meant. */
  readonly readActions = ["s3:GetObjectVersion"];
  readonly #versioning: S3BucketVersioningA;

  constructor(scope: Construct, id: string, config: BucketConfig) {
    super(scope, id);
    const { bucket, versioning } = new PrivateBucket(this, "private", config);
    this.name = bucket.bucket;
    this.arn = bucket.arn;
    this.#versioning = versioning;
  }

  notify(notification: BucketNotification): void {
    new S3BucketNotification(this, "notification", {
      bucket: this.name,
      ...renderTarget(notification),
      // What is uploaded before the bucket is versioned has no version id to be built by.
      dependsOn: [this.#versioning, ...(notification.dependsOn ?? [])],
    });
  }
}

/** Someone else's bucket: named in policies, never configured. */
class ExistingDropBucket implements DropBucket {
  readonly arn: string;
  /** Whether the owner keeps versions is not ours to know. */
  readonly readActions = ["s3:GetObject", "s3:GetObjectVersion"];
  ownerMustAdd?: Readonly<Record<string, unknown>>;

  constructor(
    readonly name: string,
    surroundings: Surroundings,
  ) {
    this.arn = surroundings.bucketArn(name);
  }

  notify(notification: BucketNotification): void {
    this.ownerMustAdd = renderForOwner(notification);
  }
}

function renderTarget(notification: BucketNotification): Omit<S3BucketNotificationConfig, "bucket"> {
  if (notification.kind === "eventbridge") return { eventbridge: true };
  const { kind, arn } = notification;
  const drops = { id: "drops", events: EVENTS, filterSuffix: FILTER_SUFFIX };
  if (kind === "queue") return { queue: [{ ...drops, queueArn: arn }] };
  if (kind === "topic") return { topic: [{ ...drops, topicArn: arn }] };
  return { lambdaFunction: [{ ...drops, lambdaFunctionArn: arn }] };
}

/** In the spelling of the owner's own Terraform. */
function renderForOwner(notification: BucketNotification): Readonly<Record<string, unknown>> {
  if (notification.kind === "eventbridge") return { eventbridge: true };
  const { kind, arn } = notification;
  const drops = { events: EVENTS, filter_suffix: FILTER_SUFFIX };
  if (kind === "queue") return { queue: [{ queue_arn: arn, ...drops }] };
  if (kind === "topic") return { topic: [{ topic_arn: arn, ...drops }] };
  return { lambda_function: [{ lambda_function_arn: arn, ...drops }] };
}
