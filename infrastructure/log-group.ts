import { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group";
import type { Construct } from "constructs";
import type { PipelineConfig } from "../config/schema";
import { accept } from "./accept";
import type { Surroundings } from "./surroundings";

const DAYS_PER_YEAR = 365;

const KEYS_OF_CLOUDWATCH = "encrypted by keys of CloudWatch Logs; encryption.kmsKey names a key of your own";

/** Where function or builds write. */
export interface LogGroup {
  readonly name: string;
  readonly arn: string;
  /** What the pipeline made; absent where the group is taken as it is. */
  readonly created?: CloudwatchLogGroup;
}

export interface LogGroupProps {
  readonly config: Pick<PipelineConfig, "logs" | "encryption">;
  readonly surroundings: Surroundings;
  /** Name of the group that is made. */
  readonly name: string;
  /** Name of one that is taken as it is. @default - one is made */
  readonly existing?: string;
}

/** The configured log group: created, or taken as it is. */
export function logGroup(
  scope: Construct,
  id: string,
  { config, surroundings, name, existing }: LogGroupProps,
): LogGroup {
  // Made of names, so that policies for others can be read before anything is made.
  const arn = surroundings.arn("logs", `log-group:${existing ?? name}`);
  if (existing !== undefined) return { name: existing, arn };
  const created = new CloudwatchLogGroup(scope, id, {
    name,
    retentionInDays: config.logs.retentionDays,
    kmsKeyId: config.encryption.kmsKey,
  });
  if (config.encryption.kmsKey === undefined) {
    accept(created, "CKV_AWS_158", KEYS_OF_CLOUDWATCH);
    accept(created, "aws-cloudwatch-log-group-customer-key", KEYS_OF_CLOUDWATCH);
  }
  if (config.logs.retentionDays < DAYS_PER_YEAR)
    accept(
      created,
      "CKV_AWS_338",
      "tells of drops and builds, not of who did what, and is paid for by the day; logs.retentionDays keeps it longer",
    );
  return { name: created.name, arn, created };
}
