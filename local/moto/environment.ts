import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { InstallError, PythonError, VirtualEnvironmentError } from "./errors";

const run = promisify(execFile);

/** What moto 5.2 asks for: https://pypi.org/project/moto/ */
const MINIMUM_PYTHON = [3, 10] as const;
const REQUIREMENTS = join(__dirname, "requirements.txt");
const INSTALL_LIMIT_MS = 600_000;

export interface EnvironmentOptions {
  /** @default "python3" - the one in PATH */
  readonly python?: string;
  /** Gets a line before anything that takes long. @default - it is printed on standard error */
  readonly onProgress?: (line: string) => void;
}

/**
 * Makes the virtual environment that holds moto, once per content of requirements.txt, and returns its interpreter.
 *
 * It is built under a name of its own and renamed when it is complete, so that two processes may do this at once and an
 * interrupted one leaves nothing that looks finished.
 *
 * @param projectDirectory the environment lies in its `.local/venv`
 */
export async function ensureMoto(projectDirectory: string, options: EnvironmentOptions = {}): Promise<string> {
  const { python = "python3", onProgress = printProgress } = options;
  const requirements = await readFile(REQUIREMENTS);
  const hash = createHash("sha256").update(requirements).digest("hex").slice(0, 16);
  const finished = join(projectDirectory, ".local", "venv", hash);
  if (existsSync(interpreter(finished))) return interpreter(finished);

  await checkPython(python);
  // Its interpreter is a link that leads nowhere once that Python is uninstalled.
  await rm(finished, { recursive: true, force: true });
  onProgress(`Installing the emulator (moto) and the AWS CLI into ${finished}, once; this takes about 20 s`);
  await mkdir(join(projectDirectory, ".local", "venv"), { recursive: true });
  const unfinished = await mkdtemp(`${finished}.`);
  try {
    await build(python, unfinished);
    await rename(unfinished, finished).catch((error: unknown) => {
      // Another process was faster; its environment is as good.
      if (!existsSync(finished)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return interpreter(finished);
}

/** Holds the AWS CLI, `aws`, and nothing else: the folder of the interpreter would put its Python in place of the machine's. */
export function commandsFolder(python: string): string {
  return join(dirname(dirname(python)), "commands");
}

function interpreter(environment: string): string {
  return join(environment, "bin", "python");
}

/** pip's own would name the interpreter by the path that the environment has while it is being made. */
const AWS_COMMAND = `#!/bin/sh
exec "$(dirname "$0")/../bin/python" -m awscli "$@"
`;

async function checkPython(python: string): Promise<void> {
  const minimum = MINIMUM_PYTHON.join(".");
  const version = await run(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).catch(
    (cause: unknown) => {
      throw new PythonError(`\`${python}\` was not found or does not run`, minimum, { cause });
    },
  );
  const found = version.stdout.trim();
  const [major = 0, minor = 0] = found.split(".").map(Number);
  if (major < MINIMUM_PYTHON[0] || (major === MINIMUM_PYTHON[0] && minor < MINIMUM_PYTHON[1])) {
    throw new PythonError(`\`${python}\` is Python ${found}`, minimum);
  }
}

async function build(python: string, environment: string): Promise<void> {
  await run(python, ["-m", "venv", environment]).catch((error: unknown) => {
    throw new VirtualEnvironmentError(python, environment, outputOf(error));
  });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS];
  await run(interpreter(environment), pip, { timeout: INSTALL_LIMIT_MS }).catch((error: unknown) => {
    throw new InstallError(REQUIREMENTS, outputOf(error));
  });
  const commands = commandsFolder(interpreter(environment));
  await mkdir(commands);
  await writeFile(join(commands, "aws"), AWS_COMMAND, { mode: 0o755 });
}

function outputOf(error: unknown): string {
  const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
  return `${stdout}${stderr}`.trim() || String(error);
}

function printProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}
