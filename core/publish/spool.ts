import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoSpoolError } from "./errors";

/** Each ends a process that does not listen for it, and no "exit" is heard then. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Lends a folder for what cannot be read where it lies, made when the first file is wanted. It goes with the work, or with the process, also
 * where a signal ends that.
 */
export async function withSpool<T>(work: (file: (name: string) => string) => Promise<T>): Promise<T> {
  let directory: string | undefined;
  const remove = (): void => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  const end = (signal: NodeJS.Signals): void => {
    release();
    remove();
    // Whoever started the process shall see what ended it.
    process.kill(process.pid, signal);
  };
  const release = (): void => {
    process.off("exit", remove);
    for (const signal of SIGNALS) process.off(signal, end);
  };
  process.once("exit", remove);
  for (const signal of SIGNALS) process.once(signal, end);
  try {
    return await work((name) => join((directory ??= makeDirectory()), name));
  } finally {
    release();
    remove();
  }
}

function makeDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), "publish-image-"));
  } catch (error) {
    throw new NoSpoolError(tmpdir(), error as Error);
  }
}
