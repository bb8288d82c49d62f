import type { PipelineInput } from "../../config/schema";
import type { Account } from "./synthesis";

/** Accounts of others. */
export const SENDER = "444455556666";
export const REGISTRY = "777788889999";

/** ARNs of things that are there, in the partition and region of an account. */
export function thingsOf({ partition, region }: Pick<Account, "partition" | "region">) {
  const key = (account: string, id: string) => `arn:${partition}:kms:${region}:${account}:key/${id}`;
  return {
    ourKey: key("111122223333", "00000000-0000-0000-0000-000000000001"),
    senderKey: key(SENDER, "00000000-0000-0000-0000-000000000002"),
    toolsKey: key("111122223333", "00000000-0000-0000-0000-000000000003"),
    buildsRole: `arn:${partition}:iam::111122223333:role/teams/builds`,
    functionRole: `arn:${partition}:iam::111122223333:role/teams/starter`,
    boundary: `arn:${partition}:iam::111122223333:policy/boundary`,
  };
}

const VPC = {
  id: "vpc-0123456789abcdef0",
  subnets: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
  securityGroups: ["sg-0123456789abcdef0"],
};

/** Each thing that can be taken as it is, by what people call it. */
export function existingThings(account: Pick<Account, "partition" | "region">) {
  const { senderKey, ourKey, toolsKey, buildsRole, functionRole } = thingsOf(account);
  return {
    bucket: { bucket: { existing: "their-drops" } },
    "bucket of another account": { bucket: { existing: "their-drops", account: SENDER, kmsKey: senderKey } },
    repository: { services: [{ name: "api", repository: { existing: "platform/api" } }] },
    "repositories of another account": {
      defaults: { repository: { existing: "platform/{service}", account: REGISTRY } },
    },
    key: { encryption: { kmsKey: ourKey } },
    "builds' role": { roles: { builds: { existing: buildsRole } } },
    "function's role": { roles: { function: { existing: functionRole } } },
    "both roles": { roles: { builds: { existing: buildsRole }, function: { existing: functionRole } } },
    VPC: {
      vpc: { ...VPC, function: true, endpoints: ["s3", "ecr.api", "ecr.dkr", "logs", "codebuild"] },
    },
    "VPC with NAT": { vpc: { ...VPC, nat: true } },
    topic: { trigger: { topic: { existing: "image-events" } } },
    "event bus": { trigger: { eventbridge: { bus: "storage" } } },
    "event bus, direct": { trigger: { eventbridge: { bus: "storage", direct: true } } },
    "builds' log group": { logs: { builds: { existing: "/teams/images" } } },
    "function's log group": { logs: { function: { existing: "/teams/images" } } },
    "tools bucket": { tools: { bucket: { existing: "our-tools", kmsKey: toolsKey }, prefix: "pipelines/images/" } },
  } satisfies Readonly<Record<string, Partial<PipelineInput>>>;
}

/** All of them together, with the trigger that the owner of a bucket needs least for. */
export function everythingExisting(account: Pick<Account, "partition" | "region">) {
  const things = existingThings(account);
  return {
    ...things["bucket of another account"],
    ...things["repositories of another account"],
    ...things.key,
    ...things["both roles"],
    ...things.VPC,
    ...things["event bus"],
    logs: { ...things["builds' log group"].logs, ...things["function's log group"].logs },
    ...things["tools bucket"],
  } satisfies Partial<PipelineInput>;
}
