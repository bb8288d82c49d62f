import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { type Output, runCommand, UsageError } from "../core/usage";

/** One measurement: a file of this folder. Progress goes to stderr; the object is printed as the last line. */
interface Bench {
  /** Its command, what it measures, its options. */
  readonly help: string;
  readonly run: (args: readonly string[]) => Promise<object>;
}

const names = readdirSync(__dirname)
  .filter((file) => file.endsWith(".ts") && file !== basename(__filename))
  .map((file) => basename(file, ".ts"))
  .sort();

/** Runs the command and returns its exit code. */
export async function benchCommand(args: readonly string[], { out, err }: Output): Promise<number> {
  try {
    out(await answer(args));
    return 0;
  } catch (error) {
    err(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function answer([name, ...args]: readonly string[]): Promise<string> {
  if (name === "--help") {
    return `usage: npm run bench -- NAME [options]\nnames: ${names.join(", ")}\noptions: npm run bench -- NAME --help\n`;
  }
  if (name === undefined || !names.includes(name)) {
    throw new UsageError(`no bench named ${name ?? "(nothing)"}, expected one of: ${names.join(", ")}`);
  }
  const { help, run } = (await import(join(__dirname, `${name}.ts`))) as Bench;
  return args.includes("--help") ? help : `${JSON.stringify(await run(args))}\n`;
}

if (require.main === module) runCommand(benchCommand);
