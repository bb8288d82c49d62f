import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

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

interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The command; answers its exit code. */
export async function benchCommand(args: readonly string[], { out, err }: Output): Promise<number> {
  try {
    out(await answer(args));
    return 0;
  } catch (error) {
    err(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function answer([name, ...args]: readonly string[]): Promise<string> {
  if (name === "--help") {
    return `usage: npm run bench -- NAME [options]\nnames: ${names.join(", ")}\noptions: npm run bench -- NAME --help\n`;
  }
  if (name === undefined || !names.includes(name)) {
    throw new Error(`no bench named ${name ?? "(nothing)"}, expected one of: ${names.join(", ")}`);
  }
  const { help, run } = (await import(join(__dirname, `${name}.ts`))) as Bench;
  return args.includes("--help") ? help : `${JSON.stringify(await run(args))}\n`;
}

if (require.main === module) {
  const output: Output = { out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text) };
  void benchCommand(process.argv.slice(2), output).then((code) => (process.exitCode = code));
}
