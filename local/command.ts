import { parseArgs, type ParseArgsConfig } from "node:util";
import { InterruptedError } from "./interrupt";

type Flags = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Flags> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

/** What a shell reports for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** The command line's options. Undefined where it cannot be understood: that was said, with `help`. */
export function commandLine<T extends Flags>(options: T, help: string): Values<T> | undefined {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    misuse((error as Error).message, help);
    return undefined;
  }
}

/** Says why a command line cannot be carried out. */
export function misuse(reason: string, help?: string): void {
  console.error(help === undefined ? reason : `${reason}\n\n${help.trimEnd()}`);
  process.exitCode = 2;
}

/** Waits for a command's work, prints how it failed, and ends the process, whatever is still open in an abandoned step. */
export function endWith(work: Promise<void>): void {
  work.then(
    () => process.exit(),
    (error: unknown) => {
      console.error(`\n${error instanceof Error ? error.message : String(error)}`);
      process.exit(error instanceof InterruptedError ? INTERRUPTED : 1);
    },
  );
}
