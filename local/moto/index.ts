import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { ensureMoto } from "./environment";
import { EmulatorStartError } from "./errors";

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
  /** Deliver the S3 event of each multipart upload twice: "at least once" put to the test. @default false */
  readonly duplicateMultipart?: boolean;
}

export interface Moto {
  /** Every AWS API that moto knows, for `AWS_ENDPOINT_URL`. */
  readonly url: string;
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
      MOTO_DUPLICATE_MULTIPART: options.duplicateMultipart === true ? "1" : "0",
    },
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lastLines.push(line);
    if (lastLines.length > LINES_KEPT) lastLines.shift();
    options.onLog?.(line);
  });
  try {
    const url = await announcedUrl(child, lastLines);
    return { url, close: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

function announcedUrl(child: ChildProcessWithoutNullStreams, lastLines: readonly string[]): Promise<string> {
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
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(limit);
      resolve((JSON.parse(line) as { url: string }).url);
    });
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
