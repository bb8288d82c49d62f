import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import type { RandomAccess } from "../archive/source";
import { openFile } from "../archive/source";
import { openStream } from "../archive/spool";
import { selectImage, selectOnlyImage } from "../archive/select";
import type { Credentials } from "../registry/credentials";
import { registryRegion, registryUrl } from "../registry/host";
import type { RecentTags } from "../registry/recent-tags";
import { Repository } from "../registry/repository";
import { UserCredentials, type User } from "../registry/user-credentials";
import { readCommandLine, HELP, UsageError, type Command } from "./command-line";
import { every, stopwatch } from "../timing";
import { type PublishEvent, type PublishListener, reportRetries } from "./events";
import { EXIT, exitCodeOf } from "./exit";
import { publish } from "./publish";
import { renderEvent } from "./progress";
import { ReportWriter } from "./report";
import { say } from "./say";
import { parseObjectUrl } from "./source-url";
import { withSpool } from "./spool";
import { TERMINAL_INTERVAL, TerminalProgress } from "./terminal";

/** Milliseconds between two reports of what takes long, where there is no terminal. */
const LINE_INTERVAL = 5_000;

/**
 * `publish-image SOURCE DESTINATION`, see {@link HELP}.
 * @returns the exit code
 */
export async function publishCommand(args: readonly string[]): Promise<number> {
  const terminal = process.stderr.isTTY ? new TerminalProgress(process.stderr) : undefined;
  try {
    const command = readCommandLine(args);
    if (!command) {
      await print(HELP, "the help could not be printed");
      return EXIT.done;
    }
    await run(command, terminal);
    return EXIT.done;
  } catch (error) {
    terminal?.end();
    if (process.env.DEBUG) console.error(error);
    say(error instanceof Error ? error.message : String(error));
    return error instanceof UsageError ? EXIT.usage : exitCodeOf(error);
  }
}

async function run(command: Command, terminal: TerminalProgress | undefined): Promise<void> {
  const { source, host, repository: name, rule, dryRun, json, ...options } = command;
  const { credentials, recentTags } = accessTo(host, name);
  const writer = new ReportWriter();
  const listener = (event: PublishEvent): void => {
    writer.listener(event);
    if (terminal) terminal.listener(event);
    else say(renderEvent(event));
  };
  const repository = new Repository({
    registry: registryUrl(host),
    name,
    credentials,
    onRetry: reportRetries(listener),
  });
  const interval = terminal ? TERMINAL_INTERVAL : LINE_INTERVAL;
  const { hashTag, digest } = await withSpool(async (spoolFile) =>
    publish({
      ...options,
      object: await openSource(source, spoolFile, options.choice.limits.archive, listener, interval),
      spoolFile,
      // Under a tag of its own, the image needs none in the archive.
      select: (archive) =>
        options.hashTag !== undefined && rule.image === undefined
          ? selectOnlyImage(archive, rule)
          : selectImage(archive, rule),
      repository,
      ...(recentTags && { recentTags }),
      listener,
      dryRun,
      reportInterval: interval,
    }),
  );
  const reference = `${repository.reference}:${hashTag}`;
  if (json) {
    const report = writer.report({ repository: repository.reference, hashTag, dryRun, ...(digest && { digest }) });
    await print(`${JSON.stringify(report)}\n`);
  } else {
    await print(digest === undefined ? `${reference}\n` : `${reference}@${digest}\n`);
  }
}

/** Whoever reads the result must not take half of it for all. */
function print(text: string, failure = "all is done, but the result could not be printed"): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      reject(new Error(`${failure}: ${cause.message}`, { cause }));
    };
    process.stdout.once("error", fail);
    process.stdout.write(text, (error) => {
      if (error) {
        fail(error);
        return;
      }
      process.stdout.off("error", fail);
      resolve();
    });
  });
}

/* eslint-disable @typescript-eslint/no-require-imports -- the AWS SDK takes longer to load than a small update to publish: only where it is needed */
function accessTo(
  host: string,
  name: string,
): { readonly credentials: Credentials; readonly recentTags?: () => Promise<RecentTags> } {
  if (registryRegion(host) !== undefined) {
    const { ecrAccess } = require("./ecr-access") as typeof import("./ecr-access");
    return ecrAccess(host, name);
  }
  return { credentials: new UserCredentials(registryUrl(host), name, readUser(process.env)) };
}

/** An empty variable is how many a CI system writes a secret that it does not have. */
function readUser({
  REGISTRY_USERNAME: name = "",
  REGISTRY_PASSWORD: password = "",
}: NodeJS.ProcessEnv): User | undefined {
  if (name === "" && password === "") return undefined;
  if (name === "") throw new UsageError(["REGISTRY_PASSWORD is set and REGISTRY_USERNAME is not"]);
  if (password === "") throw new UsageError(["REGISTRY_USERNAME is set and REGISTRY_PASSWORD is not"]);
  return { name, password };
}

async function openSource(
  source: string,
  spoolFile: (name: string) => string,
  maximum: number,
  listener: PublishListener,
  interval: number,
): Promise<RandomAccess> {
  if (source === "-" && process.stdin.isTTY) {
    throw new UsageError(["SOURCE is -, expected an archive at standard input (found a terminal)"]);
  }
  if (source === "-") {
    const reading = stopwatch();
    const onProgress = every(interval, (done: number) => {
      listener({ type: "archive-progress", done, seconds: reading() });
    });
    return openStream(process.stdin, "standard input", spoolFile("input"), maximum, onProgress);
  }
  if (!source.startsWith("s3://")) {
    await checkFile(source).catch((error: unknown) => {
      const problem = `SOURCE is ${JSON.stringify(source)}, expected a file that can be read (${(error as Error).message})`;
      throw new UsageError([problem], { cause: error });
    });
    return openFile(source);
  }
  const { s3Client } = require("./s3-source") as typeof import("./s3-source");
  const { openDrop } = require("../archive/s3-object") as typeof import("../archive/s3-object");
  return openDrop(s3Client(), parseObjectUrl(source));
}
/* eslint-enable @typescript-eslint/no-require-imports */

/** What can be read from anywhere. */
async function checkFile(path: string): Promise<void> {
  await access(path, constants.R_OK);
  const found = await stat(path);
  if (found.isDirectory()) throw new Error("found a folder");
  if (!found.isFile()) throw new Error("found a pipe or a device; write - and let it be standard input");
}
