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

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === "--help") {
    console.log(
      `usage: npm run bench -- NAME [options]\nnames: ${names.join(", ")}\noptions: npm run bench -- NAME --help`,
    );
    return;
  }
  if (name === undefined || !names.includes(name)) {
    throw new Error(`no bench named ${name ?? "(nothing)"}, expected one of: ${names.join(", ")}`);
  }
  const { help, run } = (await import(join(__dirname, `${name}.ts`))) as Bench;
  if (args.includes("--help")) {
    process.stdout.write(help);
    return;
  }
  console.log(JSON.stringify(await run(args)));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
