import { Cloudtrail } from "@cdktf/provider-aws/lib/cloudtrail";
import { Construct } from "constructs";
import { names } from "../../config/names";
import type { Statement } from "../../config/policies/statement";
import { accept } from "../accept";
import { PrivateBucket } from "../private-bucket";
import type { Surroundings } from "../surroundings";
import type { TriggerProps } from "./trigger";

const KEYS_OF_S3 = "its log files are encrypted by keys of S3; encryption.kmsKey names a key of your own";
const ONE_REGION = "it reports the uploads to one bucket, and each data event of each region is paid for";
const NO_LOG_GROUP =
  "it is there for EventBridge; its log files are kept in S3, and once more in CloudWatch Logs would be paid for";

/** Which calls a trail records, in the spelling of Terraform's `field_selector`. */
export type FieldSelector = Readonly<{ field: string; equals?: string[]; starts_with?: string[] }>;

export interface TrailProps extends TriggerProps {
  readonly selector: readonly FieldSelector[];
}

/** A trail that records data events alone, and the bucket of its log files, which live as long as the pipeline's other logs. */
export class Trail extends Construct {
  constructor(scope: Construct, id: string, { config, surroundings, selector }: TrailProps) {
    super(scope, id);
    const { trail: name, trailBucket } = names(config.name);
    const logs = new PrivateBucket(this, "logs", {
      name: trailBucket(surroundings.account, surroundings.region),
      kmsKey: config.encryption.kmsKey,
      // CloudTrail never leaves it empty (a digest comes every hour), and what it wrote expires anyway.
      forceDestroy: true,
      objectsExpireAfterDays: config.logs.retentionDays,
      uploadsExpireAfterDays: 1,
      versionsExpireAfterDays: 1,
      statements: (bucketArn) => renderAccess(bucketArn, name, surroundings),
    });
    accept(logs.bucket, "CKV2_AWS_62", "nothing waits for a log file: EventBridge gets the events themselves");
    const trail = new Cloudtrail(this, "trail", {
      name,
      s3BucketName: logs.bucket.id,
      kmsKeyId: config.encryption.kmsKey,
      advancedEventSelector: [
        {
          name: `Uploads to ${config.bucket.name}`,
          fieldSelector: selector.map(({ field, equals, starts_with }) => ({
            field,
            equalTo: equals,
            startsWith: starts_with,
          })),
        },
      ],
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: false,
      enableLogFileValidation: true,
      // CloudTrail checks that it may write when the trail is made.
      dependsOn: [logs.policy],
    });
    if (config.encryption.kmsKey === undefined) {
      accept(trail, "CKV_AWS_35", KEYS_OF_S3);
      accept(trail, "aws-cloudtrail-enable-at-rest-encryption", KEYS_OF_S3);
    }
    accept(trail, "CKV_AWS_67", ONE_REGION);
    accept(trail, "aws-cloudtrail-enable-all-regions", ONE_REGION);
    accept(trail, "CKV_AWS_252", "nothing waits for a log file: EventBridge gets the events themselves");
    accept(trail, "CKV2_AWS_10", NO_LOG_GROUP);
    accept(trail, "aws-cloudtrail-ensure-cloudwatch-integration", NO_LOG_GROUP);
  }
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html */
function renderAccess(bucketArn: string, trail: string, surroundings: Surroundings): Statement[] {
  const Principal = { Service: surroundings.principal("cloudtrail") };
  const ofTrail = { "aws:SourceArn": surroundings.arn("cloudtrail", `trail/${trail}`) };
  return [
    {
      Sid: "AWSCloudTrailAclCheck20150319",
      Effect: "Allow",
      Principal,
      Action: "s3:GetBucketAcl",
      Resource: bucketArn,
      Condition: { StringEquals: ofTrail },
    },
    {
      Sid: "AWSCloudTrailWrite20150319",
      Effect: "Allow",
      Principal,
      Action: "s3:PutObject",
      Resource: `${bucketArn}/AWSLogs/${surroundings.account}/*`,
      Condition: { StringEquals: { "s3:x-amz-acl": "bucket-owner-full-control", ...ofTrail } },
    },
  ];
}
