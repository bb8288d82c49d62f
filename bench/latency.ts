import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { BatchGetBuildsCommand, CodeBuildClient, ListBuildsForProjectCommand } from "@aws-sdk/client-codebuild";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { names } from "../config/names";
import { loadPipelines } from "../config/load";
import type { PipelineConfig } from "../config/schema";
import { parseOptions, UsageError } from "../core/usage";

const root = join(__dirname, "..");
const WAIT_MS = 30_000;
const MIN_DROPS = 3;

/** What is written behind `trigger:`, by the name of its row. */
const TRIGGERS = {
  queue: "queue",
  lambda: "lambda",
  topic: "topic",
  eventbridge: "eventbridge",
  "eventbridge-direct": "{ eventbridge: { direct: true } }",
  cloudtrail: "{ cloudtrail: { trail: true } }",
} as const;

export const help = `npm run bench -- latency [--drops N]

From the end of an upload to the start of its build, by each trigger: one pipeline for each is applied to AWS on this machine, which
delivers at once what AWS delivers in seconds. It shows what the trigger's own parts take. The first drop is told apart.

  --drops N  for each trigger, default 20, at least ${MIN_DROPS}
`;

export async function run(args: readonly string[]): Promise<object> {
  const values = parseOptions(args, { drops: { type: "string", default: "20" } });
  const drops = Number(values.drops);
  if (!(drops >= MIN_DROPS)) throw new UsageError(`--drops must be at least ${MIN_DROPS}, got: ${values.drops}`);

  const directory = await mkdtemp(join(tmpdir(), "latency-"));
  try {
    const file = join(directory, "pipelines.yaml");
    await writeFile(file, Object.entries(TRIGGERS).map(renderPipeline).join("---\n"));
    const { pipelines } = loadPipelines(file);
    const local = await startLocal(file);
    try {
      Object.assign(process.env, local.variables);
      const triggers: Record<string, Latency> = {};
      for (const pipeline of pipelines) triggers[pipeline.name] = await measure(pipeline, drops);
      console.error(renderTable(triggers));
      return { bench: "latency", drops, triggers };
    } finally {
      await local.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function renderPipeline([name, trigger]: readonly [string, string]): string {
  return `name: ${name}\nregion: us-east-1\nbucket: ${name}-drops\ntrigger: ${trigger}\nrepositories: { prefix: ${name}/ }\nservices: [api]\n`;
}

interface Latency {
  readonly firstMs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

async function measure(pipeline: PipelineConfig, drops: number): Promise<Latency> {
  const [service] = pipeline.services;
  if (!service) throw new Error(`pipeline ${pipeline.name} has no service`);
  const s3 = new S3Client({ region: pipeline.region });
  const codebuild = new CodeBuildClient({ region: pipeline.region });
  try {
    const project = names(pipeline.name).buildProject(service.name);
    const milliseconds: number[] = [];
    for (let index = 0; index < drops; index += 1) {
      const { VersionId } = await s3.send(
        new PutObjectCommand({ Bucket: pipeline.bucket.name, Key: service.key, Body: `no image ${index}` }),
      );
      const uploaded = Date.now();
      milliseconds.push((await startOf(codebuild, project, VersionId)) - uploaded);
      console.error(`${pipeline.name}: drop ${index + 1} of ${drops}: ${milliseconds.at(-1) ?? 0} ms`);
    }
    const [firstMs = 0, ...warm] = milliseconds;
    warm.sort((a, b) => a - b);
    const at = (share: number): number => warm[Math.min(warm.length - 1, Math.floor(share * warm.length))] ?? 0;
    return { firstMs, medianMs: at(0.5), p95Ms: at(0.95) };
  } finally {
    s3.destroy();
    codebuild.destroy();
  }
}

function renderTable(triggers: Readonly<Record<string, Latency>>): string {
  const rows = Object.entries(triggers).map(([name, { firstMs, medianMs, p95Ms }]) =>
    [name.padEnd(20), ...[firstMs, medianMs, p95Ms].map((ms) => `${ms} ms`.padStart(9))].join(" "),
  );
  return [`${"trigger".padEnd(20)} ${"first".padStart(9)} ${"median".padStart(9)} ${"p95".padStart(9)}`, ...rows].join(
    "\n",
  );
}

async function startLocal(config: string): Promise<{ variables: Record<string, string>; close(): Promise<void> }> {
  console.error("starting AWS on this machine and applying a pipeline for each trigger: two minutes");
  const child = spawn(join(root, "node_modules/.bin/tsx"), ["local/cli.ts", "--apply", "--json", "--config", config], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    return { ...(JSON.parse(line) as { variables: Record<string, string> }), close };
  }
  throw new Error("npm run local ended before it was up");
}

/** When the build of a version was started, in milliseconds. */
async function startOf(codebuild: CodeBuildClient, project: string, version: string | undefined): Promise<number> {
  const deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    await sleep(20);
    const { ids = [] } = await codebuild.send(new ListBuildsForProjectCommand({ projectName: project }));
    const { builds = [] } =
      ids.length === 0 ? {} : await codebuild.send(new BatchGetBuildsCommand({ ids: ids.slice(0, 3) }));
    const build = builds.find(({ environment }) =>
      environment?.environmentVariables?.some(({ name, value }) => name === "DROP_VERSION_ID" && value === version),
    );
    if (build?.startTime) return build.startTime.getTime();
  }
  throw new Error(`no build of version ${version ?? "(none)"} within ${WAIT_MS / 1000} s`);
}
