import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { preflightCommand } from "../../cli/preflight";
import { startEnvironment, type Environment } from "../../local/environment";
import { stackDirectory } from "../../local/synth";
import { prepareTerraform, type TerraformSetup } from "../../local/terraform";
import { terraform, type RunOptions, type StackTerraform } from "../../local/terraform/run";

const PROJECT = resolve(__dirname, "../..");

/** How a command ended, and what it said. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** AWS on this machine with states of several owners in it, and one configuration that changes. */
export interface Estate {
  readonly environment: Environment;
  readonly directory: string;
  readonly setup: TerraformSetup;
  /** The state of somebody else, in a folder of its own; given again under the same name, it is their next version. */
  theirs(name: string, stack: object): Promise<StackTerraform>;
  /** Writes pipeline.yaml and synthesises it. */
  synthesise(yaml: string): Promise<void>;
  /** The synthesised stack, initialised. */
  ours(pipeline: string, options?: RunOptions): Promise<StackTerraform>;
  preflight(...args: readonly string[]): Promise<Said>;
  /** Keeps the stack's plan as the file that the preflight reads. */
  showPlan(stack: StackTerraform): Promise<string>;
  close(): Promise<void>;
}

export async function startEstate(region: string): Promise<Estate> {
  const directory = await mkdtemp(join(tmpdir(), "estate-"));
  const environment = await startEnvironment({ projectDirectory: PROJECT, directory, region });
  Object.assign(process.env, environment.variables);
  const setup = await prepareTerraform({ directory: join(directory, "terraform") });
  const file = join(directory, "pipeline.yaml");
  const output = join(directory, "project", "cdktf.out");
  await mkdir(join(directory, "project"));
  let plans = 0;
  return {
    environment,
    directory,
    setup,
    theirs: async (name, stack) => {
      const folder = join(directory, name);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "main.tf.json"), JSON.stringify(stack));
      const run = terraform(setup, folder);
      await run.init();
      return run;
    },
    synthesise: async (yaml) => {
      await writeFile(file, yaml);
      await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "main.ts"], {
        cwd: PROJECT,
        env: { ...process.env, PIPELINE_FILE: file, CDKTF_OUTDIR: output },
      });
    },
    ours: async (pipeline, options) => {
      const run = terraform(setup, stackDirectory(output, pipeline), options);
      await run.init();
      return run;
    },
    preflight: async (...args) => {
      const said = { out: "", err: "" };
      const code = await preflightCommand(["--file", file, ...args], {
        out: (text) => (said.out += text),
        err: (text) => (said.err += text),
      });
      return { code, out: said.out.replaceAll(directory, ""), err: said.err.replaceAll(`${directory}/`, "") };
    },
    showPlan: async (stack) => {
      const plan = join(directory, `plan-${(plans += 1)}.json`);
      await writeFile(plan, JSON.stringify(await stack.showPlan()));
      return plan;
    },
    close: async () => {
      await setup.close();
      await environment.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
