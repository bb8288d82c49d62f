import { S3BucketNotification } from "@cdktf/provider-aws/lib/s3-bucket-notification";
import type { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import { Construct } from "constructs";
import { endingsOf, type KeyEnding } from "../config/key-endings";
import { type BucketNotifications, entryIdPrefix, OWN_ENTRY_ID_PREFIX } from "../config/notifications";
import { readOthers } from "../config/others";
import type { BucketConfig, PipelineConfig } from "../config/schema";
import { accept } from "./accept";
import { letGo } from "./let-go";
import { type BucketNotification, dropEntries, renderForOwner, renderNotifications } from "./notifications";
import { letGoOfBucket, PrivateBucket } from "./private-bucket";
import type { Surroundings } from "./surroundings";

/** Where the notification stands in a bucket's scope, whoever's it is: a change keeps the resource. */
const NOTIFICATION = "notification";

/** Where what is made of a bucket stands in its scope; what is no longer made is let go of there. */
const PRIVATE = "private";

/** The bucket that drops land in. */
export interface DropBucket {
  readonly name: string;
  readonly arn: string;
  /** What the owner of notifications that are not ours has to add to them: lines of an `aws_s3_bucket_notification`. */
  readonly ownerMustAdd?: string;
  /** Has the bucket report. A bucket has one notification configuration, so this is called once. */
  notify(notification: BucketNotification): void;
}

/** The configured bucket: created, or taken as it is. */
export function dropBucket(
  scope: Construct,
  id: string,
  config: Pick<PipelineConfig, "name" | "bucket" | "services" | "protect" | "encryption" | "trigger">,
  surroundings: Surroundings,
): DropBucket {
  return config.bucket.existing
    ? new ExistingDropBucket(scope, id, config, surroundings)
    : new CreatedDropBucket(scope, id, config);
}

/** A bucket of the pipeline's own: every upload keeps its version until every event about it must have been handled. */
class CreatedDropBucket extends Construct implements DropBucket {
  readonly name: string;
  readonly arn: string;
  ownerMustAdd?: string;
  readonly #config: BucketConfig;
  readonly #endings: readonly KeyEnding[];
  readonly #versioning: S3BucketVersioningA;

  constructor(
    scope: Construct,
    id: string,
    {
      bucket: config,
      services,
      protect,
      encryption,
      trigger,
    }: Pick<PipelineConfig, "bucket" | "services" | "protect" | "encryption" | "trigger">,
  ) {
    super(scope, id);
    const { bucket, versioning } = new PrivateBucket(this, PRIVATE, {
      ...config,
      kmsKey: encryption.kmsKey,
      preventDestroy: protect,
    });
    this.name = bucket.bucket;
    this.arn = bucket.arn;
    this.#config = config;
    this.#endings = endingsOf(services.map(({ key }) => key));
    this.#versioning = versioning;
    if (config.notifications === "none") {
      accept(bucket, "CKV2_AWS_62", "bucket.notifications is none: they are configured by somebody else");
      // Whether the trigger reports or not: to destroy them is to empty the bucket's configuration.
      letGo("aws_s3_bucket_notification", new Construct(this, NOTIFICATION));
    } else if (trigger.kind === "cloudtrail")
      accept(bucket, "CKV2_AWS_62", "trigger: cloudtrail hears of uploads by CloudTrail");
  }

  notify(notification: BucketNotification): void {
    if (this.#config.notifications === "none") {
      this.ownerMustAdd = renderForOwner(notification, this.#endings);
      return;
    }
    new S3BucketNotification(this, NOTIFICATION, {
      bucket: this.name,
      ...renderNotifications(
        dropEntries(notification, this.#endings, OWN_ENTRY_ID_PREFIX),
        notification.kind === "eventbridge",
      ),
      // What is uploaded before the bucket is versioned is lost where it is overwritten before its build.
      dependsOn: [this.#versioning, ...(notification.dependsOn ?? [])],
    });
  }
}

/** Someone else's bucket: named in policies, never configured, but for its notifications where they are adopted. */
class ExistingDropBucket extends Construct implements DropBucket {
  readonly name: string;
  readonly arn: string;
  ownerMustAdd?: string;
  readonly #config: Pick<PipelineConfig, "name" | "bucket">;
  readonly #endings: readonly KeyEnding[];

  constructor(
    scope: Construct,
    id: string,
    config: Pick<PipelineConfig, "name" | "bucket" | "services">,
    surroundings: Surroundings,
  ) {
    super(scope, id);
    this.name = config.bucket.name;
    this.arn = surroundings.bucketArn(this.name);
    this.#config = config;
    this.#endings = endingsOf(config.services.map(({ key }) => key));
    // The pipeline may have made it, before it was somebody else's.
    letGoOfBucket(this, PRIVATE);
    // Or have adopted these. Whether the trigger reports or not: to destroy them is to empty the bucket's configuration.
    if (config.bucket.othersFile === undefined) letGo("aws_s3_bucket_notification", new Construct(this, NOTIFICATION));
  }

  notify(notification: BucketNotification): void {
    const { bucket } = this.#config;
    if (bucket.othersFile === undefined) {
      this.ownerMustAdd = renderForOwner(notification, this.#endings);
      return;
    }
    this.#manage(adopted(bucket.othersFile), bucket.notifications === "leaving" ? undefined : notification);
  }

  /** The whole configuration: what others have there, and our entries unless we leave. */
  #manage(others: BucketNotifications, own: BucketNotification | undefined): void {
    const { name: pipeline, bucket } = this.#config;
    const mine = own ? dropEntries(own, this.#endings, entryIdPrefix(pipeline)) : [];
    new S3BucketNotification(this, NOTIFICATION, {
      bucket: bucket.name,
      ...renderNotifications([...others.entries, ...mine], others.eventbridge || own?.kind === "eventbridge"),
      dependsOn: [...(own?.dependsOn ?? [])],
      // To destroy it is to empty the bucket's configuration.
      lifecycle: { preventDestroy: true },
    }).importFrom(bucket.name);
  }
}

function adopted(file: string): BucketNotifications {
  const read = readOthers(file);
  if ("fault" in read) throw new Error(`reading ${file}: ${read.fault}`);
  return read.others;
}
