import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import type { Build } from "@aws-sdk/client-codebuild";
import type { S3Client } from "@aws-sdk/client-s3";
import { Container } from "./container";
import { secondarySourceFolder, type BuildFolders } from "./environment";
import { BuildStopped, BuildTimedOut, QueueTimedOut } from "./errors";
import type { BuildEvent } from "./events";
import { BuildLog, LogShipper } from "./log";
import { Phases } from "./phases";
import type { BuildQueue } from "./queue";

/** A build as it is kept. */
export type StoredBuild = Build &
  Required<Pick<Build, "id" | "arn" | "projectName" | "timeoutInMinutes" | "queuedTimeoutInMinutes">>;

/** What the builds of a region share. */
export interface Platform {
  readonly region: string;
  readonly s3: S3Client;
  readonly logs: CloudWatchLogsClient;
  readonly buildEnvironment: Readonly<Record<string, string>>;
  readonly workDirectory: string;
  readonly minuteInMilliseconds: number;
  readonly queue: BuildQueue;
  readonly onEvent: (event: BuildEvent) => void;
}

/** Runs one build from SUBMITTED to COMPLETED; `build` is what callers of the API see meanwhile. */
export class BuildRun {
  readonly #abort = new AbortController();
  readonly #phases: Phases;
  readonly #folders: BuildFolders;
  readonly #logFile: string;
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
    const { log, shipper } = await this.#phases.run("PROVISIONING", () => this.#provision());
    const container = new Container({
      build,
      region: platform.region,
      log,
      folders: this.#folders,
      phases: this.#phases,
      platform: platform.buildEnvironment,
      s3: platform.s3,
      signal: this.#abort.signal,
    });
    try {
      await container.run();
    } finally {
      await this.#phases.run("FINALIZING", async () => {
        container.kill();
        await shipper?.close();
        log.close();
        await this.#removeFolders();
      });
    }
  }

  async #provision(): Promise<{ log: BuildLog; shipper?: LogShipper }> {
    const { source, home, scratch } = this.#folders;
    for (const folder of [source, home, scratch]) await mkdir(folder, { recursive: true });
    const log = new BuildLog(this.#logFile);
    const { groupName: group, streamName: stream } = this.build.logs ?? {};
    if (!group || !stream) return { log };
    // The log file has everything; a build does not fail for want of a second place.
    const lost = (error: unknown) => {
      log.line(`This log does not reach CloudWatch Logs: ${String(error)}`);
    };
    try {
      return { log, shipper: await LogShipper.start(this.platform.logs, { group, stream }, this.#logFile, lost) };
    } catch (error) {
      lost(error);
      return { log };
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
