import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type CommandLine<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;

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
export function parseArguments<T extends Options>(args: readonly string[], options: T): CommandLine<T> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    throw new UsageError(`${problemOf(cause as Error)}; --help lists the options`, { cause });
  }
}

/** What `parseArgs` says, without how to pass a file whose name begins with a hyphen. */
export function problemOf({ message }: Error): string {
  return message.replace(/\. To specify a positional argument.*$/s, "");
}

/**
 * What a command line of options alone says.
 * @throws UsageError for anything else
 */
export function parseOptions<T extends Options>(args: readonly string[], options: T): CommandLine<T>["values"] {
  const { values, positionals } = parseArguments(args, options);
  if (positionals.length > 0) throw new UsageError(`expected options alone, got: ${positionals.join(" ")}`);
  return values;
}

/**
 * Answers `--help`, and a command line that is not understood; any other is left to the command.
 * @param run throws UsageError for what it does not understand
 * @returns the exit code
 */
export async function carryOut(
  help: string,
  args: readonly string[],
  { out, err }: Output,
  run: () => number | Promise<number>,
): Promise<number> {
  try {
    if (args.includes("--help")) {
      out(help);
      return 0;
    }
    return await run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    err(`${error.message}\n`);
    return 2;
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
