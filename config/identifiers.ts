import * as z from "zod";

/** What AWS gave an identifier to, taken as it is: account ids, ARNs, ids of a VPC and its parts. */

/** https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html */
export const accountId = z.string().regex(/^[0-9]{12}$/, "must be an account id: 12 digits, in quotes");

const ARN = "arn:aws[a-z-]*";

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns */
export const roleArn = z
  .string()
  .regex(
    new RegExp(`^${ARN}:iam::[0-9]{12}:role/([!-~]*/)?[\\w+=,.@-]{1,64}$`),
    "must be the ARN of a role, such as arn:aws:iam::111122223333:role/builds",
  );

export const policyArn = z
  .string()
  .regex(
    new RegExp(`^${ARN}:iam::([0-9]{12}|aws):policy/([!-~]*/)?[\\w+=,.@-]{1,128}$`),
    "must be the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary",
  );

/**
 * A key by its id: policies name keys so, and an alias can be pointed elsewhere.
 * https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
 */
export const kmsKeyArn = z
  .string()
  .regex(
    /^(?!(arn:.*:)?alias\/aws\/)/,
    "must not be an AWS managed key, whose policy nobody can change, so that S3, SNS and EventBridge could not write: name a customer managed key, or leave the option out for keys that AWS owns",
  )
  .regex(
    new RegExp(`^${ARN}:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-)?[0-9a-f-]{8,36}$`),
    "must be the ARN of a KMS key by its id, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  );

export const vpcId = z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "must be the id of a VPC, such as vpc-0123456789abcdef0");

export const subnetId = z
  .string()
  .regex(/^subnet-[0-9a-f]{8,17}$/, "must be the id of a subnet, such as subnet-0123456789abcdef0");

export const securityGroupId = z
  .string()
  .regex(/^sg-[0-9a-f]{8,17}$/, "must be the id of a security group, such as sg-0123456789abcdef0");

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html */
export const logGroupName = z
  .string()
  .regex(/^[\w./#-]{1,512}$/, "must be the name of a log group: 1 to 512 letters, digits and _ . / # -");

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html */
export const busName = z
  .string()
  .regex(/^(?!arn:)/, "must be the name of an event bus, without the rest of its ARN")
  .regex(/^(?!default$)/, "must not be default, the bus that rules stand on without the option: leave it out")
  .regex(/^(?!aws\.)[\w.-]{1,256}$/, "must be the name of an event bus: 1 to 256 letters, digits and . _ -");

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
export const rolePath = z
  .string()
  .regex(/^\/([\w+=,.@-]+\/)*$/, "must be a path that begins and ends with a slash, such as /teams/images/")
  .max(512, "must have at most 512 characters");

/** Before the pipeline's name, which the first underscore ends (names.ts). */
export const roleNamePrefix = z
  .string()
  .regex(
    /^[A-Za-z0-9+=,.@-]+$/,
    "must be letters, digits and + = , . @ -; no underscore, which ends the pipeline's name in the names of roles",
  );

/** Keys below it are the pipeline's. */
export const keyPrefix = z
  .string()
  .regex(
    /^([\w.-]+\/)+$/,
    "must be letters, digits and _ . - in folders, the last one with its slash, such as pipelines/images/",
  )
  .max(512, "must have at most 512 characters");

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export const sessionName = z
  .string()
  .regex(/^[\w+=,.@-]{2,64}$/, "must have 2 to 64 letters, digits and _ + = , . @ -");

export const externalId = z
  .string()
  .regex(/^[\w+=,.@:/-]{2,1224}$/, "must have 2 to 1224 letters, digits and _ + = , . @ : / -");

/** What an ARN says of where its resource is. */
export function placeOfArn(arn: string): {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
} {
  const [, partition = "", , region = "", account = ""] = arn.split(":");
  return { partition, region, account };
}

/** The part of an ARN after the account. */
export function resourceOfArn(arn: string): string {
  return arn.split(":").slice(5).join(":");
}
