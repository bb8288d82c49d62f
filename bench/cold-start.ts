import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { renderRoutes } from "../core/routes";
import { parseOptions, UsageError } from "../core/usage";
import { bundleOf } from "../infrastructure/bundle";

const root = join(__dirname, "..");
const TARGET_RATIO = 0.4;
const TARGET_MB = 128;
const MIN_ROUNDS = 7;

export const help = `npm run bench -- cold-start [--rounds N]

What a fresh Lambda environment spends before the build is requested: require and first handler call, until the StartBuild
request has arrived at a CodeBuild on loopback. The bundle, the same handler unbundled, and bare Node take turns; medians.

  --rounds N  default 15, at least ${MIN_ROUNDS}
`;

export async function run(args: readonly string[]): Promise<object> {
  const values = parseOptions(args, { rounds: { type: "string", default: "15" } });
  const rounds = Number(values.rounds);
  if (!(rounds >= MIN_ROUNDS)) throw new UsageError(`--rounds must be at least ${MIN_ROUNDS}, got: ${values.rounds}`);
  const folder = mkdtempSync(join(tmpdir(), "cold-start-"));
  const endpoint = await startEndpoint();
  try {
    writeFileSync(join(folder, "routes.json"), renderRoutes(routes));
    return summarise(await measure(writeHandlers(folder), folder, endpoint, rounds));
  } finally {
    endpoint.server.close();
    rmSync(folder, { recursive: true });
  }
}

interface Handlers {
  readonly bundled: string;
  readonly unbundled: string;
}
interface Sample {
  /** From before `require` to the arrival of the request. */
  readonly sentMs: number;
  /** From the start of the process to the arrival of the request. */
  readonly processMs: number;
  /**
   * Processor time of all threads from before `require` to the sending of the request. What a small function waits for: below
   * 1,769 MB it has less than one core. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
   */
  readonly cpuMs: number;
  readonly peakMb: number;
}
interface Round {
  readonly bundled: Sample;
  readonly unbundled: Sample;
  /** From the start to the end of `node -e 0`. */
  readonly bareNodeMs: number;
}

async function measure(handlers: Handlers, folder: string, endpoint: Endpoint, rounds: number): Promise<Round[]> {
  const measured: Round[] = [];
  // Round 0 warms the disk's cache for all three alike and is not counted.
  for (let number = 0; number <= rounds; number++) {
    const round: Round = {
      bundled: await callOnce(handlers.bundled, folder, endpoint),
      unbundled: await callOnce(handlers.unbundled, folder, endpoint),
      bareNodeMs: await startBareNode(),
    };
    if (number === 0) continue;
    measured.push(round);
    const [bundled, unbundled, bare] = [round.bundled.sentMs, round.unbundled.sentMs, round.bareNodeMs].map(rounded);
    console.error(`round ${number}/${rounds}: bundled ${bundled} ms, unbundled ${unbundled} ms, bare Node ${bare} ms`);
  }
  return measured;
}

function summarise(measured: readonly Round[]): object {
  const bundled = medians(measured.map((round) => round.bundled));
  const unbundled = medians(measured.map((round) => round.unbundled));
  const bareNodeMs = rounded(median(measured.map((round) => round.bareNodeMs)));
  const ratio = Number((bundled.sentMs / unbundled.sentMs).toFixed(3));
  const cpuRatio = Number((bundled.cpuMs / unbundled.cpuMs).toFixed(3));
  const peakMb = rounded(Math.max(...measured.map((round) => round.bundled.peakMb)));
  const met = ratio <= TARGET_RATIO && peakMb <= TARGET_MB;
  console.error(
    `bundled / unbundled: time ${ratio} (target ${TARGET_RATIO}), processor time ${cpuRatio}; ` +
      `peak ${peakMb} MB (target ${TARGET_MB})`,
  );
  return {
    bench: "cold-start",
    node: process.version,
    rounds: measured.length,
    bundleBytes: bundleOf("start-build").length,
    bundled,
    unbundled,
    bareNodeMs,
    ratio,
    cpuRatio,
    targetRatio: TARGET_RATIO,
    peakMb,
    targetMb: TARGET_MB,
    met,
  };
}

