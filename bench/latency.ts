import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BatchGetBuildsCommand, CodeBuildClient, ListBuildsForProjectCommand } from "@aws-sdk/client-codebuild";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { names } from "../config/names";
import { loadPipelines } from "../config/load";

const root = join(__dirname, "..");
const SAMPLE = join(root, "pipeline.yaml");
const WAIT_MS = 30_000;
const MIN_DROPS = 3;

export const help = `npm run bench -- latency [--drops N]

From the end of an upload to the start of its build, through the applied pipeline of npm run local -- --apply: notification,
queue, event source mapping, function, StartBuild. The first drop is told apart.

  --drops N  default 20, at least ${MIN_DROPS}
`;

export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({ args: [...args], options: { drops: { type: "string", default: "20" } } });
  const drops = Number(values.drops);
  if (!(drops >= MIN_DROPS)) throw new Error(`--drops must be at least ${MIN_DROPS}, got: ${values.drops}`);
  const [pipeline] = loadPipelines(SAMPLE).pipelines;
  const [service] = pipeline?.services ?? [];
  if (!pipeline || !service) throw new Error(`${SAMPLE} describes no service`);

  const local = await startLocal();
  try {
    Object.assign(process.env, local.variables);
    const s3 = new S3Client({ region: pipeline.region });
    const codebuild = new CodeBuildClient({ region: pipeline.region });
    const project = names(pipeline.name).buildProject(service.name);
    const seconds: number[] = [];
    for (let index = 0; index < drops; index += 1) {
      const { VersionId } = await s3.send(
        new PutObjectCommand({ Bucket: pipeline.bucket.name, Key: service.key, Body: `no image ${index}` }),
      );
      const uploaded = Date.now();
      seconds.push(((await startOf(codebuild, project, VersionId)) - uploaded) / 1000);
      console.error(`drop ${index + 1} of ${drops}: ${seconds.at(-1)?.toFixed(3) ?? ""} s`);
    }
    s3.destroy();
    codebuild.destroy();
    const [cold = 0, ...warm] = seconds;
    warm.sort((a, b) => a - b);
    const at = (share: number): number => warm[Math.min(warm.length - 1, Math.floor(share * warm.length))] ?? 0;
    return {
      bench: "latency",
      trigger: pipeline.trigger,
      drops,
      coldSeconds: cold,
      medianSeconds: at(0.5),
      p95Seconds: at(0.95),
    };
  } finally {
    await local.close();
  }
}

async function startLocal(): Promise<{ variables: Record<string, string>; close(): Promise<void> }> {
  console.error("starting AWS on this machine and applying pipeline.yaml: about 90 s");
  const child = spawn(join(root, "node_modules/.bin/tsx"), ["local/cli.ts", "--apply", "--json"], {
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
