import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadPipelines } from "../config/load";
import type { PipelineConfig } from "../config/schema";
import { startEnvironment } from "./environment";
import { packageImage } from "./journey";
import { untilInterrupted } from "./interrupt";
import { stackDirectory, synthesise } from "./synth";
import { prepareTerraform } from "./terraform";
import { terraform } from "./terraform/run";
import { ensureStateBucket } from "./terraform/state-bucket";

const HELP = `npm run local [-- --apply] [-- --port N] [-- --config FILE]

Starts AWS on this machine and leaves it up until Ctrl-C: S3, SQS, Lambda, IAM, ECR ... by moto, CodeBuild, and a registry under ECR's
host names. Prints how to use cdktf, terraform and aws against it, and then what happens in it.

  --apply        synthesise and apply the pipelines, too
  --port N       port of the AWS endpoint, default any free one
  --config FILE  the pipelines, default pipeline.yaml
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

  let quiet = true;
  const directory = join(STATE, "run");
  await rm(directory, { recursive: true, force: true });
  const environment = await startEnvironment({
    projectDirectory: PROJECT,
    directory,
    region: first.region,
    port,
    onLine: (line) => {
      if (!quiet) say(line);
    },
  });
  const setup = await prepareTerraform({ directory: join(STATE, "terraform") });
  try {
    Object.assign(process.env, environment.variables);
    for (const { backend } of pipelines) {
      if (backend.kind === "s3") await ensureStateBucket({ endpoint: environment.endpoint, ...backend });
    }
    const outputs: Record<string, unknown> = {};
    if (apply) {
      say("Applying: a minute, mostly because SQS queues take long to settle ...");
      await synthesise({ projectDirectory: PROJECT, pipelineFile: resolve(config) });
      for (const { name } of pipelines) {
        const stack = terraform(setup, stackDirectory(join(PROJECT, "cdktf.out"), name));
        await stack.init();
        await stack.plan();
        await stack.apply();
        outputs[name] = await stack.output();
      }
    }
    const variablesOf = async (pipeline: PipelineConfig): Promise<Record<string, string>> => ({
      ...environment.variables,
      ...(await setup.environmentFor(stackDirectory(join(PROJECT, "cdktf.out"), pipeline.name))),
    });
    if (json) {
      console.log(JSON.stringify({ variables: await variablesOf(first), outputs }));
    } else {
      for (const pipeline of pipelines) await explain(pipeline, await variablesOf(pipeline), apply);
      say("\nUp until Ctrl-C. What happens:\n");
    }
    quiet = false;
    await untilInterrupted();
  } finally {
    await setup.close();
    await environment.close();
  }
}

async function explain(pipeline: PipelineConfig, variables: Record<string, string>, applied: boolean): Promise<void> {
  const file = join(".local", `${pipeline.name}.env`);
  const lines = Object.entries(variables).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`,
  );
  await mkdir(STATE, { recursive: true });
  await writeFile(join(PROJECT, file), lines.join(""), { mode: 0o600 });
  const [service] = pipeline.services;
  if (!service) return;
  const sample = await packageImage({ service, gitHash: "0123abc", directory: join(STATE, "drops") });
  const flags = "--skip-provider-lock";
  const commands = [
    `source ${file}`,
    ...(applied
      ? []
      : [`npx cdktf plan ${pipeline.name} ${flags}`, `npx cdktf apply ${pipeline.name} ${flags} --auto-approve`]),
    `aws s3 cp ${sample.file.replace(`${PROJECT}/`, "")} s3://${pipeline.bucket.name}/${service.key}`,
    `aws ecr list-images --repository-name ${service.repository}`,
  ];
  console.log(
    `\nPipeline ${pipeline.name}. In another terminal, in this folder:\n\n${commands.map((line) => `  ${line}`).join("\n")}`,
  );
}

const { values } = parseArgs({
  options: {
    apply: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    config: { type: "string", default: "pipeline.yaml" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
} else {
  local({ ...values, port: Number(values.port) }).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
