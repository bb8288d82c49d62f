import * as z from "zod";
import { ANYTHING } from "../core/key-pattern";
import { didYouMean } from "../core/spelling";
import { KEY_ENDINGS } from "./key-endings";
import * as limits from "./limits";

/** Values that AWS restricts, each with the rule as its message; the value that broke it is added where problems are listed. */

/** A whole number within a bound; `unit` is what it counts. */
export function count(unit: string, { min, max }: { readonly min: number; readonly max?: number }) {
  const least = `must be at least ${min} ${min === 1 ? unit.replace(/s$/, "") : unit}`;
  if (max !== undefined) {
    const between = `must be between ${min} and ${max} ${unit}`;
    return z.int().min(min, between).max(max, between);
  }
  return z.int().min(min, least).max(limits.LARGEST_INTEGER, `must be at most ${limits.LARGEST_INTEGER} ${unit}`);
}

function text({ min, max }: { readonly min: number; readonly max: number }) {
  const rule = `must have ${min} to ${max} characters`;
  return z.string().min(min, rule).max(max, rule);
}

/** Of what every JavaScript object has, the one word that the rules of names would take: CDKTF finds it among the children of any construct. */
const NOT_CONSTRUCTOR = [
  /^(?!constructor$)/,
  "must not be constructor, which CDKTF cannot name anything by: take another name",
] as const;

/** No underscore: it ends the pipeline's name in the names of AWS resources (names.ts). */
export const pipelineName = z
  .string()
  .regex(
    /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
    "must be lower-case letters and digits joined by single hyphens, the first a letter",
  )
  .regex(...NOT_CONSTRUCTOR);

/** What a build project and a repository can both be called. */
export const serviceName = z
  .string()
  .regex(/^[a-z0-9]+([-_][a-z0-9]+)*$/, "must be lower-case letters and digits joined by single hyphens or underscores")
  .regex(...NOT_CONSTRUCTOR);

/** The prefixes of all partitions. https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html */
export const region = z
  .string()
  .regex(
    /^(af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov|us-iso|us-isob|us-isof|eu-isoe|eusc-de)-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[0-9]{1,2}$/,
    "must be an AWS region such as us-east-1 or cn-north-1",
  )
  .regex(/^(?!cn-)|^cn-(north|northwest)-1$/, "must be cn-north-1 or cn-northwest-1, the regions of China")
  .regex(/^(?!us-gov-)|^us-gov-(east|west)-1$/, "must be us-gov-west-1 or us-gov-east-1, the regions of GovCloud");

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const bucketName = text(limits.BUCKET_NAME_LENGTH)
  .regex(/^[a-z0-9.-]*$/, "must be lower-case letters, digits, hyphens and dots")
  .regex(/^[a-z0-9](.*[a-z0-9])?$/, "must begin and end with a letter or digit")
  .regex(/^(?!.*\.\.)/, "must not hold two dots in a row")
  .regex(/^(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)/, "must not look like an IP address")
  .regex(
    /^(?!xn--|sthree-|amzn-s3-demo-)/,
    "must not begin with xn--, sthree- or amzn-s3-demo-, which AWS keeps for itself",
  )
  .regex(
    /^(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)/,
    "must not end in -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3, which AWS keeps for itself",
  );

const KEY_RULE = `must be at most ${limits.OBJECT_KEY_BYTES.max} bytes of UTF-8`;
const objectKey = z
  .string()
  .min(limits.OBJECT_KEY_BYTES.min, "must not be empty")
  .max(limits.OBJECT_KEY_BYTES.max, KEY_RULE)
  .refine((key) => Buffer.byteLength(key) <= limits.OBJECT_KEY_BYTES.max, KEY_RULE)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not hold control characters or lone surrogates");

/** What stands for the service's name in a key; resolved when the configuration is read. */
export const SERVICE = "{service}";

const PLACEHOLDERS = [SERVICE, ANYTHING];

/** An exact key, or a pattern of keys (core/key-pattern.ts). */
export const dropKey = objectKey
  .regex(/^(?![sS]3:\/\/)/, "must be the key without s3:// and the bucket, such as releases/api.zip")
  .regex(/^(?!\/)/, "must not begin with a slash, which S3 takes for a part of the key: leave it out")
  .regex(/^([^{}]|\{service\}|\{anything\})*$/, { error: ({ input }) => bracesRule(String(input)) })
  .regex(/^(?!.*\{anything\}\{anything\})/, `must not hold ${ANYTHING} twice in a row`)
  .regex(
    new RegExp(`^(?!(.*\\{anything\\}){${limits.KEY_PATTERN_PARTS.max + 1}})`),
    `must hold ${ANYTHING} at most ${limits.KEY_PATTERN_PARTS.max} times`,
  )
  .regex(
    new RegExp(`(${KEY_ENDINGS.map((ending) => ending.replaceAll(".", "\\.")).join("|")})$`),
    `must end in ${KEY_ENDINGS.join(", ").replace(/, ([^,]*)$/, " or $1")}`,
  );

