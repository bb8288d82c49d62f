import type { TerraformResource } from "cdktf";

/**
 * A check on something of AWS, as checkov (https://www.checkov.io/5.Policy%20Index/terraform.html) or tfsec
 * (https://aquasecurity.github.io/tfsec/v1.28.13/checks/aws/) calls it.
 */
export type Check = `CKV_AWS_${number}` | `CKV2_AWS_${number}` | `aws-${string}`;

/** What a pipeline does not do, always or in some configurations, though a check asks for it. */
export const CHECKS: Readonly<Partial<Record<Check, string>>> = {
  CKV_AWS_18: "access logs of a bucket",
  CKV_AWS_26: "encryption of a topic",
  CKV_AWS_35: "a customer's key for a trail",
  CKV_AWS_50: "X-Ray for a function",
  CKV_AWS_51: "immutable tags",
  CKV_AWS_67: "a trail of all regions",
  CKV_AWS_116: "a dead-letter queue of a function",
  CKV_AWS_117: "a VPC for a function",
  CKV_AWS_136: "a customer's key for a repository",
  CKV_AWS_144: "a copy of a bucket in another region",
  CKV_AWS_145: "a customer's key for a bucket",
  CKV_AWS_158: "a customer's key for a log group",
  CKV_AWS_163: "scans of pushed images",
  CKV_AWS_252: "a topic that hears of log files",
  CKV_AWS_272: "code signing for a function",
  CKV_AWS_316: "builds without privilege",
  CKV_AWS_338: "logs of a year",
  CKV2_AWS_10: "a log group for a trail",
  CKV2_AWS_34: "encryption of a parameter",
  CKV2_AWS_62: "notifications of a bucket",
  "aws-cloudtrail-enable-all-regions": "a trail of all regions",
  "aws-cloudtrail-enable-at-rest-encryption": "a customer's key for a trail",
  "aws-cloudtrail-ensure-cloudwatch-integration": "a log group for a trail",
  "aws-cloudwatch-log-group-customer-key": "a customer's key for a log group",
  "aws-ecr-enable-image-scans": "scans of pushed images",
  "aws-ecr-enforce-immutable-repository": "immutable tags",
  "aws-ecr-repository-customer-key": "a customer's key for a repository",
  "aws-lambda-enable-tracing": "X-Ray for a function",
  "aws-s3-enable-bucket-logging": "access logs of a bucket",
  "aws-s3-encryption-customer-key": "a customer's key for a bucket",
  "aws-sns-enable-topic-encryption": "encryption of a topic",
};

/**
 * Says why one resource does not do what one check asks for. It stands in the JSON as a comment beside the resource, `//.accepted`: neither
 * scanner reads comments of its own there, so `npm run scan` does (docs/security.md).
 * @param resource a resource of the pipeline, or one of your own beside it
 * @param check the scanner's id of the check
 * @param reason part of a sentence, for whoever reads the scan
 *
 * @example
 * accept(topic, "CKV_AWS_26", "holds no more than names of alarms");
 */
export function accept(resource: TerraformResource, check: Check, reason: string): void {
  resource.addOverride(`//.accepted.${check}`, reason);
}
