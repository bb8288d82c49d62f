import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";

export interface Finished {
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, from the moment it is started. */
export async function timed(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly stdin?: string; readonly cwd?: string } = {},
): Promise<Finished> {
  const started = performance.now();
  const child = spawn(program, args, {
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: options.env ?? process.env,
    cwd: options.cwd,
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => out.push(text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => err.push(text));
  if (options.stdin !== undefined && child.stdin) createReadStream(options.stdin).pipe(child.stdin);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const finished = { seconds: (performance.now() - started) / 1000, stdout: out.join(""), stderr: err.join("") };
  if (code === 0) return finished;
  throw new Error(`${program} ${args.join(" ")} ended with code ${code ?? "none"}\n${finished.stderr.slice(-2000)}`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Milliseconds have meaning, microseconds have not. */
export function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

/** A file that Node requires first, which tells how much memory the process has had at most. */
export const PEAK = join(__dirname, "peak.js");
