import { parseArgs, type ParseArgsConfig } from "node:util";

/** Where a command writes. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The command line was not understood, or names what is not there. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * What a command line says.
 * @throws UsageError for an option that is none, lacks its value, or has one too many.
 */
export function parseArguments<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    // What follows tells how to pass a file whose name begins with a hyphen.
    const problem = (cause as Error).message.replace(/\. To specify a positional argument.*$/s, "");
    throw new UsageError(`${problem}; --help lists the options`, { cause });
  }
}

/** Runs a command as this process, which ends with its exit code. */
export function runCommand(command: (args: readonly string[], output: Output) => number | Promise<number>): void {
  const output: Output = {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  };
  void Promise.resolve(command(process.argv.slice(2), output)).then((code) => (process.exitCode = code));
}
