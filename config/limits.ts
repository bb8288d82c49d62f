/** What AWS accepts, and the page that says so. A bound stands here once; checks, messages and JSON Schema take it from here. */

/** Minutes a build may run. https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html */
export const BUILD_TIMEOUT_MINUTES = { min: 5, max: 2160 } as const;

/** Minutes that a build must have left after its longest wait for an upload, to publish what it waited for. */
export const BUILD_AFTER_WAIT_MINUTES = 5;

/** Minutes that a build may wait for an upload to finish. */
export const MAX_WAIT_MINUTES = { min: 1, max: BUILD_TIMEOUT_MINUTES.max - BUILD_AFTER_WAIT_MINUTES } as const;

/** Seconds between two looks of a waiting build at the upload. */
export const CHECK_INTERVAL_SECONDS = { min: 1, max: 300 } as const;

/** Minutes a build may wait in the queue. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html */
export const QUEUED_TIMEOUT_MINUTES = { min: 5, max: 480 } as const;

/** Characters of a build project's name. https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html */
export const BUILD_PROJECT_NAME_LENGTH = { min: 2, max: 150 } as const;

/** Characters of a role's name. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const ROLE_NAME_LENGTH = { min: 1, max: 64 } as const;

/** Characters of a function's name. https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
export const FUNCTION_NAME_LENGTH = { min: 1, max: 64 } as const;

/** Characters of a queue's name. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
export const QUEUE_NAME_LENGTH = { min: 1, max: 80 } as const;

/** Characters of a topic's name. https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
export const TOPIC_NAME_LENGTH = { min: 1, max: 256 } as const;

/** Characters of an EventBridge rule's name. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html */
export const RULE_NAME_LENGTH = { min: 1, max: 64 } as const;

/** Characters of a rule's event pattern, in JSON. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
export const EVENT_PATTERN_LENGTH = { max: 2048 } as const;

/** Characters of a bucket's name. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const BUCKET_NAME_LENGTH = { min: 3, max: 63 } as const;

/** Bytes of an object key in UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const OBJECT_KEY_BYTES = { min: 1, max: 1024 } as const;

/** Parts of a key that can be anything. AWS sets no limit; more than a few are a mistake, and cost time for each drop. */
export const KEY_PATTERN_PARTS = { max: 4 } as const;

/** Characters of a repository's name. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
export const REPOSITORY_NAME_LENGTH = { min: 2, max: 256 } as const;

/** Characters of an image tag. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export const IMAGE_TAG_LENGTH = { min: 1, max: 128 } as const;

/**
 * Moving tags of a service. Each takes a rule of the repository's lifecycle policy, which can hold 50; two are for untagged and for old images.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
 */
export const MOVING_TAGS = { max: 48 } as const;

/** Moving tags of a service whose other tags are immutable: the filters that exclude tags. https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html */
export const MOVING_TAGS_BESIDE_IMMUTABLE = { max: 5 } as const;

/**
 * Tags of one's own on each AWS resource, and characters of their keys and values. AWS takes 50 tags; one names the pipeline.
 * https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
 */
export const RESOURCE_TAGS = { max: 49, key: { min: 1, max: 128 }, value: { min: 0, max: 256 } } as const;

/** Days a log group may keep its events. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/**
 * Sizes of a Linux build machine on EC2, x86_64 and arm64 alike.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html
 */
export const EC2_COMPUTE_TYPES = [
  "BUILD_GENERAL1_SMALL",
  "BUILD_GENERAL1_MEDIUM",
  "BUILD_GENERAL1_LARGE",
  "BUILD_GENERAL1_XLARGE",
  "BUILD_GENERAL1_2XLARGE",
] as const;

/** Sizes on Lambda compute, by memory. https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html */
export const LAMBDA_COMPUTE_TYPES = [
  "BUILD_LAMBDA_1GB",
  "BUILD_LAMBDA_2GB",
  "BUILD_LAMBDA_4GB",
  "BUILD_LAMBDA_8GB",
  "BUILD_LAMBDA_10GB",
] as const;

