import * as z from "zod";
import { type BackendConfig, backendSchema } from "./backend";
import { type ComputeConfig, defaultCompute, serviceCompute } from "./compute";
import {
  defaultRepository,
  encryptionSchema,
  existingLogGroup,
  type RepositoryTarget,
  serviceRepository,
  type ToolsConfig,
  toolsSchema,
} from "./existing";
import * as field from "./fields";
import { hasUnknownKey } from "./findings";
import * as identifier from "./identifiers";
import * as limits from "./limits";
import { notificationsSchema, type NotificationsKind } from "./notifications";
import { outputsSchema, type OutputsConfig } from "./outputs";
import { type ProviderConfig, providerSchema } from "./provider";
import { providerVersionSchema } from "./provider-version";
import { type RolesConfig, rolesSchema } from "./roles";
import { type StreamConfig, streamOptions } from "./stream";
import { triggerSchema, type TriggerConfig } from "./trigger";
import { type VpcConfig, vpcSchema } from "./vpc";

const sourceAccount = field.sourceAccount.meta({
  description:
    "What the reference of the image in the archive begins with: the account id or the host of the sender's registry. Quote account ids. Default: any.",
});
const tag = field.tagRule.meta({
  description:
    "Regular expression that the tag of the image in the archive must match; it is published under that tag.",
});
const movingTags = z
  .array(field.imageTag)
  .max(limits.MOVING_TAGS.max, `must list at most ${limits.MOVING_TAGS.max} tags`)
  .check((context) => {
    context.value.forEach((moving, index) => {
      if (context.value.indexOf(moving) < index) {
        context.issues.push({ code: "custom", path: [index], message: "must be listed once", input: moving });
      }
    });
  })
  .meta({
    description: `Tags that always point to the newest image of the service, at most ${limits.MOVING_TAGS.max}. [] for none.`,
    uniqueItems: true,
  });
const buildTimeout = field.count("minutes", limits.BUILD_TIMEOUT_MINUTES).meta({
  description: `Minutes after which a running build is stopped, ${limits.BUILD_TIMEOUT_MINUTES.min} to ${limits.BUILD_TIMEOUT_MINUTES.max}; ${limits.LAMBDA_TIMEOUT_MINUTES} on Lambda compute, which takes no other. Default: 30.`,
});
const queuedTimeout = field.count("minutes", limits.QUEUED_TIMEOUT_MINUTES).meta({
  description: `Minutes after which a build that still waits for a machine is given up, ${limits.QUEUED_TIMEOUT_MINUTES.min} to ${limits.QUEUED_TIMEOUT_MINUTES.max}; not on Lambda compute. Default: 480.`,
});
const commands = z.array(field.command);
const before = commands.meta({
  description:
    "Shell commands that run in the build before the publisher, in its shell; where one fails, nothing is published.",
});
const after = commands.meta({
  description: "Shell commands that run in the build after the publisher, in its shell; not where publishing failed.",
});
const buildspec = field.filePath.meta({
  description:
    "Buildspec that the builds run instead of the publisher's, relative to this file; not beside before or after.",
});
const environment = z.record(field.variableName, z.string()).meta({
  description: "Further environment variables of the build, as strings; visible to everyone who may read the project.",
});
/** The same rule as {@link refuseBuildspecBesideCommands}, for the JSON Schema. */
const BUILDSPEC_BESIDE_COMMANDS = {
  required: ["buildspec"],
  anyOf: [{ required: ["before"] }, { required: ["after"] }],
};

/** A service's builds run ours with commands around it, or one of its own. */
function refuseBuildspecBesideCommands(
  context: z.core.ParsePayload<{ before?: unknown; after?: unknown; buildspec?: string | undefined }>,
): void {
  const { before, after, buildspec } = context.value;
  if (buildspec === undefined || (before === undefined && after === undefined)) return;
  const message = "must not stand beside before or after: put those commands into the file";
  context.issues.push({ code: "custom", path: ["buildspec"], message, input: buildspec });
}

const defaults = z
  .strictObject({
    key: field.sharedKey
      .meta({
        description:
          "Object key that the sender uploads to; must hold {service}, which stands for the service's name. Default: {service}.zip",
      })
      .optional(),
    repository: defaultRepository.optional(),
    sourceAccount: sourceAccount.optional(),
    tag: tag.default("^[0-9a-f]{7,40}$"),
    movingTags: movingTags.default(["staging"]),
    compute: defaultCompute,
    buildTimeout: buildTimeout.optional(),
    queuedTimeout: queuedTimeout.optional(),
    environment: environment.default({}),
    before: before.optional(),
    after: after.optional(),
    buildspec: buildspec.optional(),
    ...streamOptions,
  })
  .check(refuseBuildspecBesideCommands)
  .meta({ not: BUILDSPEC_BESIDE_COMMANDS, description: "What every service gets unless it says otherwise." });

