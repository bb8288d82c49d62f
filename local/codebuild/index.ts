import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { S3Client } from "@aws-sdk/client-s3";
import type { Docker } from "../docker";
import type { Permissions } from "../iam";
import { Builds } from "./builds";
import type { BuildEvent } from "./events";
import { Projects } from "./projects";
import { serveAwsJson, type Operation } from "./protocol";
import { BuildQueue } from "./queue";
import { partitionOf } from "./scope";

export type { BuildEvent } from "./events";

export interface CodeBuildOptions {
  /** @default - any free port */
  readonly port?: number;
  /** For requests that are not signed; others play in the region that they are signed for. */
  readonly region: string;
  readonly accountId: string;
  /** @default - the partition of the request's region */
  readonly partition?: string;
  /** Where S3 and CloudWatch Logs answer. */
  readonly endpoint: string;
  /** What the platform injects into every build: endpoints, credentials, proxy, extra CA. Wins over the project's. */
  readonly buildEnvironment: Readonly<Record<string, string>>;
  /** Starts the docker daemon of a privileged build; the folder is for its images. @default - privileged builds have none either */
  readonly startDocker?: (directory: string) => Promise<Docker>;
  /**
   * By what builds act: with credentials of the project's service role, through the gate. Their source is read and their log written
   * so, too.
   * @default - everything is allowed
   */
  readonly permissions?: Permissions;
  /** Every build has a folder in it, of which `build.log` stays. */
  readonly workDirectory: string;
  /** The most builds that run at the same time; others are queued. @default 2 */
  readonly concurrentBuilds?: number;
  /** How long a minute of the timeouts lasts; tests shorten it. @default 60000 */
  readonly minuteInMilliseconds?: number;
  readonly onEvent?: (event: BuildEvent) => void;
}

/**
 * AWS CodeBuild on this machine: projects and builds as the API has them, buildspecs run by this machine's shell with
 * CodeBuild's semantics. Not isolated: a build is a process of the user who started this. Nothing outlives `close`,
 * which stops the builds; a process that left its build's process group (setsid) is not seen.
 */
export async function startCodeBuild(options: CodeBuildOptions): Promise<{ url: string; close(): Promise<void> }> {
  const queue = new BuildQueue(options.concurrentBuilds ?? 2);
  const regions = new Map<string, Region>();
  const inRegion = (region: string): Region => {
    const known = regions.get(region) ?? newRegion(options, queue, region);
    regions.set(region, known);
    return known;
  };
  const server = await serveAwsJson({
    port: options.port ?? 0,
    targetPrefix: "CodeBuild_20161006",
    defaultRegion: options.region,
    operations: operations(inRegion),
  });
  return {
    url: server.url,
    close: async () => {
      // First, or a StartBuild that comes meanwhile would outlive this.
      await server.close();
      await Promise.all([...regions.values()].map((region) => region.close()));
    },
  };
}

interface Region {
  readonly projects: Projects;
  readonly builds: Builds;
  close(): Promise<void>;
}

function newRegion(options: CodeBuildOptions, queue: BuildQueue, region: string): Region {
  const scope = { region, accountId: options.accountId, partition: options.partition ?? partitionOf(region) };
  // The emulator takes any credentials.
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = { region, endpoint: options.endpoint, credentials, maxAttempts: 2 };
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const logs = new CloudWatchLogsClient(client);
  const projects = new Projects(scope);
  const builds = new Builds(scope, projects, {
    region,
    s3,
    logs,
    queue,
    buildEnvironment: options.buildEnvironment,
    permissions: options.permissions,
    startDocker: options.startDocker,
    workDirectory: options.workDirectory,
    minuteInMilliseconds: options.minuteInMilliseconds ?? 60_000,
    onEvent: options.onEvent ?? (() => undefined),
  });
  return {
    projects,
    builds,
    close: async () => {
      await builds.stopAll();
      s3.destroy();
      logs.destroy();
    },
  };
}

function operations(inRegion: (region: string) => Region): Record<string, Operation> {
  return {
    CreateProject: (region, input) => inRegion(region).projects.create(input),
    UpdateProject: (region, input) => inRegion(region).projects.update(input),
    UpdateProjectVisibility: (region, input) => inRegion(region).projects.updateVisibility(input),
    InvalidateProjectCache: (region, input) => {
      inRegion(region).projects.invalidateCache(input);
    },
    DeleteProject: (region, input) => {
      inRegion(region).projects.delete(input);
    },
    BatchGetProjects: (region, input) => inRegion(region).projects.batchGet(input),
    ListProjects: (region, input) => inRegion(region).projects.list(input),
    StartBuild: (region, input) => inRegion(region).builds.start(input),
    RetryBuild: (region, input) => inRegion(region).builds.retry(input),
    StopBuild: (region, input) => inRegion(region).builds.stop(input),
    BatchGetBuilds: (region, input) => inRegion(region).builds.batchGet(input),
    BatchDeleteBuilds: (region, input) => inRegion(region).builds.batchDelete(input),
    ListBuilds: (region, input) => inRegion(region).builds.list(input),
    ListBuildsForProject: (region, input) => inRegion(region).builds.listForProject(input),
  };
}
