import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadPipelines } from "../config/load";
import { parseOptions } from "../core/usage";
import { startEnvironment } from "../local/environment";
import { ensureMoto } from "../local/moto";
import { stackDirectory, synthesise } from "../local/synth";
import { prepareTerraform } from "../local/terraform";
import { terraform } from "../local/terraform/run";
import { ensureStateBucket } from "../local/terraform/state-bucket";

const root = resolve(__dirname, "..");
const EXAMPLE = "examples/many-services/pipeline.yaml";

export const help = `npm run bench -- apply

The largest example, ${EXAMPLE}, applied in one go to AWS on this machine: seconds of each step, once.
Most of what AWS adds to that is not here; what Terraform and the number of resources cost is.
`;

export async function run(args: readonly string[]): Promise<object> {
  parseOptions(args, {});
  const [pipeline] = loadPipelines(join(root, EXAMPLE)).pipelines;
  if (!pipeline) throw new Error(`${EXAMPLE} describes no pipeline`);
  const { name, region, backend, services } = pipeline;
  const work = await mkdtemp(join(tmpdir(), "bench-apply-"));
  const closing: (() => Promise<void>)[] = [() => rm(work, { recursive: true, force: true })];
  try {
    await ensureMoto(root, {});
    const environment = await startEnvironment({ projectDirectory: root, directory: work, region });
    closing.push(() => environment.close());
    Object.assign(process.env, environment.variables);
    if (backend.kind === "s3") await ensureStateBucket({ endpoint: environment.endpoint, ...backend });
    const setup = await prepareTerraform({ directory: join(work, "terraform") });
    closing.push(() => setup.close());

    const seconds: Record<string, number> = {};
    const timed = async <T>(step: string, action: () => Promise<T>): Promise<T> => {
      const began = process.hrtime.bigint();
      const result = await action();
      const taken = Number(process.hrtime.bigint() - began) / 1e9;
      seconds[step] = Number(taken.toFixed(1));
      console.error(`${step}: ${taken.toFixed(1)} s`);
      return result;
    };
    const output = join(work, "cdktf.out");
    await timed("synth", () => synthesise({ projectDirectory: root, pipelineFile: EXAMPLE, output }));
    const stack = terraform(setup, stackDirectory(output, name));
    await timed("init", () => stack.init());
    const { summary } = await timed("plan", () => stack.plan());
    await timed("apply", () => stack.apply());
    const again = await timed("plan again", () => stack.plan());
    return {
      bench: "apply",
      node: process.version,
      services: services.length,
      resources: Number(/(\d+) to add/.exec(summary)?.[1]),
      seconds,
      met: !again.changes,
    };
  } finally {
    for (const step of closing.reverse()) await step();
  }
}