/** Minutes that a build on Lambda compute may run; nobody can change it. https://docs.aws.amazon.com/codebuild/latest/userguide/lambda.html#lambda.limitations */
export const LAMBDA_TIMEOUT_MINUTES = 15;

/** Regions that Lambda compute was documented for; there may be more by now. https://docs.aws.amazon.com/codebuild/latest/userguide/lambda.html#lambda.regions */
export const LAMBDA_COMPUTE_REGIONS = [
  "ap-northeast-1",
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "eu-central-1",
  "eu-west-1",
  "sa-east-1",
  "us-east-1",
  "us-east-2",
  "us-west-2",
] as const;

/** Repositories that a service may take layers from, each a line of the policy of its role. AWS sets no limit but that of the policy. */
export const MOUNT_FROM = { max: 20 } as const;

/** More than any registry stores, and few enough bytes for every number to be exact. */
export const SIZE_TEBIBYTES = { max: 1024 } as const;

/** Uncompressed to compressed: nothing is smaller unpacked, and no format shrinks data to less than a millionth. */
export const RATIO = { min: 1, max: 1_000_000 } as const;

/** Days the drop queue keeps an event (SQS's default; its limit is 14). https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
export const QUEUE_RETENTION_DAYS = 4;

/** Days the dead letter queue keeps an event: SQS's limit, so that somebody has time to look. */
export const DEAD_LETTER_RETENTION_DAYS = 14;

/**
 * Days a replaced version of a drop must be kept: an event may lie in the drop queue, then in the dead letter queue, and
 * must still find its version when it is sent back.
 */
export const VERSIONS_EXPIRE_AFTER_DAYS = { min: QUEUE_RETENTION_DAYS + DEAD_LETTER_RETENTION_DAYS + 1 } as const;

/** Trails of an account and region, which AWS never raises. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html */
export const TRAILS = { max: 5 } as const;

/** Subnets of a build project. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html */
export const VPC_SUBNETS = { max: 16 } as const;

/** Security groups of a build project. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html */
export const VPC_SECURITY_GROUPS = { max: 5 } as const;

/** Characters of all inline policies of a role together, without white space. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const INLINE_POLICIES_LENGTH = { max: 10_240 } as const;

/** Characters of a managed policy, without white space. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const MANAGED_POLICY_LENGTH = { max: 6144 } as const;

/**
 * A character that no policy of IAM holds. JSON's other spelling, by numbers, does not help: the AWS provider writes each as it is.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
 */
export const BEYOND_POLICIES = /[^\t\n\r\u0020-\u00ff]/u;

/** Characters of a repository's policy. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html */
export const REPOSITORY_POLICY_LENGTH = { max: 10_240 } as const;

/**
 * A parameter of SSM: characters of its ARN, as those before its name count as well, and levels of its name.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export const PARAMETER = { arnLength: { max: 1011 }, levels: { max: 15 } } as const;

/** Tags that choose workspaces: more than anyone tells workspaces apart by. */
export const CLOUD_TAGS = { max: 20 } as const;

/**
 * Characters of the value of a build's variable: "EnvironmentVariable should be at most 4096 characters" was the answer to StartBuild; no page of
 * AWS's tells. https://github.com/wolfeidau/buildkite-serverless-agent/issues/35
 */
export const VARIABLE = 4096;

/** Default quotas that a large file can pass. They can be raised, so passing them is a warning. */
export const QUOTAS = {
  /** Roles in an account. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
  roles: 1000,
  /** Build projects in an account and region. https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html */
  buildProjects: 5000,
  /** Rules of an event bus. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
  rules: 300,
} as const;

/** The largest whole number that the S3 and ECR lifecycle APIs take (a 32-bit integer). https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html */
export const LARGEST_INTEGER = 2_147_483_647;
