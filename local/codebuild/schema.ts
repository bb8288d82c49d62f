import {
  ArtifactNamespace,
  ArtifactPackaging,
  ArtifactsType,
  CacheMode,
  CacheType,
  ComputeType,
  EnvironmentType,
  EnvironmentVariableType,
  ImagePullCredentialsType,
  LogsConfigStatusType,
  ProjectSortByType,
  ProjectVisibilityType,
  SortOrderType,
  SourceType,
} from "@aws-sdk/client-codebuild";
import * as z from "zod";
import { InvalidInputException } from "./errors";

/*
 * The bounds of the API's model (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Types.html). Objects are
 * loose: a member that has no rule here is stored and returned untouched.
 */

/** Minutes: a build's timeout. */
const buildTimeout = z.int().min(5).max(2160);
/** Minutes: how long a build may wait for a place. */
const queuedTimeout = z.int().min(5).max(480);
const nonEmpty = z.string().min(1);
const projectName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9\-_]{1,149}$/, {
  error: "must be 2 to 150 letters, digits, - or _, starting with a letter or digit",
});
const sourceIdentifier = z.string().regex(/^[A-Za-z0-9_]{1,127}$/, {
  error: "must be 1 to 127 letters, digits or _",
});
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=@+-]*$/u;

const tags = z
  .array(
    z.looseObject({
      key: z
        .string()
        .min(1)
        .max(127)
        .regex(tagText)
        .refine((key) => !/^aws:/i.test(key), { error: "must not start with aws:, which AWS keeps for itself" }),
      value: z.string().max(255).regex(tagText),
    }),
  )
  .max(50)
  .refine((list) => new Set(list.map((tag) => tag.key)).size === list.length, { error: "must not repeat a key" });

const environmentVariables = z.array(
  z.looseObject({ name: nonEmpty, value: z.string(), type: z.enum(EnvironmentVariableType).optional() }),
);

const environment = z.looseObject({
  type: z.enum(EnvironmentType),
  image: nonEmpty,
  computeType: z.enum(ComputeType),
  environmentVariables: environmentVariables.optional(),
  privilegedMode: z.boolean().optional(),
  imagePullCredentialsType: z.enum(ImagePullCredentialsType).optional(),
});

const source = z
  .looseObject({
    type: z.enum(SourceType),
    location: z.string().optional(),
    buildspec: z.string().optional(),
    gitCloneDepth: z.int().min(0).optional(),
  })
  .refine(({ type, location }) => Boolean(location) || type === "NO_SOURCE" || type === "CODEPIPELINE", {
    error: "needs a location",
  })
  .refine(({ type, buildspec }) => type !== "NO_SOURCE" || Boolean(buildspec), {
    error: "of type NO_SOURCE needs an inline buildspec",
  });

const artifacts = z
  .looseObject({
    type: z.enum(ArtifactsType),
    location: z.string().optional(),
    packaging: z.enum(ArtifactPackaging).optional(),
    namespaceType: z.enum(ArtifactNamespace).optional(),
  })
  .refine(({ type, location }) => type !== "S3" || Boolean(location), { error: "of type S3 needs a location" });

const secondarySourceVersions = z.array(z.looseObject({ sourceIdentifier, sourceVersion: z.string() })).max(12);

const cache = z
  .looseObject({
    type: z.enum(CacheType),
    location: z.string().optional(),
    modes: z.array(z.enum(CacheMode)).optional(),
  })
  .refine(({ type, location }) => type !== "S3" || Boolean(location), { error: "of type S3 needs a location" });

const logsConfig = z.looseObject({
  cloudWatchLogs: z.looseObject({ status: z.enum(LogsConfigStatusType) }).optional(),
  s3Logs: z.looseObject({ status: z.enum(LogsConfigStatusType) }).optional(),
});

const secondarySources = z.array(source.safeExtend({ sourceIdentifier })).max(12);
const secondaryArtifacts = z.array(artifacts.safeExtend({ artifactIdentifier: nonEmpty })).max(12);

