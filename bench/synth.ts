import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import type { PipelineInput } from "../config/schema";
import { parseOptions, UsageError } from "../core/usage";

const root = join(__dirname, "..");
const SERVICES = [1, 100, 1000] as const;
const EXAMPLE = "examples/many-services";
/** Pipelines by what they are like, as YAML with a number of services. */
const LIKE: Readonly<Record<string, (services: number) => string>> = { names: renderNames, [EXAMPLE]: renderExample };
const TARGET_SECONDS = 10;
const TARGET_GROWTH = 1.5;
const TARGET_RESOURCES = 6;
const MIN_ROUNDS = 3;

/** Peak memory is the last thing that the synthesising process prints. */
const PROGRAM = `process.on("exit", () => console.log(process.resourceUsage().maxRSS)); require("./main.ts");`;

export const help = `npm run bench -- synth [--rounds N]

From YAML to JSON, for 1, 100 and 1,000 services: main.ts in a fresh process each, its start included; medians. Once for names alone, once like
${EXAMPLE}, the largest example, with its services as they are (100), or again under other names.

  --rounds N  default 3, at least ${MIN_ROUNDS}
`;

export async function run(args: readonly string[]): Promise<object> {
  const values = parseOptions(args, { rounds: { type: "string", default: "3" } });
  const rounds = Number(values.rounds);
  if (!(rounds >= MIN_ROUNDS)) throw new UsageError(`--rounds must be at least ${MIN_ROUNDS}, got: ${values.rounds}`);
  const folder = mkdtempSync(join(tmpdir(), "bench-synth-"));
  try {
    const samples = await measure(folder, rounds);
    return summarise(samples, rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Sample {
  readonly like: string;
  readonly services: number;
  readonly seconds: number;
  readonly peakMb: number;
  readonly resources: number;
  readonly jsonMb: number;
}

async function measure(folder: string, rounds: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const like of Object.keys(LIKE)) {
      for (const services of SERVICES) {
        const sample = await synthesise(folder, like, services);
        samples.push(sample);
        console.error(`round ${round}/${rounds}: ${like}, ${services} services in ${sample.seconds.toFixed(2)} s`);
      }
    }
  }
  return samples;
}

async function synthesise(folder: string, like: string, services: number): Promise<Sample> {
  const file = join(folder, "pipeline.yaml");
  const outdir = join(folder, `out-${services}`);
  writeFileSync(file, LIKE[like]?.(services) ?? "");
  const began = process.hrtime.bigint();
  const { stdout } = await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "--eval", PROGRAM], {
    cwd: root,
    env: { ...process.env, PIPELINE_FILE: file, CDKTF_OUTDIR: outdir },
    timeout: 120_000,
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const json = readFileSync(join(outdir, "stacks", "bench", "cdk.tf.json"), "utf8");
  return {
    like,
    services,
    seconds,
    peakMb: Number(stdout) / 1024,
    resources: countResources(json),
    jsonMb: json.length / 1e6,
  };
}

function renderNames(services: number): string {
  const names = Array.from({ length: services }, (_, index) => `  - service-${index}`);
  return ["name: bench", "region: us-east-1", "bucket: bench-drops", "services:", ...names, ""].join("\n");
}

function renderExample(services: number): string {
  const example = parse(readFileSync(join(root, EXAMPLE, "pipeline.yaml"), "utf8")) as PipelineInput;
  const { length } = example.services;
  const repeated = Array.from({ length: services }, (_, index) =>
    again(example.services[index % length] ?? "", Math.floor(index / length)),
  );
  return stringify({ ...example, name: "bench", services: repeated });
}

/** The same service once more, under a name, a key and a repository of its own. */
function again(service: PipelineInput["services"][number], round: number): PipelineInput["services"][number] {
  if (round === 0) return service;
  if (typeof service === "string") return `${service}-${round}`;
  const { name, key, repository } = service;
  return {
    ...service,
    name: `${name}-${round}`,
    ...(key !== undefined && { key: `${round}/${key}` }),
    ...(typeof repository === "string" && { repository: `${repository}-${round}` }),
  };
}

function countResources(json: string): number {
  const { resource } = JSON.parse(json) as { readonly resource: Readonly<Record<string, object>> };
  return Object.values(resource).reduce((sum, instances) => sum + Object.keys(instances).length, 0);
}

function summarise(samples: readonly Sample[], rounds: number): object {
  const pipelines = Object.keys(LIKE).map((like) => summariseOne(samples.filter((sample) => sample.like === like)));
  return {
    bench: "synth",
    rounds,
    node: process.version,
    pipelines,
    targetResources: TARGET_RESOURCES,
    targetGrowth: TARGET_GROWTH,
    targetSeconds: TARGET_SECONDS,
    met: pipelines.every(({ met }) => met),
  };
}

function summariseOne(samples: readonly Sample[]) {
  const [one, hundred, thousand] = SERVICES.map((services) => medians(samples, services)) as [Sample, Sample, Sample];
  const resourcesPerService = digits((thousand.resources - one.resources) / (thousand.services - one.services), 2);
  // What a service costs among a thousand against among a hundred: 1 is linear.
  const growth = secondsPerService(one, thousand) / secondsPerService(one, hundred);
  return {
    medians: [one, hundred, thousand],
    resourcesPerService,
    growth: digits(growth, 2),
    met: thousand.seconds < TARGET_SECONDS && growth <= TARGET_GROWTH && resourcesPerService <= TARGET_RESOURCES,
  };
}

function secondsPerService(few: Sample, many: Sample): number {
  return (many.seconds - few.seconds) / (many.services - few.services);
}

function medians(samples: readonly Sample[], services: number): Sample {
  const of = samples.filter((sample) => sample.services === services);
  const middle = (field: Exclude<keyof Sample, "like">) =>
    of.map((sample) => sample[field]).toSorted((a, b) => a - b)[of.length >> 1] ?? NaN;
  return {
    like: of[0]?.like ?? "",
    services,
    seconds: digits(middle("seconds"), 2),
    peakMb: digits(middle("peakMb"), 0),
    resources: middle("resources"),
    jsonMb: digits(middle("jsonMb"), 2),
  };
}

function digits(value: number, places: number): number {
  return Number(value.toFixed(places));
}