const service = z
  .strictObject({
    name: field.serviceName.meta({
      description:
        "The service's name: lower-case letters and digits joined by single hyphens or underscores. The build project is <pipeline>_<name>.",
    }),
    key: field.dropKey
      .meta({
        description: `Object key that the sender uploads to, at most ${limits.OBJECT_KEY_BYTES.max} bytes. {service} stands for the service's name, {anything} for one or more characters; ends in .zip, .tar, .tar.gz, .tgz or .tar.zst. Default: <name>.zip`,
      })
      .optional(),
    archive: field.archivePath
      .meta({
        description:
          "Where the image archive lies inside the drop, unless the drop is one itself. Default: image/<name>",
      })
      .optional(),
    repository: serviceRepository.optional(),
    sourceAccount: sourceAccount.optional(),
    tag: tag.optional(),
    movingTags: movingTags.optional(),
    compute: serviceCompute.optional(),
    buildTimeout: buildTimeout.optional(),
    queuedTimeout: queuedTimeout.optional(),
    environment: environment
      .meta({
        description: "Further environment variables of the build, added to those of defaults; the same name replaces.",
      })
      .optional(),
    before: before.optional(),
    after: after.optional(),
    buildspec: buildspec.optional(),
    ...streamOptions,
  })
  .check(refuseBuildspecBesideCommands)
  .meta({ not: BUILDSPEC_BESIDE_COMMANDS, description: "A service; what it leaves out comes from defaults." });

const bucket = z
  .strictObject({
    name: field.bucketName
      .meta({ description: "Bucket to create, 3 to 63 characters. Bucket names are global." })
      .optional(),
    existing: field.bucketName
      .meta({
        description:
          "Bucket of the same region to take as it is: its versioning, notifications, policy and lifecycle stay its owner's.",
      })
      .optional(),
    account: identifier.accountId
      .meta({ description: "Account that owns the existing bucket. Default: the pipeline's." })
      .optional(),
    kmsKey: identifier.kmsKeyArn
      .meta({
        description: "ARN of the KMS key that encrypts the existing bucket's objects; builds may decrypt by it.",
      })
      .optional(),
    notifications: notificationsSchema.optional(),
    versionsExpireAfterDays: field
      .count("days", limits.VERSIONS_EXPIRE_AFTER_DAYS)
      .meta({
        description: `Days until a replaced version is deleted, at least ${limits.VERSIONS_EXPIRE_AFTER_DAYS.min}: longer than an event can wait in both queues. Default: 30.`,
      })
      .optional(),
    uploadsExpireAfterDays: field
      .count("days", { min: 1 })
      .meta({ description: "Days until an unfinished upload is deleted. Default: 7." })
      .optional(),
  })
  .meta({
    oneOf: [
      { required: ["name"], properties: { account: false, kmsKey: false } },
      { required: ["existing"], properties: { versionsExpireAfterDays: false, uploadsExpireAfterDays: false } },
    ],
  })
  .check((context) => {
    const { name, existing } = context.value;
    const refuse = (message: string, input: unknown, ...path: string[]) =>
      context.issues.push({ code: "custom", path, message, input });
    if (name === undefined && existing === undefined && !hasUnknownKey(context)) {
      refuse("must have a name (a bucket to create) or existing (a bucket to take as it is)", context.value);
    }
    if (existing === undefined) {
      const remedy = { account: "a bucket is created in the pipeline's account", kmsKey: "say encryption.kmsKey" };
      for (const option of ["account", "kmsKey"] as const) {
        const value = context.value[option];
        if (value !== undefined) refuse(`must stand beside existing only: ${remedy[option]}`, value, option);
      }
      return;
    }
    if (name !== undefined)
      refuse("must not stand beside existing: a bucket is created or taken as it is", name, "name");
    for (const option of ["versionsExpireAfterDays", "uploadsExpireAfterDays"] as const) {
      const value = context.value[option];
      if (value !== undefined) {
        refuse("must not stand beside existing: the lifecycle of an existing bucket is its owner's", value, option);
      }
    }
  });