const project = z.looseObject({
  name: projectName,
  description: z.string().max(255).optional(),
  source,
  secondarySources: secondarySources.optional(),
  secondarySourceVersions: secondarySourceVersions.optional(),
  sourceVersion: z.string().optional(),
  artifacts,
  secondaryArtifacts: secondaryArtifacts.optional(),
  cache: cache.optional(),
  environment,
  serviceRole: nonEmpty,
  timeoutInMinutes: buildTimeout.optional(),
  queuedTimeoutInMinutes: queuedTimeout.optional(),
  encryptionKey: nonEmpty.optional(),
  tags: tags.optional(),
  vpcConfig: z
    .looseObject({
      vpcId: nonEmpty.optional(),
      subnets: z.array(nonEmpty).max(16).optional(),
      securityGroupIds: z.array(nonEmpty).max(5).optional(),
    })
    .optional(),
  badgeEnabled: z.boolean().optional(),
  logsConfig: logsConfig.optional(),
  concurrentBuildLimit: z.int().min(1).optional(),
  autoRetryLimit: z.int().min(0).max(10).optional(),
});

const startBuild = z.looseObject({
  projectName: nonEmpty,
  sourceVersion: z.string().optional(),
  secondarySourcesOverride: secondarySources.optional(),
  secondarySourcesVersionOverride: secondarySourceVersions.optional(),
  artifactsOverride: artifacts.optional(),
  secondaryArtifactsOverride: secondaryArtifacts.optional(),
  environmentVariablesOverride: environmentVariables.optional(),
  sourceTypeOverride: z.enum(SourceType).optional(),
  sourceLocationOverride: z.string().optional(),
  buildspecOverride: z.string().optional(),
  environmentTypeOverride: z.enum(EnvironmentType).optional(),
  imageOverride: nonEmpty.optional(),
  computeTypeOverride: z.enum(ComputeType).optional(),
  cacheOverride: cache.optional(),
  serviceRoleOverride: nonEmpty.optional(),
  privilegedModeOverride: z.boolean().optional(),
  timeoutInMinutesOverride: buildTimeout.optional(),
  queuedTimeoutInMinutesOverride: queuedTimeout.optional(),
  encryptionKeyOverride: nonEmpty.optional(),
  idempotencyToken: z.string().optional(),
  logsConfigOverride: logsConfig.optional(),
  imagePullCredentialsTypeOverride: z.enum(ImagePullCredentialsType).optional(),
});

const sortOrder = z.enum(SortOrderType).optional();
const nextToken = z.string().regex(/^\d+$/, { error: "is no token of an earlier answer" }).optional();
const names = z.array(nonEmpty).min(1).max(100);

/** What each operation takes. UpdateProject's changes are checked once more as a part of the whole project. */
export const inputs = {
  createProject: project,
  updateProject: project
    .partial()
    .extend({ name: nonEmpty, concurrentBuildLimit: z.union([z.literal(-1), z.int().min(1)]).optional() }),
  projectName: z.looseObject({ name: nonEmpty }),
  cacheOfProject: z.looseObject({ projectName: nonEmpty }),
  visibility: z.looseObject({ projectArn: nonEmpty, projectVisibility: z.enum(ProjectVisibilityType) }),
  names: z.looseObject({ names }),
  listProjects: z.looseObject({ sortBy: z.enum(ProjectSortByType).optional(), sortOrder, nextToken }),
  startBuild,
  buildId: z.looseObject({ id: nonEmpty }),
  ids: z.looseObject({ ids: names }),
  retryBuild: z.looseObject({ id: nonEmpty, idempotencyToken: z.string().optional() }),
  listBuilds: z.looseObject({ sortOrder, nextToken }),
  listBuildsForProject: z.looseObject({ projectName: nonEmpty, sortOrder, nextToken }),
};

/** Checks `input` as AWS documents it; throws one InvalidInputException that names everything wrong. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  throw new InvalidInputException(
    result.error.issues
      .map(
        ({ path, message, input: found }) => `${path.join(".") || "input"}: ${message}, got: ${JSON.stringify(found)}`,
      )
      .join("; "),
  );
}
