import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const PROJECT = resolve(__dirname, "../..");
const FOLDER = "examples";

/** A folder of `examples/`: a file of pipelines, or a CDKTF app. */
export interface Example {
  readonly name: string;
  /** What its first line says to type in the project's folder. */
  readonly command: string;
  /** The file of pipelines that the command names, from the project's folder; absent in an app. */
  readonly file?: string;
}

/** Every folder there is, by name. */
export function examples(): readonly Example[] {
  const entries = readdirSync(join(PROJECT, FOLDER), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => example(name));
}

export function example(name: string): Example {
  const folder = join(PROJECT, FOLDER, name);
  if (!existsSync(join(folder, "pipeline.yaml"))) {
    return { name, command: firstLine(join(folder, "main.ts"), "// ") };
  }
  const command = firstLine(join(folder, "pipeline.yaml"), "# ");
  const [, file] = /^PIPELINE_FILE=(\S+) npx cdktf synth$/.exec(command) ?? [];
  if (file === undefined) throw new Error(`${name} must open with PIPELINE_FILE=... npx cdktf synth, got ${command}`);
  return { name, command, file };
}

function firstLine(file: string, comment: string): string {
  const [line = ""] = readFileSync(file, "utf8").split("\n", 1);
  if (!line.startsWith(comment)) throw new Error(`${file} must open with a comment that is its command, got ${line}`);
  return line.slice(comment.length);
}