/** Keys that an earlier one equals but for case, each with that one. */
function findTwins(keys: readonly string[]): [key: string, earlier: string][] {
  const seen = new Map<string, string>();
  return keys.flatMap((key) => {
    const earlier = seen.get(key.toLowerCase());
    if (earlier === undefined) seen.set(key.toLowerCase(), key);
    return earlier === undefined ? [] : [[key, earlier] as [string, string]];
  });
}

/** A pipeline as `pipeline.yaml` and library users write it. The one source of its types, defaults, rules and JSON Schema. */
export const pipelineSchema = z
  .strictObject({
    name: field.pipelineName.meta({
      description:
        "The pipeline's name, which begins the names of all that it creates: lower-case letters and digits joined by single hyphens, the first a letter.",
    }),
    region: field.region.meta({ description: "AWS region, of any partition: us-east-1, cn-north-1, us-gov-west-1." }),
    bucket: z
      .union([field.bucketName, bucket], { error: "must be a bucket's name or a mapping" })
      .meta({ description: "Bucket that the drops go to. A name alone is a bucket to create." }),
    trigger: triggerSchema,
    publisher: z
      .enum(["stream", "docker"])
      .meta({
        description:
          "The way from the archive to the registry. stream: blob by blob, without docker or privilege. docker: docker load and docker push, in builds with privileged mode.",
      })
      .default("stream"),
    packaging: z
      .enum(["archive", "prebuilt"])
      .meta({
        description:
          "Who zips the programs. archive: Terraform, when it plans. prebuilt: synth, for runs that plan and apply on different machines. Default: archive, with backend.cloud prebuilt.",
      })
      .optional(),
    roles: rolesSchema,
    backend: backendSchema.default({ local: {} }),
    providerVersion: providerVersionSchema,
    protect: z
      .boolean()
      .meta({
        description:
          "Terraform refuses every plan that would destroy a repository or the bucket of the drops; false before the pipeline is taken down.",
      })
      .default(true),
    outputs: outputsSchema,
    repositories: z
      .strictObject({
        prefix: field.repositoryPrefix
          .meta({ description: "Begins the names of repositories that a service does not name itself, such as team/." })
          .default(""),
        scanOnPush: z
          .boolean()
          .meta({ description: "Scan each image for known vulnerabilities when it is pushed." })
          .default(true),
        untaggedExpireAfterDays: field
          .count("days", { min: 1 })
          .meta({ description: "Days after its push at which an image without a tag is deleted." })
          .default(14),
        keep: field
          .count("images", { min: 1 })
          .meta({
            description: "Images to keep in each repository; what a moving tag points to is always kept. Default: all.",
          })
          .optional(),
        pullAccounts: z
          .array(identifier.accountId)
          .meta({
            description:
              "Accounts that may pull from the repositories that are created; existing ones stay their owners'.",
            uniqueItems: true,
          })
          .default([]),
      })
      .meta({ description: "What the ECR repositories have in common." })
      .prefault({}),
    logs: z
      .strictObject({
        retentionDays: z
          .literal(limits.LOG_RETENTION_DAYS, {
            error: `must be a number of days that CloudWatch Logs knows: ${limits.LOG_RETENTION_DAYS.join(", ")}`,
          })
          .meta({ description: "Days that the logs of function and builds are kept in log groups that are made." })
          .default(30),
        builds: existingLogGroup("all builds"),
        function: existingLogGroup("the function"),
      })
      .meta({ description: "CloudWatch log groups." })
      .prefault({}),
    tools: toolsSchema,
    vpc: vpcSchema.optional(),
    encryption: encryptionSchema,
    provider: providerSchema,
    tags: z
      .record(field.resourceTagKey, field.resourceTagValue)
      .check((context) => {
        const keys = Object.keys(context.value);
        if (keys.length > limits.RESOURCE_TAGS.max) {
          context.issues.push({
            code: "custom",
            message: `must be at most ${limits.RESOURCE_TAGS.max} tags`,
            input: keys,
          });
        }
        // IAM takes Team and team for one key. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
        for (const [key, twin] of findTwins(keys)) {
          const message = `must differ from ${twin} in more than case`;
          context.issues.push({ code: "custom", path: [key], message, input: key });
        }
      })
      .meta({
        description: `Tags of every AWS resource, at most ${limits.RESOURCE_TAGS.max}.`,
        maxProperties: limits.RESOURCE_TAGS.max,
      })
      .default({}),
    defaults: defaults.prefault({}),
    services: z
      .array(
        z.union([field.serviceName.meta({ description: "The service's name; everything else is default." }), service], {
          error: "must be a service's name or a mapping",
        }),
      )
      .min(1, "must list at least one service, such as - api")
      .meta({ description: "The services whose images are dropped, in any order. A name alone is enough." }),
    retired: z
      .array(field.serviceName)
      .meta({
        description:
          "Services that are gone from the list above and whose repositories stay, with their images, outside of this state.",
        uniqueItems: true,
      })
      .default([]),
  })
  .meta({ title: "A pipeline of s3-codebuild-trigger", description: "One document per pipeline, separated by ---" });

