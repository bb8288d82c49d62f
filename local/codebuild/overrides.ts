import type {
  BuildArtifacts,
  EnvironmentVariable,
  LogsConfig,
  LogsLocation,
  ProjectEnvironment,
  ProjectSource,
  StartBuildInput,
} from "@aws-sdk/client-codebuild";
import { isLambdaCompute, lambdaTimeout } from "./lambda-compute";
import type { StoredProject } from "./projects";
import { arn, logDeepLink, type Scope } from "./scope";

/** The members of a build that a StartBuild call's overrides and the project as it is now decide. */
export function configure(scope: Scope, project: StoredProject, input: StartBuildInput) {
  const environment = configureEnvironment(project.environment, input);
  return {
    source: configureSource(project.source, input),
    sourceVersion: input.sourceVersion ?? project.sourceVersion,
    secondarySources: input.secondarySourcesOverride ?? project.secondarySources,
    secondarySourceVersions: input.secondarySourcesVersionOverride ?? project.secondarySourceVersions,
    artifacts: configureArtifacts(scope, project, input),
    secondaryArtifacts: (input.secondaryArtifactsOverride ?? project.secondaryArtifacts)?.map(
      ({ location, artifactIdentifier }) => ({ location, artifactIdentifier }),
    ),
    cache: input.cacheOverride ?? project.cache,
    environment,
    serviceRole: input.serviceRoleOverride ?? project.serviceRole,
    timeoutInMinutes: isLambdaCompute(environment.type)
      ? lambdaTimeout
      : (input.timeoutInMinutesOverride ?? project.timeoutInMinutes),
    queuedTimeoutInMinutes: input.queuedTimeoutInMinutesOverride ?? project.queuedTimeoutInMinutes,
    encryptionKey: input.encryptionKeyOverride ?? project.encryptionKey,
    vpcConfig: project.vpcConfig,
    fileSystemLocations: project.fileSystemLocations,
  };
}

function configureSource(source: ProjectSource, input: StartBuildInput): ProjectSource {
  return given<ProjectSource>(source, {
    type: input.sourceTypeOverride,
    location: input.sourceLocationOverride,
    buildspec: input.buildspecOverride,
    auth: input.sourceAuthOverride,
    gitCloneDepth: input.gitCloneDepthOverride,
    gitSubmodulesConfig: input.gitSubmodulesConfigOverride,
    insecureSsl: input.insecureSslOverride,
    reportBuildStatus: input.reportBuildStatusOverride,
    buildStatusConfig: input.buildStatusConfigOverride,
  });
}

function configureEnvironment(environment: ProjectEnvironment, input: StartBuildInput): ProjectEnvironment {
  return given<ProjectEnvironment>(environment, {
    type: input.environmentTypeOverride,
    image: input.imageOverride,
    computeType: input.computeTypeOverride,
    certificate: input.certificateOverride,
    privilegedMode: input.privilegedModeOverride,
    registryCredential: input.registryCredentialOverride,
    imagePullCredentialsType: input.imagePullCredentialsTypeOverride,
    fleet: input.fleetOverride,
    environmentVariables: mergeVariables(environment.environmentVariables, input.environmentVariablesOverride),
  });
}

/** A variable of StartBuild replaces the project's of the same name; the rest stays. */
function mergeVariables(
  project: readonly EnvironmentVariable[] = [],
  override: readonly EnvironmentVariable[] = [],
): EnvironmentVariable[] {
  const withType = (variable: EnvironmentVariable) => ({ ...variable, type: variable.type ?? "PLAINTEXT" });
  return [...new Map([...project, ...override].map((variable) => [variable.name, withType(variable)])).values()];
}

function configureArtifacts(scope: Scope, project: StoredProject, input: StartBuildInput): BuildArtifacts {
  const { type, location, path, name } = input.artifactsOverride ?? project.artifacts;
  if (type !== "S3") return { location: "" };
  return { location: `arn:${scope.partition}:s3:::${[location, path, name].filter(Boolean).join("/")}` };
}

/** Replaces the members of `base` that `changes` gives a value. */
function given<Type extends object>(base: Type, changes: Partial<Type>): Type {
  const present = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(present) as Partial<Type>) };
}

/** https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CloudWatchLogsConfig.html; the stream's last part is the build's. */
export function logsLocation(
  scope: Scope,
  project: string,
  uuid: string,
  config: LogsConfig | undefined,
): LogsLocation {
  const cloudWatchLogs = config?.cloudWatchLogs ?? { status: "ENABLED" };
  const s3Logs = config?.s3Logs ?? { status: "DISABLED", encryptionDisabled: false };
  if (cloudWatchLogs.status === "DISABLED") return { cloudWatchLogs, s3Logs };
  const groupName = cloudWatchLogs.groupName ?? `/aws/codebuild/${project}`;
  const streamName = [cloudWatchLogs.streamName, uuid].filter(Boolean).join("/");
  return {
    groupName,
    streamName,
    deepLink: logDeepLink(scope, groupName, streamName),
    cloudWatchLogsArn: arn(scope, "logs", `log-group:${groupName}:log-stream:${streamName}`),
    cloudWatchLogs,
    s3Logs,
  };
}
