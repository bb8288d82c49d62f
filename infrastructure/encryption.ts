import { names } from "../config/names";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { isDirect } from "../config/trigger";
import { ofBucket } from "./policies";
import { buildRoles, fromRoles, startBuildRole } from "./role-names";
import type { Surroundings } from "./surroundings";

/** In a key's policy, the key. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html */
const THIS_KEY = "*";

/** What SQS and SNS take of whoever sends to what is encrypted. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html */
const SEND = ["kms:Decrypt", "kms:GenerateDataKey"];

/** Tells the owners of keys what their policies must say. */
export function addKeyPolicies(config: PipelineConfig, surroundings: Surroundings): void {
  const { bucket, tools, encryption } = config;
  const decrypt = (Sid: string): Statement => ({
    Sid,
    Effect: "Allow",
    ...fromRoles(buildRoles(config, surroundings), surroundings),
    Action: "kms:Decrypt",
    Resource: THIS_KEY,
  });
  if (bucket.kmsKey !== undefined) surroundings.forOthers.policy("bucket_key_policy", decrypt("DecryptDrops"));
  if (tools.kmsKey !== undefined) surroundings.forOthers.policy("tools_key_policy", decrypt("DecryptTools"));
  if (encryption.kmsKey !== undefined) {
    surroundings.forOthers.policy("encryption_key_policy", ...renderKeyPolicy(config, surroundings));
  }
}

/** Everyone who reads or writes what the pipeline encrypts. What is not made needs nothing. */
function renderKeyPolicy(config: PipelineConfig, surroundings: Surroundings): Statement[] {
  const { trigger } = config;
  const roles = [
    ...(config.bucket.existing && config.tools.existing !== undefined ? [] : [buildRoles(config, surroundings)]),
    ...(isDirect(trigger) ? [] : [startBuildRole(config, surroundings)]),
  ];
  return [
    ...(roles.length === 0
      ? []
      : [
          {
            Sid: "UseFromRoles",
            Effect: "Allow",
            ...fromRoles(roles, surroundings),
            Action: trigger.kind === "lambda" ? SEND : "kms:Decrypt",
            Resource: THIS_KEY,
          } as const,
        ]),
    ...writeObjects(config, surroundings),
    ...writeLogs(config, surroundings),
    ...makeRepositories(config, surroundings),
    ...reports(config, surroundings),
  ];
}

/** Whom the account lets write to the buckets: senders, and the deployer. */
function writeObjects({ name, bucket, tools }: PipelineConfig, surroundings: Surroundings): Statement[] {
  const buckets = [
    ...(bucket.existing ? [] : [bucket.name]),
    ...(tools.existing === undefined ? [names(name).toolsBucket(surroundings.account, surroundings.region)] : []),
  ];
  if (buckets.length === 0) return [];
  return [
    {
      Sid: "WriteObjects",
      Effect: "Allow",
      Principal: { AWS: surroundings.globalArn("iam", "root") },
      Action: SEND,
      Resource: THIS_KEY,
      // With bucket keys, S3 names the bucket. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
      Condition: {
        ArnEquals: { "kms:EncryptionContext:aws:s3:arn": buckets.map((each) => surroundings.bucketArn(each)) },
      },
    },
  ];
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html */
function writeLogs({ name, logs, trigger }: PipelineConfig, surroundings: Surroundings): Statement[] {
  const { buildLogGroup, functionLogGroup } = names(name);
  const groups = [
    ...(logs.builds === undefined ? [buildLogGroup] : []),
    ...(isDirect(trigger) || logs.function !== undefined ? [] : [functionLogGroup]),
  ];
  if (groups.length === 0) return [];
  return [
    {
      Sid: "EncryptLogs",
      Effect: "Allow",
      Principal: { Service: surroundings.regionalPrincipal("logs") },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
      Resource: THIS_KEY,
      Condition: {
        ArnEquals: {
          "kms:EncryptionContext:aws:logs:arn": groups.map((group) => surroundings.arn("logs", `log-group:${group}`)),
        },
      },
    },
  ];
}

/** ECR works by grants that it is given when a repository is made. https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html */
function makeRepositories({ services }: PipelineConfig, surroundings: Surroundings): Statement[] {
  if (services.every(({ existingRepository }) => existingRepository)) return [];
  const common = {
    Effect: "Allow",
    Principal: { AWS: surroundings.globalArn("iam", "root") },
    Resource: THIS_KEY,
  } as const;
  return [
    { Sid: "DescribeKey", ...common, Action: ["kms:DescribeKey", "kms:RetireGrant"] },
    {
      Sid: "GrantToRepositories",
      ...common,
      Action: "kms:CreateGrant",
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
  ];
}

/** Services on the way from the upload to the build that send to what is encrypted. */
function reports(config: PipelineConfig, surroundings: Surroundings): Statement[] {
  const { name, bucket, trigger } = config;
  const send = (Sid: string, service: "s3" | "sns" | "events", Condition: Statement["Condition"]): Statement => ({
    Sid,
    Effect: "Allow",
    Principal: { Service: surroundings.principal(service) },
    Action: SEND,
    Resource: THIS_KEY,
    Condition,
  });
  const fromBucket = send("ReportFromBucket", "s3", ofBucket(bucket, surroundings));
  const derived = names(name);
  switch (trigger.kind) {
    case "queue":
      return [fromBucket];
    case "lambda":
      return [];
    case "topic": {
      const topicArn = surroundings.arn("sns", trigger.existing ?? derived.topic);
      const fromTopic = send("ReportFromTopic", "sns", { ArnEquals: { "aws:SourceArn": topicArn } });
      return trigger.existing === undefined ? [fromBucket, fromTopic] : [fromTopic];
    }
    case "eventbridge":
    case "cloudtrail": {
      const bus = trigger.kind === "eventbridge" && trigger.bus !== undefined ? `${trigger.bus}/` : "";
      const rules = surroundings.arn("events", `rule/${bus}${derived.serviceRule("*")}`);
      const fromRules = send("ReportFromRules", "events", { ArnLike: { "aws:SourceArn": rules } });
      return trigger.kind === "cloudtrail" && trigger.trail
        ? [fromRules, encryptTrail(derived.trail, surroundings)]
        : [fromRules];
    }
  }
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html */
function encryptTrail(trail: string, surroundings: Surroundings): Statement {
  return {
    Sid: "EncryptTrail",
    Effect: "Allow",
    Principal: { Service: surroundings.principal("cloudtrail") },
    Action: ["kms:GenerateDataKey*", "kms:DescribeKey"],
    Resource: THIS_KEY,
    Condition: { ArnEquals: { "aws:SourceArn": surroundings.arn("cloudtrail", `trail/${trail}`) } },
  };
}
