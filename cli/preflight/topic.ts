import { GetTopicAttributesCommand, paginateListTopics } from "@aws-sdk/client-sns";
import type { PipelineConfig } from "../../config/schema";
import { type Account, unlessMissing } from "./account";
import type { Report } from "./report";

/** Whether an existing topic is there, and lets S3 publish what happens in the bucket, its key included. */
export async function checkTopic({ trigger, bucket }: PipelineConfig, { sns }: Account): Promise<Report> {
  if (trigger.kind !== "topic" || trigger.existing === undefined) return { errors: [], notes: [] };
  const error = (rule: string): Report => ({
    errors: [{ path: ["trigger", "topic", "existing"], rule, value: trigger.existing }],
    notes: [],
  });
  const ending = `:${trigger.existing}`;
  let arn: string | undefined;
  for await (const { Topics = [] } of paginateListTopics({ client: sns }, {})) {
    arn ??= Topics.find(({ TopicArn = "" }) => TopicArn.endsWith(ending))?.TopicArn;
  }
  if (arn === undefined) return error("must exist: have its owner create it, or leave out existing");
  const asked = sns.send(new GetTopicAttributesCommand({ TopicArn: arn }));
  const answer = await unlessMissing(asked, "AuthorizationErrorException", "AuthorizationError");
  if (answer === undefined) return { errors: [], notes: [] };
  const { Policy = "{}", KmsMasterKeyId = "" } = answer.Attributes ?? {};
  if (/(^|:)alias\/aws\//.test(KmsMasterKeyId)) {
    return error(
      `must not be encrypted by ${KmsMasterKeyId}, a key of AWS's whose policy nobody can change, so that S3 could not publish: its owner takes a customer managed key that lets S3 in, or none`,
    );
  }
  return letsS3Publish(Policy, bucket.name)
    ? { errors: [], notes: [] }
    : error(
        `must let S3 publish what happens in ${bucket.name}: its owner adds what docs/triggers.md shows under "The topic's owner"`,
      );
}

interface PolicyStatement {
  readonly Effect?: string;
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly Action?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** As far as it can be told without IAM: who, what, and of which bucket. */
function letsS3Publish(policy: string, bucket: string): boolean {
  const { Statement = [] } = JSON.parse(policy) as {
    readonly Statement?: PolicyStatement | readonly PolicyStatement[];
  };
  return asList(Statement).some(({ Effect, Principal, Action, Condition }) => {
    const principals = typeof Principal === "object" ? asList(Principal.Service) : asList(Principal);
    const sources = Object.values(Condition ?? {}).flatMap((test) =>
      Object.entries(test).flatMap(([key, value]) => (key.toLowerCase() === "aws:sourcearn" ? asList(value) : [])),
    );
    return (
      Effect === "Allow" &&
      principals.some((each) => each === "s3.amazonaws.com" || each === "*") &&
      asList(Action).some((each) => /^(sns:(Publish|\*)|\*)$/i.test(each)) &&
      (sources.length === 0 || sources.some((pattern) => matches(pattern, `:s3:::${bucket}`)))
    );
  });
}

/** The end of an ARN against a pattern with wildcards. */
function matches(pattern: string, ending: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return ["aws", "aws-cn", "aws-us-gov"].some((partition) =>
    new RegExp(`^${expression}$`).test(`arn:${partition}${ending}`),
  );
}

function asList<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
