import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { commandsFolder, ensureMoto } from "./environment";
import { EmulatorStartError } from "./errors";
import type { Fact, NotificationDestinations, RefusedDestination } from "./facts";

export { ensureMoto } from "./environment";

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
const LINES_KEPT = 20;

export interface MotoOptions {
  /** The project's root: moto's virtual environment is made in its `.local/`. */
  readonly directory: string;
  /** @default 0 - a free one */
  readonly port?: number;
  /** Gets each line of moto's request log. @default - the lines are dropped */
  readonly onLog?: (line: string) => void;
  /** Gets what happened, in the order in which it happened; moto itself delivers nothing. @default - nobody is told */
  readonly onFact?: (fact: Fact) => void;
  /**
   * Looks at the destinations of a notification configuration before it is accepted, and returns those that S3 may not send
   * to: the call fails then, as on AWS.
   * @default - all are accepted
   */
  readonly onNotificationDestinations?: (asked: NotificationDestinations) => Promise<readonly RefusedDestination[]>;
}

export interface Moto {
  /** Every AWS API that moto knows, for `AWS_ENDPOINT_URL`. */
  readonly url: string;
  /** Folder with the AWS CLI, for the PATH of whoever has it in AWS. */
  readonly commands: string;
  /** Ends moto and forgets everything that it held. */
  close(): Promise<void>;
}

/** Starts the repaired emulator on 127.0.0.1 and waits until it answers. It ends with this process at the latest. */
export async function startMoto(options: MotoOptions): Promise<Moto> {
  const python = await ensureMoto(options.directory);
  const launcher = join(__dirname, "launcher.py");
  const child = spawn(python, ["-u", launcher, "--port", String(options.port ?? 0)], {
    // An open standard input keeps the launcher alive, and no longer.
    stdio: ["pipe", "pipe", "pipe"],
    // In a group of its own, or Ctrl-C in a terminal would end it before Terraform has written its state and released the lock.
    detached: true,
    env: {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lastLines.push(line);
    if (lastLines.length > LINES_KEPT) lastLines.shift();
    options.onLog?.(line);
  });
  try {
    const url = await announcedUrl(child, lastLines, (line) => {
      hear(JSON.parse(line) as Fact | Question, child, options);
    });
    return { url, commands: commandsFolder(python), close: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** The first line that the launcher prints; `onLine` gets the others. */
function announcedUrl(
  child: ChildProcessWithoutNullStreams,
  lastLines: readonly string[],
  onLine: (line: string) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => {
      clearTimeout(limit);
      reject(new EmulatorStartError(what, lastLines.join("\n")));
    };
    const limit = setTimeout(() => {
      fail(`did not answer within ${START_LIMIT_MS / 1000} s`);
    }, START_LIMIT_MS);
    child.once("error", (error) => {
      fail(`could not be started (${error.message})`);
    });
    child.once("close", (code, signal) => {
      fail(`ended with ${signal ?? `exit code ${code}`} before it answered`);
    });
    const lines = createInterface({ input: child.stdout });
    lines.once("line", (line) => {
      clearTimeout(limit);
      lines.on("line", onLine);
      resolve((JSON.parse(line) as { url: string }).url);
    });
  });
}

type Question = NotificationDestinations & { readonly ask: number };

function hear(line: Fact | Question, child: ChildProcessWithoutNullStreams, options: MotoOptions): void {
  if ("fact" in line) {
    options.onFact?.(line);
    return;
  }
  const { ask, ...asked } = line;
  const { onNotificationDestinations = () => Promise.resolve([]) } = options;
  void onNotificationDestinations(asked)
    // Where nobody can look, nothing is accepted.
    .catch((error: unknown) => asked.destinations.map((destination) => ({ destination, reason: String(error) })))
    .then((refused) => {
      if (child.stdin.writable) child.stdin.write(`${JSON.stringify({ answer: ask, refused })}\n`);
    });
}

async function stop(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin.end();
  const limit = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await ended;
  clearTimeout(limit);
}
