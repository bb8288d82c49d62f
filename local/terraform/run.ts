import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { TerraformCommandError } from "./errors";
import type { TerraformSetup } from "./index";

export interface RunOptions {
  /** Variables on top of the process's own, such as AWS_ENDPOINT_URL. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Gets each line that Terraform prints, without colours, as it comes. @default - nobody is told */
  readonly onLine?: (line: string) => void;
}

export interface Plan {
  /** Whether applying it would change anything, outputs included. */
  readonly changes: boolean;
  /** Terraform's own closing line: "Plan: 12 to add, 0 to change, 0 to destroy." or "No changes. ..." */
  readonly summary: string;
}

/** One finding of `terraform validate`. https://developer.hashicorp.com/terraform/cli/commands/validate#json-output-format */
export interface TerraformDiagnostic {
  readonly severity: "error" | "warning";
  readonly summary: string;
  readonly detail?: string;
  readonly address?: string;
}

/** Terraform in one stack's folder; every method fails with TerraformCommandError. */
export interface StackTerraform {
  /** @param options.backend - false leaves the state's backend alone, enough for `validate` */
  init(options?: { readonly backend?: boolean }): Promise<void>;
  validate(): Promise<TerraformDiagnostic[]>;
  /** Plans, and keeps the plan for `apply` and `showPlan`. */
  plan(): Promise<Plan>;
  /** Applies the plan that `plan` kept. */
  apply(): Promise<void>;
  /** Plans in a remote run, which keeps no plan here; answers Terraform's own closing line. */
  planRemotely(): Promise<string>;
  /** Plans and applies in a remote run; answers Terraform's own closing line: "Apply complete! Resources: 12 added, ..." */
  applyRemotely(): Promise<string>;
  /** Destroys everything in the state. */
  destroy(): Promise<void>;
  /** The stack's outputs by name, sensitive ones included. */
  output(): Promise<Record<string, unknown>>;
  /** The state. https://developer.hashicorp.com/terraform/internals/json-format */
  showState(): Promise<unknown>;
  /** The plan that `plan` kept. */
  showPlan(): Promise<unknown>;
}

const NO_CHANGES = 0;
const CHANGES = 2;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Lines that an error repeats, at most. */
const TAIL = 40;

/**
 * Terraform for one stack. SIGINT and SIGTERM of this process reach it once each, and the end of the terminal as SIGTERM, so that
 * it ends in order, with its state written and its lock released.
 */
export function terraform(setup: TerraformSetup, stackDirectory: string, options: RunOptions = {}): StackTerraform {
  const savedPlan = join(".terraform", "saved.tfplan");
  const run = (args: readonly string[], accepted: readonly number[] = [0]): Promise<Finished> =>
    runTerraform(setup, stackDirectory, args, accepted, options);
  const json = async (args: readonly string[], accepted: readonly number[] = [0]): Promise<unknown> => {
    const quiet = { ...options, onLine: undefined };
    return JSON.parse((await runTerraform(setup, stackDirectory, args, accepted, quiet)).stdout);
  };

  return {
    init: async ({ backend = true } = {}) => {
      await run(["init", "-input=false", "-no-color", ...(backend ? [] : ["-backend=false"])]);
    },
    validate: async () => {
      const { diagnostics } = (await json(["validate", "-json"], [0, 1])) as { diagnostics: TerraformDiagnostic[] };
      return diagnostics;
    },
    plan: async () => {
      // A stack with neither providers to install nor a backend has no such folder after init.
      await mkdir(join(stackDirectory, dirname(savedPlan)), { recursive: true });
      const args = ["plan", "-input=false", "-no-color", "-detailed-exitcode", `-out=${savedPlan}`];
      const { exitCode, stdout } = await run(args, [NO_CHANGES, CHANGES]);
      return { changes: exitCode === CHANGES, summary: summaryOf(stdout) };
    },
    planRemotely: async () => summaryOf((await run(["plan", "-input=false", "-no-color"])).stdout),
    applyRemotely: async () => {
      const { stdout } = await run(["apply", "-input=false", "-no-color", "-auto-approve"]);
      return lineOf(stdout, /^Apply complete!/);
    },
    apply: async () => {
      await run(["apply", "-input=false", "-no-color", savedPlan]);
    },
    destroy: async () => {
      await run(["destroy", "-input=false", "-no-color", "-auto-approve"]);
    },
    output: async () => {
      const outputs = (await json(["output", "-no-color", "-json"])) as Record<string, { value: unknown }>;
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
    },
    showState: () => json(["show", "-no-color", "-json"]),
    showPlan: () => json(["show", "-no-color", "-json", savedPlan]),
  };
}

function summaryOf(stdout: string): string {
  return lineOf(stdout, /^(Plan:|No changes\.|Changes to Outputs:)/);
}

function lineOf(stdout: string, pattern: RegExp): string {
  return stdout.split("\n").find((line) => pattern.test(line)) ?? "";
}

interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
}

async function runTerraform(
  setup: TerraformSetup,
  stackDirectory: string,
  args: readonly string[],
  accepted: readonly number[],
  { environment = {}, onLine = () => undefined }: RunOptions,
): Promise<Finished> {
  const child = spawn(setup.binary, args, {
    cwd: stackDirectory,
    env: { ...process.env, ...(await setup.environmentFor(stackDirectory)), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // In a group of its own, or Ctrl-C would reach it both from the terminal and from here: a second interrupt makes Terraform
    // abandon its state.
    detached: true,
  });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    const stdout: string[] = [];
    const all: string[] = [];
    const read = async (stream: Readable, keep: (line: string) => void): Promise<void> => {
      for await (const coloured of createInterface({ input: stream })) {
        // -no-color does not reach the Terraform of a remote run.
        const line = stripVTControlCharacters(coloured);
        keep(line);
        all.push(line);
        onLine(line);
      }
    };
    const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("error", reject).once("close", (exitCode, signal) => {
        resolve({ exitCode, signal });
      });
    });
    const [{ exitCode, signal }] = await Promise.all([
      ended,
      read(child.stdout, (line) => stdout.push(line)),
      read(child.stderr, () => undefined),
    ]);
    if (exitCode === null || !accepted.includes(exitCode)) {
      throw new TerraformCommandError(
        [setup.binary, ...args].join(" "),
        stackDirectory,
        exitCode,
        signal,
        errorLines(all),
      );
    }
    return { exitCode, stdout: stdout.join("\n") };
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}

/** From Terraform's first error on, where it printed one; remote runs have it in a frame. */
function errorLines(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => /^(│ )?Error:/.test(line));
  return lines.slice(Math.max(first, 0)).slice(-TAIL);
}
