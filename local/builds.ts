import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  ListBuildsForProjectCommand,
  type Build,
} from "@aws-sdk/client-codebuild";

export interface WaitOptions {
  /** Seconds until it gives up. @default 120 */
  readonly timeout?: number;
  /** Seconds in which the build has to be there, else it gives up with {@link BuildNotStartedError}. @default - those of `timeout` */
  readonly startTimeout?: number;
  /** Milliseconds between two looks. @default 250 */
  readonly interval?: number;
  /** Told when the build, or its current phase, changes. */
  readonly onPhase?: (build: Build) => void;
}

/** Nothing has been heard of a drop. */
export class BuildNotStartedError extends Error {
  override readonly name = "BuildNotStartedError";
}

/** Every build of a project, newest first, at most 100. */
export async function buildsOf(codebuild: CodeBuildClient, project: string): Promise<Build[]> {
  const { ids = [] } = await codebuild.send(new ListBuildsForProjectCommand({ projectName: project }));
  if (ids.length === 0) return [];
  const { builds = [] } = await codebuild.send(new BatchGetBuildsCommand({ ids: ids.slice(0, 100) }));
  return builds.sort((a, b) => (b.buildNumber ?? 0) - (a.buildNumber ?? 0));
}

/** What the build was told, by its DROP_ variable. */
export function buildVariable(build: Build, name: string): string | undefined {
  return build.environment?.environmentVariables?.find((variable) => variable.name === name)?.value;
}

/** Waits until the build of one object version has ended, however it ended. */
export async function waitForBuild(
  codebuild: CodeBuildClient,
  project: string,
  versionId: string | undefined,
  { timeout = 120, startTimeout = timeout, interval = 250, onPhase = () => undefined }: WaitOptions = {},
): Promise<Build> {
  const started = Date.now();
  let phase = "";
  for (;;) {
    const build = (await buildsOf(codebuild, project)).find(
      (each) => buildVariable(each, "DROP_VERSION_ID") === versionId,
    );
    if (build && build.currentPhase !== phase) {
      phase = build.currentPhase ?? "";
      onPhase(build);
    }
    if (build?.buildComplete) return build;
    const seconds = (Date.now() - started) / 1000;
    const failure = (state: string, after: number): string =>
      `the build of version ${versionId ?? "(none)"} ${state} after ${after} s in project ${project}`;
    if (build === undefined && seconds > startTimeout)
      throw new BuildNotStartedError(failure("was not started", startTimeout));
    if (seconds > timeout) throw new Error(failure(`is still in ${phase}`, timeout));
    await sleep(interval);
  }
}

/** A build's log, line by line, from CloudWatch Logs. */
export async function buildLog(logs: CloudWatchLogsClient, build: Build): Promise<string[]> {
  const { groupName, streamName } = build.logs ?? {};
  if (!groupName || !streamName) return [];
  const lines: string[] = [];
  let token: string | undefined;
  for (;;) {
    const page = await logs.send(
      new GetLogEventsCommand({
        logGroupName: groupName,
        logStreamName: streamName,
        startFromHead: true,
        nextToken: token,
      }),
    );
    lines.push(...(page.events ?? []).map(({ message = "" }) => message.trimEnd()));
    // The last page answers with the token that it was asked by.
    if (page.nextForwardToken === undefined || page.nextForwardToken === token) return lines;
    token = page.nextForwardToken;
  }
}

/** The last line that the build's own commands wrote; CodeBuild's lines begin with [Container]. */
export function lastOwnLine(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => line !== "" && !line.startsWith("[Container]"));
}