function bracesRule(key: string): string {
  const strange = key.match(/\{[^{}]*\}/g)?.find((each) => !PLACEHOLDERS.includes(each));
  const meant = strange === undefined ? undefined : didYouMean(strange, PLACEHOLDERS);
  const rule = `must hold { and } only as ${PLACEHOLDERS.join(" and ")}`;
  return meant === undefined ? rule : `${rule} (did you mean ${meant}?)`;
}

/** A key for every service: without its name, all would own the same. */
export const sharedKey = dropKey.regex(
  /\{service\}/,
  `must hold ${SERVICE}, so that each service has a key of its own`,
);

/** `terraform init` takes no empty parts. */
export const stateKey = objectKey
  .regex(/^(?!\/).*[^/]$/, "must not begin or end with a slash")
  .regex(/^(?!.*\/\/)/, "must not have two slashes in a row");

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
export const repositoryName = text(limits.REPOSITORY_NAME_LENGTH).regex(
  /^([a-z0-9]+([._-][a-z0-9]+)*\/)*[a-z0-9]+([._-][a-z0-9]+)*$/,
  "must be lower-case letters and digits joined by single dots, hyphens, underscores and slashes",
);

const ECR_HOST = /^[0-9]{12}\.dkr[.-]ecr[.-][^/]*\//;

/** A repository that images are published to, which an option of its own says the account of. */
export const targetName = repositoryName.regex(/^(?![0-9]{12}\.dkr[.-]ecr[.-][^/]*\/)/, { error: hostRule });

export function hostRule({ input }: { readonly input?: unknown }): string {
  const name = String(input).replace(ECR_HOST, "");
  return `must be the name without the registry's host, ${name}; for another account's say { existing: ${name}, account: "${String(input).slice(0, 12)}" }`;
}

/** What follows it is checked with it: prefix and service together are a repository's name. */
export const repositoryPrefix = z
  .string()
  .regex(
    /^([a-z0-9]+[._/-])*$/,
    "must be lower-case letters and digits ending in a slash, dot, hyphen or underscore, such as team/",
  );

/** A member of the drop, as archive writers name it. */
export const archivePath = z
  .string()
  .min(1, "must not be empty")
  .regex(
    /^(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[^\\\p{Cc}]*[^/\\\p{Cc}]$/u,
    "must be the path of a file inside the drop, such as image/api",
  );

/** What an image's reference may begin with. */
export const sourceAccount = z
  .string()
  .regex(/^(?!.*:\/\/)/, "must be without a scheme such as https://, which no image reference begins with")
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/,
    "must be the beginning of an image reference, such as an account id or a registry's host",
  );

export const tagRule = z
  .string()
  .min(1, "must not be empty")
  .check((context) => {
    try {
      new RegExp(context.value);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^.*: /, "") : String(error);
      context.issues.push({
        code: "custom",
        message: `must be a regular expression (${reason})`,
        input: context.value,
      });
    }
  });

export const imageTag = text(limits.IMAGE_TAG_LENGTH).regex(
  /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
  "must be letters, digits, underscores, dots and hyphens, the first a letter, digit or underscore",
);

export const buildImage = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, "must be the reference of a container image")
  .regex(/^(?!aws\/codebuild\/.*(windows|macos))/, "must be a Linux image");

/** As images are labelled, which is not as machines call themselves. https://github.com/opencontainers/image-spec/blob/main/image-index.md */
export const platform = z
  .string()
  .regex(
    /^(all|[a-z0-9]+\/(?!aarch64(\/|$))[a-z0-9]+(\/[a-z0-9.]+)?)$/,
    "must be all or os/architecture[/variant] as images have it, such as linux/amd64, linux/arm64 or linux/arm/v7",
  );

/** Set by the pipeline itself, by CodeBuild or by the credentials of the build. */
const RESERVED_VARIABLES = [
  "SERVICE_NAME",
  "IMAGE_REPO_NAME",
  "ECS_SOURCE",
  "SOURCE_ACCOUNT",
  "ARCHIVE_PATH",
  "TAG_PATTERN",
  "MOVING_TAGS",
  "GIT_HASH",
  "MAX_WAIT_TIME",
  "CHECK_INTERVAL",
  "BUILD_START_TIME",
  "SOURCE_IMAGE",
  "COMPRESSION",
  "REUSE",
  "PLATFORM",
  "ATTESTATIONS",
  "MOUNT_FROM",
  "MAX_ARCHIVE_BYTES",
  "MAX_LAYER_BYTES",
  "MAX_RATIO",
] as const;

