import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { InstallError, PythonError, VirtualEnvironmentError } from "./errors";

const run = promisify(execFile);

const INSTALL_LIMIT_MS = 600_000;

/** What a virtual environment is for. */
export interface PythonProgram {
  /** As a sentence about its Python calls it: "the emulator (moto)". */
  readonly name: string;
  /** As a sentence about its installation calls it. @default name */
  readonly title?: string;
  /** Its requirements file. */
  readonly requirements: string;
  /** The oldest Python that it runs on: major, minor. */
  readonly minimumPython: readonly [number, number];
  /** Seconds that the installation takes, about. */
  readonly seconds: number;
  /** Completes the environment, given its interpreter. @default - it is complete */
  readonly complete?: (python: string) => Promise<void>;
}

export interface EnvironmentOptions {
  /** @default "python3" - the one in PATH */
  readonly python?: string;
  /** Gets a line before anything that takes long. @default - it is printed on standard error */
  readonly onProgress?: (line: string) => void;
}

/**
 * Makes the virtual environment of a program, once per content of its requirements file, and returns its interpreter.
 *
 * It is built under a name of its own and renamed when it is complete, so that two processes may do this at once and an
 * interrupted one leaves nothing that looks finished.
 *
 * @param projectDirectory the environment lies in its `.local/venv`
 */
export async function ensureEnvironment(
  projectDirectory: string,
  program: PythonProgram,
  { python = "python3", onProgress = printProgress }: EnvironmentOptions = {},
): Promise<string> {
  const requirements = await readFile(program.requirements);
  const hash = createHash("sha256").update(requirements).digest("hex").slice(0, 16);
  const finished = join(projectDirectory, ".local", "venv", hash);
  if (existsSync(interpreter(finished))) return interpreter(finished);

  await checkPython(python, program);
  // Its interpreter is a link that leads nowhere once that Python is uninstalled.
  await rm(finished, { recursive: true, force: true });
  const { name, title = name, seconds } = program;
  onProgress(`Installing ${title} into ${finished}, once; this takes about ${seconds} s`);
  await mkdir(join(projectDirectory, ".local", "venv"), { recursive: true });
  const unfinished = await mkdtemp(`${finished}.`);
  try {
    await build(python, unfinished, program);
    await rename(unfinished, finished).catch((error: unknown) => {
      // Another process was faster; its environment is as good.
      if (!existsSync(finished)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return interpreter(finished);
}

function interpreter(environment: string): string {
  return join(environment, "bin", "python");
}

async function checkPython(python: string, { name, minimumPython }: PythonProgram): Promise<void> {
  const minimum = minimumPython.join(".");
  const version = await run(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).catch(
    (cause: unknown) => {
      throw new PythonError(`\`${python}\` was not found or does not run`, name, minimum, { cause });
    },
  );
  const found = version.stdout.trim();
  const [major = 0, minor = 0] = found.split(".").map(Number);
  if (major < minimumPython[0] || (major === minimumPython[0] && minor < minimumPython[1])) {
    throw new PythonError(`\`${python}\` is Python ${found}`, name, minimum);
  }
}

async function build(python: string, environment: string, { requirements, complete }: PythonProgram): Promise<void> {
  await run(python, ["-m", "venv", environment]).catch((error: unknown) => {
    throw new VirtualEnvironmentError(python, environment, outputOf(error));
  });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
  await run(interpreter(environment), pip, { timeout: INSTALL_LIMIT_MS }).catch((error: unknown) => {
    throw new InstallError(requirements, outputOf(error));
  });
  await complete?.(interpreter(environment));
}

function outputOf(error: unknown): string {
  const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
  return `${stdout}${stderr}`.trim() || String(error);
}

function printProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}
