import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RandomAccess } from "../archive/source";
import { openFile } from "../archive/source";
import { openStream } from "../archive/spool";
import { selectImage, selectOnlyImage } from "../archive/select";
import { BasicCredentials, type Credentials } from "../registry/credentials";
import { registryRegion, registryUrl } from "../registry/host";
import type { RecentTags } from "../registry/recent-tags";
import { Repository } from "../registry/repository";
import { readCommandLine, HELP, UsageError, type Command } from "./command-line";
import type { PublishEvent } from "./events";
import { EXIT, exitCodeOf } from "./exit";
import { publish } from "./publish";
import { renderEvent } from "./progress";
import { ReportWriter } from "./report";
import { say } from "./say";
import { parseObjectUrl } from "./source-url";
import { withSpool } from "./spool";
import { TERMINAL_INTERVAL, TerminalProgress } from "./terminal";

/**
 * `publish-image SOURCE DESTINATION`, see {@link HELP}.
 * @returns the exit code
 */
export async function publishCommand(args: readonly string[]): Promise<number> {
  const terminal = process.stderr.isTTY ? new TerminalProgress(process.stderr) : undefined;
  try {
    const command = readCommandLine(args);
    if (!command) {
      process.stdout.write(HELP);
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
  const repository = new Repository({ registry: registryUrl(host), name, ...(credentials && { credentials }) });
  const writer = new ReportWriter();
  const listener = (event: PublishEvent): void => {
    writer.listener(event);
    if (terminal) terminal.listener(event);
    else say(renderEvent(event));
  };
  const { hashTag, digest } = await withSpool(async (spoolDirectory) =>
    publish({
      ...options,
      object: await openSource(source, spoolDirectory, options.choice.limits.archive),
      spoolDirectory,
      // Under a tag of its own, the image needs none in the archive.
      select: (archive) =>
        options.hashTag !== undefined && rule.image === undefined
          ? selectOnlyImage(archive, rule)
          : selectImage(archive, rule),
      repository,
      ...(recentTags && { recentTags }),
      listener,
      dryRun,
      ...(terminal && { reportInterval: TERMINAL_INTERVAL }),
    }),
  );
  const reference = `${repository.reference}:${hashTag}`;
  if (json) {
    const report = writer.report({ repository: repository.reference, hashTag, dryRun, ...(digest && { digest }) });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    process.stdout.write(digest === undefined ? `${reference}\n` : `${reference}@${digest}\n`);
  }
}

/* eslint-disable @typescript-eslint/no-require-imports -- the AWS SDK takes longer to load than a small update to publish: only where it is needed */
function accessTo(
  host: string,
  name: string,
): { readonly credentials?: Credentials; readonly recentTags?: () => Promise<RecentTags> } {
  if (registryRegion(host) !== undefined) {
    const { ecrAccess } = require("./ecr-access") as typeof import("./ecr-access");
    return ecrAccess(host, name);
  }
  const { REGISTRY_USERNAME: user, REGISTRY_PASSWORD: password } = process.env;
  return user !== undefined && password !== undefined ? { credentials: new BasicCredentials(user, password) } : {};
}

async function openSource(source: string, spoolDirectory: string, maximum: number): Promise<RandomAccess> {
  if (source === "-" && process.stdin.isTTY) {
    throw new UsageError(["SOURCE is -, expected an archive at standard input (found a terminal)"]);
  }
  if (source === "-") return openStream(process.stdin, "standard input", join(spoolDirectory, "input"), maximum);
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
