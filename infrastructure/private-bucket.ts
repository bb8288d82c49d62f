import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import { S3BucketLifecycleConfiguration } from "@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration";
import { S3BucketOwnershipControls } from "@cdktf/provider-aws/lib/s3-bucket-ownership-controls";
import { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy";
import { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration";
import { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import { Construct } from "constructs";
import { policyDocument, type Statement } from "../config/policies/statement";
import type { BucketConfig } from "../config/schema";
import { accept } from "./accept";
import { letGo } from "./let-go";
import { denyWithoutTls } from "./policies";

const NO_ACCESS_LOGS =
  "S3 writes access logs into a bucket that somebody has to own and pay for; CloudTrail's data events tell the same, where an account wants it";
const KEYS_OF_S3 = "encrypted by keys of S3; encryption.kmsKey names a key of your own";

export interface PrivateBucketProps extends Pick<
  BucketConfig,
  "name" | "uploadsExpireAfterDays" | "versionsExpireAfterDays"
> {
  /** The bucket's global name, 3 to 63 characters. */
  readonly name: string;
  /** Terraform refuses every plan that would destroy the bucket. @default false */
  readonly preventDestroy?: boolean;
  /** Destroying the bucket takes what is in it along; without, a bucket that holds anything stays. @default false */
  readonly forceDestroy?: boolean;
  /** Days until an object is deleted. @default - never */
  readonly objectsExpireAfterDays?: number;
  /** ARN of a customer managed key. @default - keys of S3 */
  readonly kmsKey?: string;
  /** What the bucket's policy says beside TLS only. @default - nothing */
  readonly statements?: (bucketArn: string) => readonly Statement[];
}

/**
 * A bucket that keeps replaced versions for some days, and that is encrypted, owned by its account whoever writes, reached over TLS
 * only, and never public.
 */
export class PrivateBucket extends Construct {
  readonly bucket: S3Bucket;
  /** What is uploaded before it has no version id. */
  readonly versioning: S3BucketVersioningA;
  /** What is uploaded before it is encrypted by keys of S3. */
  readonly encryption: S3BucketServerSideEncryptionConfigurationA;
  readonly policy: S3BucketPolicy;

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    this.bucket = new S3Bucket(this, "bucket", {
      bucket: props.name,
      forceDestroy: props.forceDestroy ?? false,
      ...(props.preventDestroy && { lifecycle: { preventDestroy: true } }),
    });
    accept(this.bucket, "CKV_AWS_18", NO_ACCESS_LOGS);
    accept(this.bucket, "aws-s3-enable-bucket-logging", NO_ACCESS_LOGS);
    accept(
      this.bucket,
      "CKV_AWS_144",
      "holds no only copy: a drop is its sender's, and its image is in ECR; what else there is, the next apply or upload makes again",
    );
    const bucket = this.bucket.id;
    const publicAccess = new S3BucketPublicAccessBlock(this, "public-access", {
      bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    new S3BucketOwnershipControls(this, "ownership", { bucket, rule: { objectOwnership: "BucketOwnerEnforced" } });
    this.encryption = new S3BucketServerSideEncryptionConfigurationA(this, "encryption", {
      bucket,
      rule: [renderEncryption(props.kmsKey)],
    });
    if (props.kmsKey === undefined) {
      accept(this.bucket, "CKV_AWS_145", KEYS_OF_S3);
      accept(this.encryption, "aws-s3-encryption-customer-key", KEYS_OF_S3);
    }
    this.policy = new S3BucketPolicy(this, "policy", {
      bucket,
      policy: policyDocument(
        ...(props.statements?.(this.bucket.arn) ?? []),
        denyWithoutTls("s3", [this.bucket.arn, `${this.bucket.arn}/*`]),
      ),
      // S3 refuses to change both at once: "A conflicting conditional operation is currently in progress".
      dependsOn: [publicAccess],
    });
    this.versioning = new S3BucketVersioningA(this, "versioning", {
      bucket,
      versioningConfiguration: { status: "Enabled" },
    });
    new S3BucketLifecycleConfiguration(this, "lifecycle", {
      bucket,
      rule: renderLifecycle(props),
      // S3 takes a rule about versions only where there are versions.
      dependsOn: [this.versioning],
    });
  }
}

/** Where the parts of a private bucket stand in its scope, by their types. */
const PARTS = {
  aws_s3_bucket: "bucket",
  aws_s3_bucket_public_access_block: "public-access",
  aws_s3_bucket_ownership_controls: "ownership",
  aws_s3_bucket_server_side_encryption_configuration: "encryption",
  aws_s3_bucket_policy: "policy",
  aws_s3_bucket_versioning: "versioning",
  aws_s3_bucket_lifecycle_configuration: "lifecycle",
} as const;

/** Has Terraform forget the private bucket that stood here, where there was one, and leave it as it is. */
export function letGoOfBucket(scope: Construct, id: string): void {
  const bucket = new Construct(scope, id);
  for (const [type, part] of Object.entries(PARTS)) letGo(type, new Construct(bucket, part));
}

/** A bucket key asks KMS once for many objects. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html */
function renderEncryption(kmsKey: string | undefined) {
  if (kmsKey === undefined) return { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } };
  return {
    applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: kmsKey },
    bucketKeyEnabled: true,
  };
}

function renderLifecycle({
  uploadsExpireAfterDays,
  versionsExpireAfterDays,
  objectsExpireAfterDays,
}: PrivateBucketProps) {
  const everything = { status: "Enabled", filter: [{ prefix: "" }] };
  return [
    {
      id: "unfinished-uploads",
      ...everything,
      abortIncompleteMultipartUpload: [{ daysAfterInitiation: uploadsExpireAfterDays }],
    },
    {
      id: "replaced-versions",
      ...everything,
      noncurrentVersionExpiration: [{ noncurrentDays: versionsExpireAfterDays }],
      expiration: [{ expiredObjectDeleteMarker: true }],
    },
    ...(objectsExpireAfterDays === undefined
      ? []
      : [{ id: "objects", ...everything, expiration: [{ days: objectsExpireAfterDays }] }]),
  ];
}
