import type { StartBuildInput } from "@aws-sdk/client-codebuild";

import { isObject, type Json, type JsonObject } from "./json";

/** https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html */
const MEMBERS: readonly string[] = [
  "artifactsOverride",
  "autoRetryLimitOverride",
  "buildStatusConfigOverride",
  "buildspecOverride",
  "cacheOverride",
  "certificateOverride",
  "computeTypeOverride",
  "debugSessionEnabled",
  "encryptionKeyOverride",
  "environmentTypeOverride",
  "environmentVariablesOverride",
  "fleetOverride",
  "gitCloneDepthOverride",
  "gitSubmodulesConfigOverride",
  "hostKernelOverride",
  "idempotencyToken",
  "imageOverride",
  "imagePullCredentialsTypeOverride",
  "insecureSslOverride",
  "logsConfigOverride",
  "privilegedModeOverride",
  "queuedTimeoutInMinutesOverride",
  "registryCredentialOverride",
  "reportBuildStatusOverride",
  "secondaryArtifactsOverride",
  "secondarySourcesOverride",
  "secondarySourcesVersionOverride",
  "serviceRoleOverride",
  "sourceAuthOverride",
  "sourceLocationOverride",
  "sourceTypeOverride",
  "sourceVersion",
  "timeoutInMinutesOverride",
] satisfies readonly Exclude<keyof StartBuildInput, "projectName">[];

/**
 * What a target's input changes in a build: the members that StartBuild has are passed on, others have no effect, such as those of
 * an event that is not transformed. The project is always the target's.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-specifics-codebuild
 */
export function startBuildInput(
  projectName: string,
  json: Json,
): { readonly input: StartBuildInput; readonly ignored: readonly string[] } {
  const given: JsonObject = isObject(json) ? json : {};
  const names = Object.keys(given);
  const known = names.filter((name) => MEMBERS.includes(name)).map((name) => [name, given[name]]);
  return {
    input: { ...(Object.fromEntries(known) as Partial<StartBuildInput>), projectName },
    ignored: names.filter((name) => !MEMBERS.includes(name)),
  };
}
