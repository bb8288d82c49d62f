import { S3BucketNotification, type S3BucketNotificationConfig } from "@cdktf/provider-aws/lib/s3-bucket-notification";
import type { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { endingsOf, type KeyEnding } from "../config/key-endings";
import type { BucketConfig, PipelineConfig } from "../config/schema";
import { PrivateBucket } from "./private-bucket";
import type { Surroundings } from "./surroundings";

/** Where a bucket must report finished uploads of what may be a drop. */
export type BucketNotification = (
  | { readonly kind: "queue" | "topic" | "function"; readonly arn: string }
  /** To the account's default event bus, whatever happens in the bucket. */
  | { readonly kind: "eventbridge" }
) & {
  /** What must be there before the bucket reports: what S3 checks, and what no event may miss. */
  readonly dependsOn?: readonly ITerraformDependable[];
};

/** What is reported, in S3's names of events. */
const EVENTS = ["s3:ObjectCreated:*"];

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
export function dropBucket(
  scope: Construct,
  id: string,
  { bucket, services, encryption }: Pick<PipelineConfig, "bucket" | "services" | "encryption">,
  surroundings: Surroundings,
): DropBucket {
  const endings = endingsOf(services.map(({ key }) => key));
  return bucket.existing
    ? new ExistingDropBucket(bucket.name, endings, surroundings)
    : new CreatedDropBucket(scope, id, { ...bucket, kmsKey: encryption.kmsKey }, endings);
}

/** A bucket of the pipeline's own: every upload keeps its version until every event about it must have been handled. */
class CreatedDropBucket extends Construct implements DropBucket {
  readonly name: string;
  readonly arn: string;
  /** Every drop has a version id, and no other version is ever meant. */
  readonly readActions = ["s3:GetObjectVersion"];
  readonly #versioning: S3BucketVersioningA;

  constructor(
    scope: Construct,
    id: string,
    config: BucketConfig,
    private readonly endings: readonly KeyEnding[],
  ) {
    super(scope, id);
    const { bucket, versioning } = new PrivateBucket(this, "private", config);
    this.name = bucket.bucket;
    this.arn = bucket.arn;
    this.#versioning = versioning;
  }

  notify(notification: BucketNotification): void {
    new S3BucketNotification(this, "notification", {
      bucket: this.name,
      ...renderTarget(notification, this.endings),
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
    private readonly endings: readonly KeyEnding[],
    surroundings: Surroundings,
  ) {
    this.arn = surroundings.bucketArn(name);
  }

  notify(notification: BucketNotification): void {
    this.ownerMustAdd = renderForOwner(notification, this.endings);
  }
}

/** A filter takes one ending, so there is one for each that services use. */
function renderTarget(
  notification: BucketNotification,
  endings: readonly KeyEnding[],
): Omit<S3BucketNotificationConfig, "bucket"> {
  if (notification.kind === "eventbridge") return { eventbridge: true };
  const { kind, arn } = notification;
  const drops = endings.map((ending) => ({
    id: ending === ".zip" ? "drops" : `drops${ending.replaceAll(".", "-")}`,
    events: EVENTS,
    filterSuffix: ending,
  }));
  if (kind === "queue") return { queue: drops.map((each) => ({ ...each, queueArn: arn })) };
  if (kind === "topic") return { topic: drops.map((each) => ({ ...each, topicArn: arn })) };
  return { lambdaFunction: drops.map((each) => ({ ...each, lambdaFunctionArn: arn })) };
}

/** In the spelling of the owner's own Terraform. */
function renderForOwner(
  notification: BucketNotification,
  endings: readonly KeyEnding[],
): Readonly<Record<string, unknown>> {
  if (notification.kind === "eventbridge") return { eventbridge: true };
  const { kind, arn } = notification;
  const drops = endings.map((ending) => ({ events: EVENTS, filter_suffix: ending }));
  if (kind === "queue") return { queue: drops.map((each) => ({ queue_arn: arn, ...each })) };
  if (kind === "topic") return { topic: drops.map((each) => ({ topic_arn: arn, ...each })) };
  return { lambda_function: drops.map((each) => ({ lambda_function_arn: arn, ...each })) };
}
