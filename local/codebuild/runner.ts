import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import type { Build } from "@aws-sdk/client-codebuild";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Permissions } from "../iam";
import type { Docker } from "../docker";
import { createStop } from "../stop";
import { Container } from "./container";
import { secondarySourceFolder, type BuildFolders } from "./environment";
import { AccessDenied, BuildStopped, BuildTimedOut, QueueTimedOut } from "./errors";
import type { BuildEvent } from "./events";
import { BuildLog, LogShipper } from "./log";
import { Phases } from "./phases";
import type { BuildQueue } from "./queue";
import { isDenied, openSession, type Session } from "./service-role";

/** A build as it is kept. */
export type StoredBuild = Build &
  Required<Pick<Build, "id" | "arn" | "projectName" | "timeoutInMinutes" | "queuedTimeoutInMinutes">>;

/** What the builds of a region share. */
export interface Platform {
  readonly region: string;
  readonly s3: S3Client;
  readonly logs: CloudWatchLogsClient;
  readonly buildEnvironment: Readonly<Record<string, string>>;
  /** @default - everything is allowed */
  readonly permissions?: Permissions;
  readonly startDocker?: (directory: string) => Promise<Docker>;
  readonly workDirectory: string;
  readonly minuteInMilliseconds: number;
  readonly queue: BuildQueue;
  readonly onEvent: (event: BuildEvent) => void;
}

/** Runs one build from SUBMITTED to COMPLETED; `build` is what callers of the API see meanwhile. */
export class BuildRun {
  readonly #abort = createStop();
  readonly #phases: Phases;
  readonly #folders: BuildFolders;
  readonly #logFile: string;
  /** Why the log does not reach CloudWatch Logs. */
  #logFailure: unknown;
  /** Never rejects: what goes wrong is the build's status. */
  readonly done: Promise<void>;

  constructor(
    private readonly build: StoredBuild,
    private readonly platform: Platform,
  ) {
    const root = join(platform.workDirectory, build.id.replace(":", "-"));
    this.#folders = { root, source: join(root, "src"), home: join(root, "home"), scratch: join(root, "tmp") };
    this.#logFile = join(root, "build.log");
    this.#phases = new Phases(build, this.#abort.signal, platform.onEvent);
    this.done = this.#run();
  }

  /** Ends the build as STOPPED, wherever it is. */
  async stop(): Promise<void> {
    this.#abort.abort(new BuildStopped());
    await this.done;
  }

  async #run(): Promise<void> {
    const { build, platform } = this;
    platform.onEvent({ type: "build-started", buildId: build.id, logFile: this.#logFile });
    try {
      await this.#phases.run("SUBMITTED", () => undefined);
      const leave = await this.#phases.run("QUEUED", () => this.#queued());
      const timer = this.#abortAfter(build.timeoutInMinutes, new BuildTimedOut(build.timeoutInMinutes));
      try {
        await this.#provisioned();
      } finally {
        clearTimeout(timer);
        leave();
      }
    } catch {
      // The phase that failed has recorded why.
    }
    this.#phases.complete();
    platform.onEvent({
      type: "build-ended",
      buildId: build.id,
      status: this.#phases.outcome,
      logFile: this.#logFile,
    });
  }

  async #queued(): Promise<() => void> {
    const minutes = this.build.queuedTimeoutInMinutes;
    const timer = this.#abortAfter(minutes, new QueueTimedOut(minutes));
    try {
      return await this.platform.queue.enter(this.#abort.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #abortAfter(minutes: number, reason: Error): NodeJS.Timeout {
    return setTimeout(() => {
      this.#abort.abort(reason);
    }, minutes * this.platform.minuteInMilliseconds);
  }

  async #provisioned(): Promise<void> {
    const { build, platform } = this;
    const { session, log, shipper } = await this.#phases.run("PROVISIONING", () => this.#provision());
    const container = new Container({
      build,
      region: platform.region,
      log,
      folders: this.#folders,
      phases: this.#phases,
      platform: { ...platform.buildEnvironment, ...session.variables },
      startDocker: platform.startDocker,
      s3: session.s3,
      signal: this.#abort.signal,
    });
    try {
      await container.run();
    } finally {
      await this.#phases.run("FINALIZING", async () => {
        await container.close();
        await shipper?.close();
        log.close();
        session.close();
        await this.#removeFolders();
        // https://github.com/aws-solutions/automated-data-analytics-on-aws/issues/31 shows such a build.
        if (isDenied(this.#logFailure)) throw new AccessDenied(this.#logFailure.message, { cause: this.#logFailure });
      });
    }
  }

  async #provision(): Promise<{ session: Session; log: BuildLog; shipper?: LogShipper }> {
    const { source, home, scratch } = this.#folders;
    for (const folder of [source, home, scratch]) await mkdir(folder, { recursive: true });
    const session = await openSession(this.build, this.platform);
    const log = new BuildLog(this.#logFile);
    const { groupName: group, streamName: stream } = this.build.logs ?? {};
    if (!group || !stream) return { session, log };
    // The log file has everything; a build does not fail for want of a second place, unless its role is what forbids it.
    const lost = (error: unknown) => {
      this.#logFailure = error;
      log.line(`This log does not reach CloudWatch Logs: ${String(error)}`);
    };
    try {
      return { session, log, shipper: await LogShipper.start(session.logs, { group, stream }, this.#logFile, lost) };
    } catch (error) {
      lost(error);
      if (!isDenied(error)) return { session, log };
      session.close();
      log.close();
      throw cannotWriteLog(this.build, error);
    }
  }

  /** Tries again: a process that was killed may have been writing until now. */
  async #removeFolders(): Promise<void> {
    const { source, home, scratch } = this.#folders;
    const secondary = (this.build.secondarySources ?? []).map(({ sourceIdentifier = "" }) =>
      secondarySourceFolder(this.#folders, sourceIdentifier),
    );
    for (const folder of [source, home, scratch, ...secondary])
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** In CodeBuild's words, as in https://github.com/aws/aws-cdk/issues/12179. */
function cannotWriteLog({ serviceRole = "", arn }: StoredBuild, cause: Error): AccessDenied {
  const message =
    `Service role ${serviceRole} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build ${arn}. ` +
    `Error message: ${cause.message}`;
  return new AccessDenied(message, { cause });
}