/** A pipeline as it is written: shorthands allowed, defaults left out. */
export type PipelineInput = z.input<typeof pipelineSchema>;

/** A pipeline with every default filled in and everything checked. */
export interface PipelineConfig {
  readonly name: string;
  readonly region: string;
  readonly bucket: BucketConfig;
  readonly trigger: TriggerConfig;
  readonly publisher: "stream" | "docker";
  readonly packaging: "archive" | "prebuilt";
  readonly roles: RolesConfig;
  readonly backend: BackendConfig;
  /** Range of versions of hashicorp/aws, the lower bound first. */
  readonly providerVersion: string;
  /** No plan may destroy a repository or the bucket of the drops. */
  readonly protect: boolean;
  readonly outputs: OutputsConfig;
  readonly repositories: RepositoriesConfig;
  readonly logs: LogsConfig;
  readonly tools: ToolsConfig;
  /** The VPC that builds run in; absent for none. */
  readonly vpc?: VpcConfig;
  /** ARN of a customer managed key for all that is created; absent for keys that AWS owns. */
  readonly encryption: { readonly kmsKey?: string };
  readonly provider: ProviderConfig;
  /** Tags of every AWS resource. */
  readonly tags: Readonly<Record<string, string>>;
  /** Sorted by name, whatever order they were written in. */
  readonly services: readonly ServiceConfig[];
  /** Names of services that are gone and whose repositories stay, sorted. */
  readonly retired: readonly string[];
}

export interface BucketConfig {
  readonly name: string;
  /** The bucket is taken as it is, and nothing about it is configured; the days below then mean nothing. */
  readonly existing: boolean;
  /** Account of an existing bucket; absent where it is the pipeline's. */
  readonly account?: string;
  /** ARN of the key that an existing bucket's objects are encrypted by; absent where builds need none. */
  readonly kmsKey?: string;
  /** Whose the bucket's notification configuration is. */
  readonly notifications: NotificationsKind;
  /** The file that holds what others have the bucket report; with adopt and leaving, where it exists and can be read. */
  readonly othersFile?: string;
  readonly versionsExpireAfterDays: number;
  readonly uploadsExpireAfterDays: number;
}

export interface RepositoriesConfig {
  readonly scanOnPush: boolean;
  readonly untaggedExpireAfterDays: number;
  /** Images to keep in each repository; absent keeps all. */
  readonly keep?: number;
  /** Accounts that may pull from repositories that are created. */
  readonly pullAccounts: readonly string[];
}

export interface LogsConfig {
  readonly retentionDays: number;
  /** Name of a log group that is taken as it is; absent where the pipeline makes one. */
  readonly builds?: string;
  /** The same for the function. */
  readonly function?: string;
}

export interface ServiceConfig extends RepositoryTarget {
  readonly name: string;
  /** The object key that is dropped; may hold `{anything}` (core/key-pattern.ts) unless the trigger is direct. */
  readonly key: string;
  /** The image archive's path inside the drop. */
  readonly archive: string;
  /** What the image's reference begins with; absent accepts any. */
  readonly sourceAccount?: string;
  /** Source of the regular expression for the image's tag. */
  readonly tag: string;
  readonly movingTags: readonly string[];
  readonly compute: ComputeConfig;
  /** Minutes; on Lambda compute it is what it is, and not for CodeBuild to be told. */
  readonly buildTimeout: number;
  /** Minutes; absent on Lambda compute, where nothing waits for a machine. */
  readonly queuedTimeout?: number;
  /** Of no effect with publisher docker. */
  readonly stream: StreamConfig;
  readonly environment: Readonly<Record<string, string>>;
  /** Commands that run before the publisher. */
  readonly before: readonly string[];
  /** Commands that run after the publisher; not where publishing failed. */
  readonly after: readonly string[];
  /** Path of the file that the builds run instead of the publisher's buildspec; it exists, and the linter finds no error in it. */
  readonly buildspec?: string;
}
