import { resourceOfArn } from "../config/identifiers";
import { names } from "../config/names";
import { arnPartition } from "../config/partition";
import type { Statement } from "../config/policies/statement";
import { toolsKey } from "../config/policies/tools";
import type { PipelineConfig } from "../config/schema";
import { PIPELINE_TAG } from "../config/tags";
import { UnknownResourceTypeError } from "./errors";

export interface DeployerPolicyOptions {
  /** Account of the pipeline. @default - the one that provider.allowedAccountIds lists, or any: a role's policy grants nothing elsewhere */
  readonly account?: string;
}

/** ARNs of what a pipeline makes, known before anything is made. */
type Arns = ReturnType<typeof arnsOf>;

/** What Terraform's provider calls for resources of one type: to make, read, change and delete them. */
interface Needs {
  readonly actions: readonly string[];
  readonly on: keyof Arns;
}

/** An object, a queue and the like with its tags. */
const TAGS = ["ListTagsForResource", "TagResource", "UntagResource"] as const;

const of = (service: string, on: keyof Arns, ...operations: readonly string[]): Needs => ({
  actions: operations.map((operation) => `${service}:${operation}`),
  on,
});

/** By type. Reading takes more than its own arguments: the provider looks at all that a bucket or role could have. */
const NEEDS: Readonly<Record<string, readonly Needs[]>> = {
  aws_s3_bucket: [
    of(
      "s3",
      "buckets",
      "CreateBucket",
      "DeleteBucket",
      "ListBucket",
      "GetAccelerateConfiguration",
      "GetBucketAcl",
      "GetBucketCORS",
      "GetBucketLocation",
      "GetBucketLogging",
      "GetBucketObjectLockConfiguration",
      "GetBucketPolicy",
      "GetBucketRequestPayment",
      "GetBucketTagging",
      "GetBucketVersioning",
      "GetBucketWebsite",
      "GetEncryptionConfiguration",
      "GetLifecycleConfiguration",
      "GetReplicationConfiguration",
      "PutBucketTagging",
    ),
  ],
  aws_s3_bucket_public_access_block: [of("s3", "buckets", "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock")],
  aws_s3_bucket_ownership_controls: [of("s3", "buckets", "GetBucketOwnershipControls", "PutBucketOwnershipControls")],
  aws_s3_bucket_server_side_encryption_configuration: [
    of("s3", "buckets", "GetEncryptionConfiguration", "PutEncryptionConfiguration"),
  ],
  aws_s3_bucket_policy: [of("s3", "buckets", "DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy")],
  aws_s3_bucket_versioning: [of("s3", "buckets", "GetBucketVersioning", "PutBucketVersioning")],
  aws_s3_bucket_lifecycle_configuration: [
    of("s3", "buckets", "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
  ],
  aws_s3_bucket_notification: [of("s3", "dropBucket", "GetBucketNotification", "PutBucketNotification")],
  aws_s3_object: [
    of(
      "s3",
      "toolsObject",
      "DeleteObject",
      "DeleteObjectVersion",
      "GetObject",
      "GetObjectTagging",
      "GetObjectVersion",
      "PutObject",
    ),
    // To be told that the object is gone, and not just refused; to delete every version.
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    of("s3", "toolsBucket", "ListBucket", "ListBucketVersions"),
  ],
  aws_ssm_parameter: [
    of("ssm", "parameters", "AddTagsToResource", "DeleteParameter", "GetParameter", "GetParameters", "PutParameter"),
    of("ssm", "parameters", "ListTagsForResource", "RemoveTagsFromResource"),
    of("ssm", "everything", "DescribeParameters"),
  ],
  aws_cloudwatch_log_group: [
    of(
      "logs",
      "logGroups",
      "AssociateKmsKey",
      "CreateLogGroup",
      "DeleteLogGroup",
      "DeleteRetentionPolicy",
      "DisassociateKmsKey",
      "PutRetentionPolicy",
      ...TAGS,
    ),
    of("logs", "allLogGroups", "DescribeLogGroups"),
  ],
  aws_sqs_queue: [
    of(
      "sqs",
      "queues",
      "CreateQueue",
      "DeleteQueue",
      "GetQueueAttributes",
      "GetQueueUrl",
      "ListQueueTags",
      "SetQueueAttributes",
      "TagQueue",
      "UntagQueue",
    ),
  ],
  aws_sns_topic: [
    of("sns", "topic", "CreateTopic", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", ...TAGS),
  ],
  aws_sns_topic_subscription: [
    of(
      "sns",
      "topic",
      "GetSubscriptionAttributes",
      "ListSubscriptionsByTopic",
      "SetSubscriptionAttributes",
      "Subscribe",
      "Unsubscribe",
    ),
  ],
  aws_iam_role: [
    of(
      "iam",
      "roles",
      "DeleteRole",
      "GetRole",
      "ListAttachedRolePolicies",
      "ListInstanceProfilesForRole",
      "ListRolePolicies",
      "TagRole",
      "UntagRole",
      "UpdateAssumeRolePolicy",
    ),
  ],
  aws_iam_role_policy: [of("iam", "roles", "DeleteRolePolicy", "GetRolePolicy")],
  aws_lambda_function: [
    of(
      "lambda",
      "function",
      "CreateFunction",
      "DeleteFunction",
      "GetFunction",
      "GetFunctionCodeSigningConfig",
      "ListTags",
      "ListVersionsByFunction",
      "TagResource",
      "UntagResource",
      "UpdateFunctionCode",
      "UpdateFunctionConfiguration",
    ),
  ],
  aws_lambda_event_source_mapping: [
    of("lambda", "eventSourceMappings", "GetEventSourceMapping", "ListTags", "TagResource", "UntagResource"),
  ],
  aws_lambda_permission: [of("lambda", "function", "AddPermission", "GetPolicy", "RemovePermission")],
  aws_lambda_function_event_invoke_config: [
    of(
      "lambda",
      "function",
      "DeleteFunctionEventInvokeConfig",
      "GetFunctionEventInvokeConfig",
      "PutFunctionEventInvokeConfig",
      "UpdateFunctionEventInvokeConfig",
    ),
  ],
  aws_ecr_repository: [
    of(
      "ecr",
      "repositories",
      "CreateRepository",
      "DeleteRepository",
      "DescribeRepositories",
      "PutImageScanningConfiguration",
      "PutImageTagMutability",
      ...TAGS,
    ),
  ],
  aws_ecr_lifecycle_policy: [
    of("ecr", "repositories", "DeleteLifecyclePolicy", "GetLifecyclePolicy", "PutLifecyclePolicy"),
  ],
  aws_ecr_repository_policy: [
    of("ecr", "repositories", "DeleteRepositoryPolicy", "GetRepositoryPolicy", "SetRepositoryPolicy"),
  ],
  aws_codebuild_project: [
    of("codebuild", "projects", "BatchGetProjects", "CreateProject", "DeleteProject", "UpdateProject"),
  ],
  aws_cloudwatch_event_rule: [of("events", "rules", "DeleteRule", "DescribeRule", "PutRule", ...TAGS)],
  aws_cloudwatch_event_target: [of("events", "rules", "ListTargetsByRule", "PutTargets", "RemoveTargets")],
  aws_cloudtrail: [
    of(
      "cloudtrail",
      "trail",
      "AddTags",
      "CreateTrail",
      "DeleteTrail",
      "GetEventSelectors",
      "GetInsightSelectors",
      "GetTrailStatus",
      "ListTags",
      "PutEventSelectors",
      "RemoveTags",
      "StartLogging",
      "StopLogging",
      "UpdateTrail",
    ),
    of("cloudtrail", "everything", "DescribeTrails"),
    // To empty the bucket of its log files before it is deleted.
    of("s3", "trailBucket", "ListBucketVersions"),
    of("s3", "trailObjects", "DeleteObject", "DeleteObjectVersion"),
  ],
};

/**
 * What whoever applies and destroys a pipeline must be allowed, and no more.
 * @param types of the resources in the pipeline's stack
 * @throws UnknownResourceTypeError for a type that nobody has said the calls of
 */
export function deployerPolicy(
  config: PipelineConfig,
  types: ReadonlySet<string>,
  options: DeployerPolicyOptions = {},
): readonly Statement[] {
  const arns = arnsOf(config, options);
  const byResource = new Map<keyof Arns, Set<string>>();
  for (const type of types) {
    const needs = NEEDS[type];
    if (needs === undefined) throw new UnknownResourceTypeError(type);
    for (const { on, actions } of needs) {
      byResource.set(on, new Set([...(byResource.get(on) ?? []), ...actions]));
    }
  }
  return [
    ...[...byResource].map(([on, actions]): Statement => ({
      Sid: `${on.charAt(0).toUpperCase()}${on.slice(1)}`,
      Effect: "Allow",
      Action: [...actions].toSorted(),
      Resource: arns[on],
    })),
    ...renderRoles(config, types, arns),
    ...renderMappings(types, arns),
    ...renderLetGo(config, arns),
    ...renderKey(config),
    ...renderNetwork(config),
    ...renderState(config),
  ];
}

/** A role that is made is no stronger than its boundary, where there is one, and is lent to these services only. */
function renderRoles({ roles, trigger }: PipelineConfig, types: ReadonlySet<string>, arns: Arns): Statement[] {
  const boundary = roles.permissionBoundary;
  const grown = {
    Sid: "GrowRoles",
    Effect: "Allow",
    Action: ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
    Resource: arns.roles,
    ...(boundary !== undefined && { Condition: { StringEquals: { "iam:PermissionsBoundary": boundary } } }),
  } as const;
  const direct = trigger.kind === "cloudtrail" || (trigger.kind === "eventbridge" && trigger.direct);
  return [
    ...(types.has("aws_iam_role") ? [grown] : []),
    {
      Sid: "PassRoles",
      Effect: "Allow",
      Action: "iam:PassRole",
      Resource: arns.passedRoles,
      Condition: {
        StringEquals: {
          // These three are called so in every partition: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
          "iam:PassedToService": ["codebuild", direct ? "events" : "lambda"].map(
            (service) => `${service}.amazonaws.com`,
          ),
        },
      },
    },
  ];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html */
function renderMappings(types: ReadonlySet<string>, arns: Arns): Statement[] {
  if (!types.has("aws_lambda_event_source_mapping")) return [];
  return [
    {
      Sid: "FeedFunction",
      Effect: "Allow",
      Action: ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
      // The first knows no resource, and what all of them know is the function.
      Resource: arns.everything,
      Condition: { ArnEquals: { "lambda:FunctionArn": arns.function } },
    },
  ];
}

/**
 * Before OpenTofu lets go of a repository, it reads it; Terraform does not. What it was called may no longer be written down, but what the
 * pipeline made carries its tag. A bucket has no such tag: OpenTofu forgets it by the policy from before (docs/opentofu.md).
 */
function renderLetGo({ name, retired, services }: PipelineConfig, arns: Arns): Statement[] {
  // What is in other accounts was never the pipeline's.
  const mayBeOurs = services.some((service) => service.existingRepository && service.registryAccount === undefined);
  if (retired.length === 0 && !mayBeOurs) return [];
  return [
    {
      Sid: "LetGo",
      Effect: "Allow",
      Action: ["DescribeRepositories", "GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource"].map(
        (operation) => `ecr:${operation}`,
      ),
      Resource: arns.allRepositories,
      Condition: { StringEquals: { [`aws:ResourceTag/${PIPELINE_TAG}`]: name } },
    },
  ];
}

/** To write the tools zip, and for the grants of repositories. */
function renderKey({ encryption, tools }: PipelineConfig): Statement[] {
  const Resource = [encryption.kmsKey, tools.kmsKey].filter((key) => key !== undefined);
  if (Resource.length === 0) return [];
  const Action = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:RetireGrant"];
  return [
    { Sid: "UseKeys", Effect: "Allow", Action, Resource },
    {
      Sid: "GrantByKeys",
      Effect: "Allow",
      Action: "kms:CreateGrant",
      Resource,
      // To services on behalf of the deployer, and to nobody else: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-grant-is-for-aws-resource
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
  ];
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions */
function renderNetwork({ vpc }: PipelineConfig): Statement[] {
  if (vpc === undefined) return [];
  return [
    {
      Sid: "FindNetwork",
      Effect: "Allow",
      Action: ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
      // What describes knows no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
      Resource: "*",
    },
  ];
}

/** https://developer.hashicorp.com/terraform/language/backend/s3#s3-bucket-permissions */
function renderState({ backend, region }: PipelineConfig): Statement[] {
  if (backend.kind !== "s3") return [];
  const { key, assumeRole, lockfile, workspaceKeyPrefix } = backend;
  // Then that role does the rest.
  if (assumeRole !== undefined) {
    return [{ Sid: "BecomeStateWriter", Effect: "Allow", Action: "sts:AssumeRole", Resource: assumeRole }];
  }
  const bucket = `arn:${arnPartition(region)}:s3:::${backend.bucket}`;
  // Other workspaces than default: https://developer.hashicorp.com/terraform/language/backend/s3#workspace_key_prefix
  const keys = [key, `${workspaceKeyPrefix ?? "env:"}/*/${key}`];
  const states = keys.map((each) => `${bucket}/${each}`);
  const locks = lockfile ? states.map((state) => `${state}.tflock`) : [];
  return [
    { Sid: "FindState", Effect: "Allow", Action: "s3:ListBucket", Resource: bucket },
    { Sid: "KeepState", Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject"], Resource: [...states, ...locks] },
    // A state without resources is still an object: just the lock is deleted.
    ...(lockfile
      ? [{ Sid: "Unlock", Effect: "Allow", Action: "s3:DeleteObject", Resource: locks } satisfies Statement]
      : []),
    ...renderStateKey(backend.kmsKey),
  ];
}

function renderStateKey(arn: string | undefined): Statement[] {
  if (arn === undefined) return [];
  const common = { Sid: "EncryptState", Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"] } as const;
  const named = resourceOfArn(arn);
  if (!named.startsWith("alias/")) return [{ ...common, Resource: arn }];
  // A policy that names an alias as the resource allows nothing: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
  const Condition = { "ForAnyValue:StringEquals": { "kms:ResourceAliases": named } };
  return [{ ...common, Resource: arn.replace(named, "key/*"), Condition }];
}

/** Names by prefix end in the underscore that no pipeline's name holds (config/names.ts), so no other pipeline's things match. */
export function arnsOf(config: PipelineConfig, { account }: DeployerPolicyOptions) {
  const { name, region, bucket, tools, roles, services, trigger, logs, outputs, provider } = config;
  const derived = names(name);
  const [only, ...others] = provider.allowedAccountIds;
  const owner = account ?? (others.length === 0 ? only : undefined) ?? "*";
  const partition = arnPartition(region);
  const arn = (service: string, resource: string) => `arn:${partition}:${service}:${region}:${owner}:${resource}`;
  const bucketArn = (each: string) => `arn:${partition}:s3:::${each}`;
  const madeRoles = `arn:${partition}:iam::${owner}:role${roles.path ?? "/"}${roles.namePrefix}${name}_*`;
  // In the name of a bucket any account is twelve digits: `*` would also stand for the rest of a longer pipeline's name.
  const digits = owner.replace("*", "?".repeat(12));
  const trailBucket = bucketArn(derived.trailBucket(digits, region));
  const toolsBucket = bucketArn(tools.existing ?? derived.toolsBucket(digits, region));
  const bus = trigger.kind === "eventbridge" && trigger.bus !== undefined ? `${trigger.bus}/` : "";
  const topic = (trigger.kind === "topic" ? trigger.existing : undefined) ?? derived.topic;
  const groups = [
    ...(logs.builds === undefined ? [derived.buildLogGroup] : []),
    ...(logs.function === undefined ? [derived.functionLogGroup] : []),
  ];
  return {
    buckets: [
      ...(bucket.existing ? [] : [bucketArn(bucket.name)]),
      ...(tools.existing === undefined ? [toolsBucket] : []),
      ...(trigger.kind === "cloudtrail" && trigger.trail ? [trailBucket] : []),
    ],
    dropBucket: bucketArn(bucket.name),
    toolsBucket,
    toolsObject: `${toolsBucket}/${toolsKey(tools)}`,
    // With the streams' part, as some calls name a group.
    logGroups: groups.flatMap((group) => [arn("logs", `log-group:${group}`), arn("logs", `log-group:${group}:*`)]),
    allLogGroups: arn("logs", "log-group:*"),
    queues: [arn("sqs", derived.queue), arn("sqs", derived.deadLetterQueue)],
    topic: [arn("sns", topic), arn("sns", `${topic}:*`)],
    roles: madeRoles,
    passedRoles: [
      ...new Set([roles.function ?? madeRoles, typeof roles.builds === "string" ? madeRoles : roles.builds.existing]),
    ],
    function: arn("lambda", `function:${derived.function}`),
    eventSourceMappings: arn("lambda", "event-source-mapping:*"),
    repositories: services
      .filter(({ existingRepository }) => !existingRepository)
      .map(({ repository }) => arn("ecr", `repository/${repository}`)),
    allRepositories: arn("ecr", "repository/*"),
    parameters: arn("ssm", `parameter${outputs.ssm?.prefix ?? ""}/*`),
    projects: arn("codebuild", `project/${derived.buildProject("*")}`),
    rules: arn("events", `rule/${bus}${derived.serviceRule("*")}`),
    trailBucket,
    trailObjects: `${trailBucket}/*`,
    trail: arn("cloudtrail", `trail/${derived.trail}`),
    everything: "*",
  } as const;
}
