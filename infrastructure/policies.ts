import { Token } from "cdktf";
import { policyDocument, type Statement } from "../config/policies/statement";
import type { BucketConfig } from "../config/schema";
import type { Surroundings } from "./surroundings";

/** Lets a service assume the role, on conditions. */
export function trustPolicy(principal: string, condition?: Statement["Condition"]): string {
  return policyDocument({
    Sid: "Assume",
    Effect: "Allow",
    Principal: { Service: principal },
    Action: "sts:AssumeRole",
    Condition: condition,
  });
}

/**
 * On behalf of this bucket of its account: a bucket's ARN names no account, and a deleted bucket's name is free for everyone to take.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
 */
export function ofBucket(
  { name, account }: Pick<BucketConfig, "name" | "account">,
  surroundings: Surroundings,
): Statement["Condition"] {
  return {
    ArnEquals: { "aws:SourceArn": surroundings.bucketArn(name) },
    StringEquals: { "aws:SourceAccount": account ?? surroundings.account },
  };
}

/** What to refuse without TLS: everything, but SNS takes no wildcard in the policy of a topic. */
const TLS_ONLY = { s3: "s3:*", sqs: "sqs:*", sns: "sns:Publish" } as const;

/**
 * Refuses every call that does not come over TLS; everyone, hence the wildcards, as AWS writes it:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html
 * https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html
 */
export function denyWithoutTls(service: keyof typeof TLS_ONLY, resource: string | readonly string[]): Statement {
  return {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: TLS_ONLY[service],
    Resource: resource,
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

/**
 * Text that Terraform must not read as a template: `${` and `%{` stand for themselves.
 * https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences-1
 */
export function literal(text: string): string {
  return Token.isUnresolved(text) ? text : text.replace(/([$%])\{/g, "$1$1{");
}
