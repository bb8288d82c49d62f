import { ArchiveProvider } from "@cdktf/provider-archive/lib/provider";
import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { type App, TerraformStack } from "cdktf";
import { Pipeline } from "../infrastructure/pipeline";
import type { PipelineProps } from "../infrastructure/pipeline-props";

const KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000001";
const ROLE = (name: string) => `arn:aws:iam::111122223333:role/teams/${name}`;
const VPC = {
  id: "vpc-0123456789abcdef0",
  subnets: ["subnet-0123456789abcdef0"],
  securityGroups: ["sg-0123456789abcdef0"],
};

type FormsByName = Readonly<Record<string, Partial<PipelineProps>>>;

/** Options that decide what a scanner finds, in as few pipelines as hold them all, by names of their own. */
const FORMS: FormsByName = {
  plain: { services: ["api", { name: "steady", movingTags: [] }] },
  "plain-topic": { trigger: "topic" },
  "plain-function": { trigger: "lambda", roles: "shared" },
  "plain-trail": { trigger: { cloudtrail: { trail: true } } },
  "key-queue": {
    encryption: { kmsKey: KEY },
    logs: { retentionDays: 365 },
    outputs: { ssm: { prefix: "/images" } },
    publisher: "docker",
    repositories: { scanOnPush: false, pullAccounts: ["444455556666"] },
    roles: { path: "/teams/", namePrefix: "corp-", permissionBoundary: "arn:aws:iam::111122223333:policy/boundary" },
    vpc: { ...VPC, nat: true, function: true },
  },
  "key-topic": { encryption: { kmsKey: KEY }, trigger: "topic", vpc: { ...VPC, nat: true } },
  "key-function": { encryption: { kmsKey: KEY }, trigger: "lambda" },
  "key-trail": { encryption: { kmsKey: KEY }, trigger: { cloudtrail: { trail: true } } },
  events: { trigger: "eventbridge", retired: ["gone"] },
  "events-direct": { trigger: { eventbridge: { direct: true } } },
  "others-notify": { bucket: { name: "others-notify", notifications: "none" }, trigger: "topic" },
  "all-existing": {
    bucket: { existing: "their-drops" },
    trigger: { eventbridge: { bus: "storage" } },
    roles: { builds: { existing: ROLE("builds") }, function: { existing: ROLE("starter") } },
    logs: { builds: { existing: "/teams/images" }, function: { existing: "/teams/images" } },
    tools: { bucket: { existing: "our-tools" }, prefix: "pipelines/" },
    defaults: { repository: { existing: "platform/{service}" } },
  },
};

/** What version 5 of the provider cannot plan. */
export const NEWER_FORMS: FormsByName = { newer: { providerVersion: ">= 6.8.0, < 7.0.0" } };

/** Pipelines of every form that a scanner tells apart, in one stack, so that one plan holds them. */
export class Forms extends TerraformStack {
  constructor(app: App, more: FormsByName = {}) {
    super(app, "forms");
    new AwsProvider(this, "aws", { region: "us-east-1" });
    new ArchiveProvider(this, "archive");
    for (const [name, form] of Object.entries({ ...FORMS, ...more })) {
      new Pipeline(this, name, { name, bucket: `${name}-drops`, services: ["api"], ...form });
    }
  }
}
