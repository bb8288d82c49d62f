import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { loadPipelines } from "../../config/load";
import type { PipelineConfig } from "../../config/schema";
import { startEnvironment, type Environment } from "../../local/environment";
import { awsClients, type Clients } from "../../local/journey";
import { startDockerRegistry } from "../../local/registry/docker-registry";
import { requires } from "./requires";
import { stackDirectory } from "../../local/synth";
import { prepareTerraform } from "../../local/terraform";
import { terraform, type StackTerraform } from "../../local/terraform/run";
import { ensureStateBucket } from "../../local/terraform/state-bucket";

const PROJECT = resolve(__dirname, "../..");

export interface AppliedPipeline {
  readonly config: PipelineConfig;
  /** Where its stack was synthesised. */
  readonly folder: string;
  readonly stack: StackTerraform;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Pipelines that real Terraform applied to AWS on this machine, each from its own state. */
export interface AppliedPipelines {
  readonly environment: Environment;
  readonly clients: Clients;
  /** For whatever a test wants to keep. */
  readonly directory: string;
  /** What happened in the environment, a line each. */
  readonly lines: readonly string[];
  pipeline(name: string): AppliedPipeline;
  close(): Promise<void>;
}

export interface ApplyOptions {
  /** Runs before the apply, against the empty environment: makes what "exists already". */
  readonly before?: (clients: Clients) => Promise<void>;
  /** How long a minute lasts that Lambda or EventBridge waits until it tries again. @default 60000 */
  readonly minuteInMilliseconds?: number;
}

/** A CDKTF app, whose stack holds a pipeline. */
export interface PipelineApp {
  /** Path of its program. */
  readonly main: string;
  readonly stack: string;
  /** What the pipeline in it comes to; its backend is the stack's. */
  readonly config: PipelineConfig;
}

export interface ApplyFilesOptions extends ApplyOptions {
  /** Apps that are applied as well. */
  readonly apps?: readonly PipelineApp[];
}

export interface ApplyYamlOptions extends ApplyOptions {
  /** Files that lie beside the pipelines' own, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Paths of further files of pipelines, which are applied as well. */
  readonly beside?: readonly string[];
}

/** Starts AWS on this machine, with docker-registry as the storage where it is installed, synthesises `yaml` and applies it. */
export async function applyPipelines(
  yaml: string,
  { files = {}, beside = [], ...options }: ApplyYamlOptions = {},
): Promise<AppliedPipelines> {
  const directory = await mkdtemp(join(tmpdir(), "pipelines-"));
  const file = join(directory, "pipeline.yaml");
  await writeFile(file, yaml);
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return await applyIn(directory, [file, ...beside], options);
}

/** The same for files of pipelines that are there, all of one region. */
export async function applyFiles(files: readonly string[], options: ApplyFilesOptions = {}): Promise<AppliedPipelines> {
  return await applyIn(await mkdtemp(join(tmpdir(), "pipelines-")), files, options);
}

async function applyIn(
  directory: string,
  files: readonly string[],
  { before, minuteInMilliseconds, apps = [] }: ApplyFilesOptions,
): Promise<AppliedPipelines> {
  const closing: (() => Promise<void> | void)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const pipelines = files.flatMap((file) => loadPipelines(file).pipelines);
    const region = pipelines[0]?.region ?? "";

    const registry = join(directory, "docker-registry");
    await mkdir(registry);
    const storage = requires("docker-registry", "apt-get install docker-registry")
      ? await startDockerRegistry({ directory: registry })
      : undefined;
    if (storage) closing.push(() => storage.close());
    const lines: string[] = [];
    const environment = await startEnvironment({
      projectDirectory: PROJECT,
      directory,
      region,
      storage,
      // As it may be on AWS: "at least once".
      duplicateMultipart: true,
      minuteInMilliseconds,
      onLine: (line) => lines.push(line),
    });
    closing.push(() => environment.close());
    Object.assign(process.env, environment.variables);
    const clients = awsClients(region);
    closing.push(() => {
      clients.close();
    });
    await before?.(clients);

    const output = join(directory, "cdktf.out");
    const run = async (main: string, variables: NodeJS.ProcessEnv): Promise<void> => {
      const env = { ...process.env, CDKTF_OUTDIR: output, ...variables };
      await promisify(execFile)(join(PROJECT, "node_modules/.bin/tsx"), [main], { cwd: PROJECT, env });
    };
    for (const file of files) await run("main.ts", { PIPELINE_FILE: file });
    for (const { main } of apps) await run(main, {});
    const setup = await prepareTerraform({ directory: join(directory, "terraform") });
    closing.push(() => setup.close());
    const applied = await Promise.all(
      [...pipelines.map((config) => ({ config, stack: config.name })), ...apps].map(
        async ({ config, stack: stackName }): Promise<AppliedPipeline> => {
          const { backend } = config;
          if (backend.kind === "s3") await ensureStateBucket({ endpoint: environment.endpoint, ...backend });
          const folder = stackDirectory(output, stackName);
          const stack = terraform(setup, folder);
          await stack.init();
          await stack.plan();
          await stack.apply();
          return { config, folder, stack, outputs: await stack.output() };
        },
      ),
    );
    return {
      environment,
      clients,
      directory,
      lines,
      pipeline: (name) => {
        const found = applied.find(({ config }) => config.name === name);
        if (!found) throw new Error(`no pipeline ${name} was applied`);
        return found;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
