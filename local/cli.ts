import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadPipelines } from "../config/load";
import type { PipelineConfig } from "../config/schema";
import { commandLine, misuse } from "./command";
import { startEnvironment } from "./environment";
import { packageImage } from "./journey";
import { untilInterrupted } from "./interrupt";
import { exportLines, word } from "./shell";
import { stackDirectory, synthesise } from "./synth";
import { prepareTerraform } from "./terraform";
import { terraform } from "./terraform/run";
import { ensureStateBucket } from "./terraform/state-bucket";
import { variable } from "./terraform/variables";

const HELP = `npm run local [-- --apply] [-- --port N] [-- --config FILE]

Starts AWS on this machine and leaves it up until Ctrl-C: AWS's APIs by moto; notifications, topics, rules and trails; permissions;
Lambda and CodeBuild; a registry under ECR's host names. Prints how to use cdktf, terraform and aws against it, and then what happens in it.

  --apply        synthesise and apply the pipelines, too
  --port N       port of the AWS endpoint, default any free one
  --config FILE  the pipelines; default PIPELINE_FILE, or pipeline.yaml
  --json         print one JSON line when it is up, with the environment and the outputs, and nothing after it
  --help         this text
`;

const PROJECT = resolve(__dirname, "..");
const STATE = join(PROJECT, ".local");

interface Options {
  readonly config: string;
  readonly apply: boolean;
  readonly port: number;
  readonly json: boolean;
}

async function local({ config, apply, port, json }: Options): Promise<void> {
  const { pipelines, warnings } = loadPipelines(config);
  const [first] = pipelines;
  if (!first) throw new Error(`${config} describes no pipeline`);
  const say = (line: string): void => {
    if (!json) console.log(line);
  };
  for (const warning of warnings) say(`warning: ${warning}`);
  for (const { name, region } of pipelines) {
    if (region !== first.region)
      say(`warning: nothing happens in ${region}, where pipeline ${name} is: one region runs here, ${first.region}`);
  }

  let quiet = true;
  // A folder of its own: two of these may be up at once.
  await mkdir(STATE, { recursive: true });
  const directory = await mkdtemp(join(STATE, "run-"));
  const closing: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const setup = await prepareTerraform({ directory: join(STATE, "terraform") });
    closing.push(() => setup.close());
    const environment = await startEnvironment({
      projectDirectory: PROJECT,
      directory,
      region: first.region,
      port,
      onLine: (line) => {
        if (!quiet) say(line);
      },
    });
    closing.push(() => environment.close());
    Object.assign(process.env, environment.variables);
    for (const { backend } of pipelines) {
      if (backend.kind === "s3") await ensureStateBucket({ endpoint: environment.endpoint, ...backend });
    }
    const outputs: Record<string, unknown> = {};
    if (apply) {
      say("Applying: a minute, mostly because SQS queues take long to settle ...");
      await synthesise({ projectDirectory: PROJECT, pipelineFile: resolve(config) });
      const applying = pipelines.map(async ({ name }) => {
        const stack = terraform(setup, stackDirectory(join(PROJECT, "cdktf.out"), name));
        await stack.init();
        await stack.plan();
        await stack.apply();
        outputs[name] = await stack.output();
      });
      // All of them, before what they talk to is closed.
      await Promise.allSettled(applying);
      await Promise.all(applying);
    }
    const variablesOf = async (pipeline: PipelineConfig): Promise<Record<string, string>> => ({
      ...environment.variables,
      // Or cdktf would read pipeline.yaml.
      PIPELINE_FILE: resolve(config),
      ...(await setup.environmentFor(stackDirectory(join(PROJECT, "cdktf.out"), pipeline.name))),
    });
    if (json) {
      console.log(JSON.stringify({ variables: await variablesOf(first), outputs }));
    } else {
      for (const pipeline of pipelines) {
        closing.push(await writeVariables(pipeline, await variablesOf(pipeline)));
        await explain(pipeline, apply);
      }
      say("\nUp until Ctrl-C. What happens:\n");
    }
    quiet = false;
    await untilInterrupted();
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** The file to be sourced by those who use the environment by hand. */
function variablesFile(pipeline: PipelineConfig): string {
  return join(".local", `${pipeline.name}.env`);
}

/** Answers with what takes the file away: it would lead to an environment that is gone, unless another has written its own meanwhile. */
async function writeVariables(
  pipeline: PipelineConfig,
  variables: Record<string, string>,
): Promise<() => Promise<void>> {
  const file = join(PROJECT, variablesFile(pipeline));
  const written = exportLines(variables);
  await writeFile(file, written, { mode: 0o600 });
  return async () => {
    if ((await readFile(file, "utf8").catch(() => "")) === written) await rm(file);
  };
}

async function explain(pipeline: PipelineConfig, applied: boolean): Promise<void> {
  const [service] = pipeline.services;
  if (!service) return;
  const sample = await packageImage({ service, gitHash: "0123abc", directory: join(STATE, "drops") });
  const flags = "--skip-provider-lock";
  const commands = [
    `source ${variablesFile(pipeline)}`,
    ...(applied
      ? []
      : [`npx cdktf plan ${pipeline.name} ${flags}`, `npx cdktf apply ${pipeline.name} ${flags} --auto-approve`]),
    `aws s3 cp ${sample.file.replace(`${PROJECT}/`, "")} ${word(`s3://${pipeline.bucket.name}/${sample.key}`)}`,
    `aws ecr list-images --repository-name ${service.repository}`,
  ];
  console.log(
    `\nPipeline ${pipeline.name}. In another terminal, in this folder:\n\n${commands.map((line) => `  ${line}`).join("\n")}`,
  );
}

const values = commandLine(
  {
    apply: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    config: { type: "string", default: variable(process.env, "PIPELINE_FILE") ?? "pipeline.yaml" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  HELP,
);
const port = Number(values?.port);
if (values?.help) {
  process.stdout.write(HELP);
} else if (values && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
  misuse(`--port must be a number from 0 (any free port) to 65535, got "${values.port}".`);
} else if (values) {
  local({ ...values, port }).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