function writeHandlers(folder: string): Handlers {
  const bundled = join(folder, "index.js");
  writeFileSync(bundled, bundleOf("start-build"));
  return { bundled, unbundled: writeUnbundled(join(folder, "unbundled")) };
}

/** The same sources, transpiled file by file: what a package made without a bundler holds, its node_modules beside it. */
function writeUnbundled(folder: string): string {
  const options = { absWorkingDir: root, platform: "node", target: "node22", format: "cjs" } as const;
  const entryPoint = "functions/start-build/index.ts";
  const { metafile } = buildSync({
    ...options,
    entryPoints: [entryPoint],
    bundle: true,
    packages: "external",
    metafile: true,
    write: false,
  });
  buildSync({ ...options, entryPoints: Object.keys(metafile.inputs), outbase: root, outdir: folder });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return join(folder, entryPoint.replace(/\.ts$/, ".js"));
}

/** What first-call.js reports. */
interface Report {
  readonly beganNs: string;
  readonly failures: number;
  readonly cpuUs: number;
  readonly peakKiB: number;
}

async function callOnce(handlerFile: string, folder: string, endpoint: Endpoint): Promise<Sample> {
  endpoint.arrivedNs = 0n;
  const spawnedNs = process.hrtime.bigint();
  const child = fork(join(__dirname, "first-call.js"), [handlerFile, JSON.stringify(event)], {
    env: {
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL_CODEBUILD: endpoint.url,
      // What the SDK says about older Nodes would be printed, and measured, in both.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      LAMBDA_TASK_ROOT: folder,
      HOME: folder,
    },
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    timeout: 30_000,
  });
  let report: Report | undefined;
  child.on("message", (message: Report) => (report = message));
  await once(child, "exit");
  if (report?.failures !== 0 || endpoint.arrivedNs === 0n) throw new Error(`${handlerFile} started no build`);
  return {
    sentMs: Number(endpoint.arrivedNs - BigInt(report.beganNs)) / 1e6,
    processMs: Number(endpoint.arrivedNs - spawnedNs) / 1e6,
    cpuMs: report.cpuUs / 1e3,
    peakMb: report.peakKiB / 1024,
  };
}

async function startBareNode(): Promise<number> {
  const spawnedNs = process.hrtime.bigint();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return Number(process.hrtime.bigint() - spawnedNs) / 1e6;
}

interface Endpoint {
  readonly server: Server;
  readonly url: string;
  /** When the last request arrived, by the machine's monotonic clock, which parent and children share; 0 before. */
  arrivedNs: bigint;
}

async function startEndpoint(): Promise<Endpoint> {
  const server = createServer((request, response) => {
    endpoint.arrivedNs = process.hrtime.bigint();
    request.resume().on("end", () => response.end(JSON.stringify({ build: { id: "bench:1" } })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const endpoint: Endpoint = { server, url: `http://127.0.0.1:${port}`, arrivedNs: 0n };
  return endpoint;
}

function medians(samples: readonly Sample[]): Sample {
  const of = (field: keyof Sample): number => rounded(median(samples.map((sample) => sample[field])));
  return { sentMs: of("sentMs"), processMs: of("processMs"), cpuMs: of("cpuMs"), peakMb: of("peakMb") };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function rounded(value: number): number {
  return Number(value.toFixed(1));
}

const routes = {
  pipeline: "bench",
  bucket: "bench-images",
  routes: [{ service: "bench", key: "bench.zip", project: "bench" }],
};

const notification = {
  Records: [
    {
      eventVersion: "2.3",
      eventSource: "aws:s3",
      eventTime: "2026-01-31T12:00:00.000Z",
      eventName: "ObjectCreated:Put",
      s3: { bucket: { name: "bench-images" }, object: { key: "bench.zip", versionId: "v1", sequencer: "00A1" } },
    },
  ],
};

const event = { Records: [{ messageId: "bench", eventSource: "aws:sqs", body: JSON.stringify(notification) }] };