/** One entry of a buildspec's list of commands. */
export const command = z
  .string({
    error: ({ input }) =>
      typeof input === "object" && input !== null
        ? "must be a command in one string: quote one that holds a colon and a space"
        : undefined,
  })
  .regex(/\S/, "must not be empty");

export const filePath = z
  .string()
  .min(1, "must not be empty")
  .regex(/^[^\0]*$/, "must not hold a null character");

/** S3 sends to no FIFO topic. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html */
export const topicName = text(limits.TOPIC_NAME_LENGTH)
  .regex(/^(?!arn:)/, "must be the name of a topic, without the rest of its ARN")
  .regex(/^(?!.*\.fifo$)/, "must not be a FIFO topic, which S3 does not send to")
  .regex(/^[A-Za-z0-9_-]*$/, "must be letters, digits, hyphens and underscores");

/** https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html */
export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable name: letters, digits and underscores, the first no digit")
  .regex(/^(?!DROP_|CODEBUILD_|AWS_)/, "must not begin with DROP_, CODEBUILD_ or AWS_, which the build sets itself")
  .regex(
    new RegExp(`^(?!(${RESERVED_VARIABLES.join("|")})$)`),
    `must not be one of ${RESERVED_VARIABLES.join(", ")}, which the pipeline sets itself`,
  );

/** https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
const TAG_CHARACTERS = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const TAG_RULE = "must be letters, digits, spaces and _ . : / = + - @";
export const resourceTagKey = text(limits.RESOURCE_TAGS.key)
  .regex(TAG_CHARACTERS, TAG_RULE)
  .regex(/^(?![aA][wW][sS]:)/, "must not begin with aws:, which AWS keeps for itself")
  .regex(/^(?!s3-codebuild-trigger:)/, "must not begin with s3-codebuild-trigger:, which the pipeline sets itself");
export const resourceTagValue = text(limits.RESOURCE_TAGS.value).regex(TAG_CHARACTERS, TAG_RULE);

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/organizations#create-an-organization */
export const cloudOrganization = z
  .string()
  .regex(/^[A-Za-z0-9_-]{3,40}$/, "must have 3 to 40 letters, digits, hyphens and underscores");

/** https://developer.hashicorp.com/terraform/cloud-docs/workspaces/create#workspace-naming */
export const cloudWorkspace = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,90}$/, "must have 1 to 90 letters, digits, hyphens and underscores");

export const cloudProject = z
  .string()
  .regex(/^[A-Za-z0-9 _-]{3,40}$/, "must have 3 to 40 letters, digits, spaces, hyphens and underscores");

export const hostname = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$/, "must be a host name, without a scheme");

/** https://developer.hashicorp.com/terraform/cloud-docs/workspaces/tags */
export const cloudTag = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9:_-]*[a-z0-9])?$/,
    "must be lower-case letters, digits, colons, hyphens and underscores, the first and last a letter or digit",
  );

/** Who reads and writes states names the key only to S3, so an alias will do. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export const stateKmsKeyArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)\/[A-Za-z0-9/_-]+$/,
    "must be the ARN of a KMS key or of its alias",
  );

export const profile = z.string().regex(/^[^\s\][]+$/, "must be the name of a profile, without spaces or brackets");

/** Of a parameter's name, `repository/<service>` follows its prefix. */
const PREFIX_LEVELS = limits.PARAMETER.levels.max - 2;

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html */
export const parameterPrefix = z
  .string()
  .regex(/^(\/[A-Za-z0-9_.-]+)+$/, "must be a path such as /images: a slash before each name, none at the end")
  .regex(
    new RegExp(`^(/[^/]*){0,${PREFIX_LEVELS}}$`),
    `must have at most ${PREFIX_LEVELS} levels, so that <prefix>/repository/<service> has at most ${limits.PARAMETER.levels.max}`,
  )
  .regex(/^(?!\/([aA][wW][sS]|[sS][sS][mM]))/, "must not begin with /aws or /ssm, which AWS keeps for itself");

/** An absolute path would tie the synthesised JSON to this machine. */
export const relativePath = z
  .string()
  .min(1, "must not be empty")
  .regex(
    /^(?!\/|~|[A-Za-z]:|\\)/,
    "must be relative to the project's folder, so that cdktf.out can move to another machine",
  )
  .regex(/^(?!(\.\/)?cdktf\.out(\/|$))/, "must not lie in cdktf.out, which can be deleted at any time");
