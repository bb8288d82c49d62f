import * as z from "zod";
import * as field from "./fields";
import * as identifier from "./identifiers";

/** A repository that is there already, beside the name alone of one to make. */
const existingRepository = z.strictObject({
  existing: field.targetName.meta({
    description: "ECR repository to publish to as it is: its policies, tags and images' lifecycle stay its owner's.",
  }),
  account: identifier.accountId
    .meta({ description: "Account that owns it, in the same region. Default: the pipeline's." })
    .optional(),
});

export const serviceRepository = z
  .union([field.targetName, existingRepository], { error: "must be a repository's name or a mapping" })
  .meta({
    description:
      "ECR repository that the pipeline creates and publishes to, 2 to 256 characters; or one that exists. Default: <repositories.prefix><name>, or that of defaults",
  });

/** Repositories of all services that name none. */
export const defaultRepository = z
  .strictObject({
    existing: z
      .string()
      .regex(/^(?![0-9]{12}\.dkr[.-]ecr[.-][^/]*\/)/, { error: field.hostRule })
      .regex(/\{service\}/, `must hold ${field.SERVICE}, so that each service has a repository of its own`)
      .meta({
        description:
          "ECR repositories to publish to as they are; must hold {service}, which stands for the service's name.",
      }),
    account: identifier.accountId
      .meta({ description: "Account that owns them, in the same region. Default: the pipeline's." })
      .optional(),
  })
  .meta({ description: "Existing repositories of the services that name none. Default: the pipeline creates them." });

type Written = z.output<typeof serviceRepository> | z.output<typeof defaultRepository>;

/** Where a service publishes to. */
export interface RepositoryTarget {
  /** The ECR repository's full name. */
  readonly repository: string;
  /** The repository is taken as it is, and nothing about it is configured. */
  readonly existingRepository: boolean;
  /** Account of the repository; absent where it is the pipeline's. */
  readonly registryAccount?: string;
}

export function resolveRepository(
  name: string,
  own: z.output<typeof serviceRepository> | undefined,
  defaults: z.output<typeof defaultRepository> | undefined,
  prefix: string,
): RepositoryTarget {
  const written: Written = own ?? defaults ?? `${prefix}${name}`;
  if (typeof written === "string") return { repository: written, existingRepository: false };
  const { existing, account } = written;
  return {
    repository: existing.replaceAll(field.SERVICE, name),
    existingRepository: true,
    ...(account !== undefined && { registryAccount: account }),
  };
}

/** Where the zip lies that builds run. */
export interface ToolsConfig {
  /** Name of a bucket that is taken as it is; absent where the pipeline makes one. */
  readonly existing?: string;
  /** ARN of the key that encrypts that bucket. */
  readonly kmsKey?: string;
  /** Begins the keys of all objects; empty in the pipeline's own bucket. */
  readonly prefix: string;
}

export const toolsSchema = z
  .strictObject({
    bucket: z
      .strictObject({
        existing: field.bucketName.meta({
          description:
            "Versioned bucket of the same account and region to take as it is; who may write there decides what builds run.",
        }),
        kmsKey: identifier.kmsKeyArn.meta({ description: "KMS key that encrypts it. Default: none." }).optional(),
      })
      .meta({ description: "Bucket for what builds run." }),
    prefix: identifier.keyPrefix.meta({ description: "Where the pipeline's object lies in it, ending in a slash." }),
  })
  .meta({ description: "The zip that builds run, in a bucket that exists. Default: the pipeline makes a bucket." })
  .optional();

export function resolveTools(written: z.output<typeof toolsSchema>): ToolsConfig {
  if (!written) return { prefix: "" };
  const { existing, kmsKey } = written.bucket;
  return { existing, ...(kmsKey !== undefined && { kmsKey }), prefix: written.prefix };
}

/** A log group that is taken as it is. */
export const existingLogGroup = (whose: string) =>
  z
    .strictObject({
      existing: identifier.logGroupName.meta({
        description: "Name of a log group of the same account and region to write to as it is.",
      }),
    })
    .meta({ description: `Log group of ${whose}. Default: the pipeline makes one.` })
    .optional();

export const encryptionSchema = z
  .strictObject({
    kmsKey: identifier.kmsKeyArn
      .meta({
        description:
          "ARN of a customer managed KMS key for buckets, queues, topic, log groups, repositories and trail that are made; what its policy must say is an output. Default: keys that AWS owns.",
      })
      .optional(),
  })
  .meta({ description: "Encryption of all that the pipeline creates." })
  .prefault({});
