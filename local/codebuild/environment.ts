import type { Build } from "@aws-sdk/client-codebuild";
import { isWayOut } from "../iam/credentials";
import { NotSupportedLocally } from "./errors";

/** The folders of one build; all but the log go when it ends, as its container would. */
export interface BuildFolders {
  readonly root: string;
  readonly source: string;
  readonly home: string;
  readonly scratch: string;
}

/** Where a secondary source goes. */
export function secondarySourceFolder(folders: BuildFolders, identifier: string): string {
  return `${folders.source}-${identifier}`;
}

/**
 * The environment of a build's commands; later lines win.
 *
 * CodeBuild's precedence is buildspec, then project, then StartBuild (the last two are merged in the build already):
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html. On AWS a project's HTTPS_PROXY
 * holds; here the platform's variables come last and other ways out are closed, because a proxy or an endpoint that is
 * right for AWS would lead a build off this machine, perhaps into a registry that is real. `replacedVariables` says
 * which. Of this process's own environment only PATH is passed on.
 */
export function commandEnvironment(
  build: Build,
  region: string,
  buildspecVariables: Readonly<Record<string, string>>,
  folders: BuildFolders,
  platform: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    CI: "true",
    ...Object.fromEntries(Object.entries(configured(build, buildspecVariables)).filter(([name]) => !isWayOut(name))),
    ...codebuildVariables(build, folders),
    HOME: folders.home,
    TMPDIR: folders.scratch,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...platform,
  };
}

/** The configured variables that AWS would honour and this machine's platform does not. */
export function replacedVariables(
  build: Build,
  buildspecVariables: Readonly<Record<string, string>>,
  platform: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(configured(build, buildspecVariables)).filter((name) => name in platform || isWayOut(name));
}

function configured(
  { environment }: Build,
  buildspecVariables: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables = (environment?.environmentVariables ?? []).map(
    ({ name = "", value = "" }) => [name, value] as const,
  );
  return { ...buildspecVariables, ...Object.fromEntries(variables) };
}

function codebuildVariables(build: Build, folders: BuildFolders): Record<string, string> {
  const { source, sourceVersion, secondarySources = [] } = build;
  const known: Record<string, string | undefined> = {
    CODEBUILD_CI: "true",
    CODEBUILD_BUILD_ID: build.id,
    CODEBUILD_BUILD_ARN: build.arn,
    CODEBUILD_BUILD_NUMBER: String(build.buildNumber),
    CODEBUILD_BUILD_IMAGE: build.environment?.image,
    CODEBUILD_BUILD_SUCCEEDING: "1",
    CODEBUILD_INITIATOR: build.initiator,
    CODEBUILD_KMS_KEY_ID: build.encryptionKey,
    CODEBUILD_LOG_PATH: build.logs?.streamName,
    CODEBUILD_SRC_DIR: folders.source,
    CODEBUILD_START_TIME: String(build.startTime?.getTime()),
    // CODEBUILD_RESOLVED_SOURCE_VERSION does not apply to S3, the only source here.
    CODEBUILD_SOURCE_VERSION: sourceVersion,
    CODEBUILD_SOURCE_REPO_URL: source?.type === "S3" ? `s3://${source.location ?? ""}` : undefined,
  };
  for (const { sourceIdentifier = "" } of secondarySources) {
    known[`CODEBUILD_SRC_DIR_${sourceIdentifier}`] = secondarySourceFolder(folders, sourceIdentifier);
  }
  return Object.fromEntries(Object.entries(known).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Refuses a build that would need what this machine lacks, before any of it runs. */
export function checkSupported(build: Build): void {
  const { environment, artifacts, source } = build;
  const remote = environment?.environmentVariables?.find(({ type = "PLAINTEXT" }) => type !== "PLAINTEXT");
  if (remote) throw new NotSupportedLocally(`Environment variable ${remote.name ?? ""} of type ${remote.type ?? ""}`);
  const system = environment?.type ?? "";
  if (/^(WINDOWS|MAC)/.test(system)) throw new NotSupportedLocally(`Environment type ${system}`);
  for (const { type } of [source, ...(build.secondarySources ?? [])].filter((item) => item !== undefined)) {
    if (type !== "S3" && type !== "NO_SOURCE") throw new NotSupportedLocally(`Source type ${type ?? "none"}`);
  }
  for (const { location = "" } of build.secondaryArtifacts ?? []) {
    throw new NotSupportedLocally(`Secondary artifacts at ${location}`);
  }
  if (artifacts?.location) throw new NotSupportedLocally(`Artifacts at ${artifacts.location}`);
}
