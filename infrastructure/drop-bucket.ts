import { S3BucketNotification } from "@cdktf/provider-aws/lib/s3-bucket-notification";
import type { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import { Construct } from "constructs";
import type { BucketConfig } from "../config/schema";
import { PrivateBucket } from "./private-bucket";
import type { Surroundings } from "./surroundings";

/** What a bucket must report, and to which queue. */
export interface BucketNotification {
  readonly queueArn: string;
  /** S3's names of events, such as `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  /** Ending of the keys that are reported. */
  readonly filterSuffix: string;
}

/** The bucket that drops land in. */
export interface DropBucket {
  readonly name: string;
  readonly arn: string;
  /** Actions by which a build reads a drop. */
  readonly readActions: readonly string[];
  /** What the owner of a bucket that is not ours has to add to its notifications. */
  readonly ownerMustAdd: readonly BucketNotification[];
  /** Has the bucket report to a queue. A bucket has one notification configuration, so this is called once. */
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
  readonly ownerMustAdd: readonly BucketNotification[] = [];
  readonly #versioning: S3BucketVersioningA;

  constructor(scope: Construct, id: string, config: BucketConfig) {
    super(scope, id);
    const { bucket, versioning } = new PrivateBucket(this, "private", config);
    this.name = bucket.bucket;
    this.arn = bucket.arn;
    this.#versioning = versioning;
  }

  notify({ queueArn, events, filterSuffix }: BucketNotification): void {
    new S3BucketNotification(this, "notification", {
      bucket: this.name,
      queue: [{ id: "drops", queueArn, events: [...events], filterSuffix }],
      // What is uploaded before the bucket is versioned has no version id to be built by.
      dependsOn: [this.#versioning],
    });
  }
}

/** Someone else's bucket: named in policies, never configured. */
class ExistingDropBucket implements DropBucket {
  readonly arn: string;
  /** Whether the owner keeps versions is not ours to know. */
  readonly readActions = ["s3:GetObject", "s3:GetObjectVersion"];
  readonly ownerMustAdd: BucketNotification[] = [];

  constructor(
    readonly name: string,
    surroundings: Surroundings,
  ) {
    this.arn = surroundings.bucketArn(name);
  }

  notify(notification: BucketNotification): void {
    this.ownerMustAdd.push(notification);
  }
}
