import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { commandLine } from "./command";
import { checkovBaseline, renderScan, renderSum } from "./scanners/report";
import { scan } from "./scanners";
import { synthesise } from "./synth";
import { variable } from "./terraform/variables";

const HELP = `npm run scan [-- --file FILE | --stacks FOLDER] [-- --baseline FOLDER]

Has checkov read the plan of each pipeline, made against the emulator on this machine, and tfsec its synthesised form; prints what fails, and
each exception with its reason. Both scanners are installed into .local/ at first, and call nobody.

  --file FILE        the configuration; default PIPELINE_FILE, or pipeline.yaml
  --stacks FOLDER    stacks that an app of yours has synthesised, such as ../app/cdktf.out/stacks
  --baseline FOLDER  writes the exceptions of each stack as <stack>.baseline.json, for your own checkov --baseline
  --help             this text

Exit codes: 0 nothing failed, 1 something failed or could not be scanned, 2 wrong usage.
`;

const PROJECT = resolve(__dirname, "..");

interface Options {
  readonly file: string;
  readonly stacks?: string;
  readonly baseline?: string;
}

async function run({ file, stacks, baseline }: Options): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "scan-"));
  try {
    if (stacks === undefined) {
      const output = join(work, "cdktf.out");
      await synthesise({ projectDirectory: PROJECT, pipelineFile: resolve(file), output });
    }
    const folder = stacks ?? join(work, "cdktf.out", "stacks");
    const names = await readdir(folder);
    const scans = await scan({
      projectDirectory: PROJECT,
      stacks: new Map(names.map((name) => [name, join(folder, name)])),
    });
    for (const each of scans) console.log(renderScan(each));
    console.log(renderSum(scans));
    if (baseline !== undefined) {
      await mkdir(baseline, { recursive: true });
      for (const each of scans)
        await writeFile(join(baseline, `${each.name}.baseline.json`), checkovBaseline(each.exceptions));
    }
    if (scans.some(({ failed, stale }) => failed.length + stale.length > 0)) process.exitCode = 1;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const values = commandLine(
  {
    file: { type: "string", default: variable(process.env, "PIPELINE_FILE") ?? "pipeline.yaml" },
    stacks: { type: "string" },
    baseline: { type: "string" },
    help: { type: "boolean", default: false },
  },
  HELP,
);
if (values?.help) {
  process.stdout.write(HELP);
} else if (values) {
  run(values).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
