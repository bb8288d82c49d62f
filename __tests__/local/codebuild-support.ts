import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  CreateProjectCommand,
  StartBuildCommand,
  type Build,
  type CreateProjectCommandInput,
  type StartBuildCommandInput,
} from "@aws-sdk/client-codebuild";
import { zipSync } from "fflate";
import { startCodeBuild, type BuildEvent, type CodeBuildOptions } from "../../local/codebuild";

jest.setTimeout(20_000);

export const credentials = { accessKeyId: "test", secretAccessKey: "test" };

/** S3 objects with versions and CloudWatch Logs, as far as builds use them. */
export interface FakeAws {
  readonly url: string;
  /** `bucket/key` to versions, the newest last. */
  readonly objects: Map<string, { version: string; body: Uint8Array }[]>;
  /** `group stream` to everything that was put there. */
  readonly logs: Map<string, string>;
  readonly groups: Set<string>;
  put(path: string, version: string, body: Uint8Array): void;
  close(): Promise<void>;
}

export async function startFakeAws(): Promise<FakeAws> {
  const objects: FakeAws["objects"] = new Map();
  const logs: FakeAws["logs"] = new Map();
  const groups = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://fake");
      const target = request.headers["x-amz-target"];
      if (typeof target === "string") {
        const status = answerLogs(target, JSON.parse(Buffer.concat(chunks).toString()) as LogsInput, groups, logs);
        response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
        response.end(status === 200 ? "{}" : '{"__type":"ResourceNotFoundException"}');
        return;
      }
      if (url.searchParams.has("location") || url.searchParams.has("acl")) {
        response.end("<Answer/>");
        return;
      }
      if (url.searchParams.has("list-type")) {
        const prefix = `${url.pathname.slice(1).replace(/\/$/, "")}/${url.searchParams.get("prefix") ?? ""}`;
        const bucket = prefix.split("/")[0] ?? "";
        const keys = [...objects.keys()].filter((path) => path.startsWith(prefix));
        const contents = keys.map((path) => `<Contents><Key>${path.slice(bucket.length + 1)}</Key></Contents>`);
        response.end(`<ListBucketResult>${contents.join("")}</ListBucketResult>`);
        return;
      }
      const versions = objects.get(decodeURIComponent(url.pathname.slice(1))) ?? [];
      const wanted = url.searchParams.get("versionId");
      const found = wanted === null ? versions.at(-1) : versions.find(({ version }) => version === wanted);
      if (found) {
        response.end(found.body);
        return;
      }
      const [code, message] =
        versions.length > 0
          ? ["NoSuchVersion", "The specified version does not exist."]
          : ["NoSuchKey", "The specified key does not exist."];
      response.writeHead(404, { "content-type": "application/xml", "x-amz-request-id": "REQ1", "x-amz-id-2": "HOST1" });
      response.end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    logs,
    groups,
    put: (path, version, body) => objects.set(path, [...(objects.get(path) ?? []), { version, body }]),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface LogsInput {
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly logEvents: { readonly message: string }[];
}

function answerLogs(target: string, input: LogsInput, groups: Set<string>, logs: Map<string, string>): number {
  const stream = `${input.logGroupName} ${input.logStreamName}`;
  if (target.endsWith(".CreateLogGroup")) groups.add(input.logGroupName);
  else if (!groups.has(input.logGroupName)) return 400;
  else if (target.endsWith(".CreateLogStream")) logs.set(stream, "");
  else logs.set(stream, (logs.get(stream) ?? "") + input.logEvents.map(({ message }) => message).join(""));
  return 200;
}

export function zip(files: Record<string, string>): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])));
}

export type ProjectInput = Omit<CreateProjectCommandInput, "source"> &
  Required<Pick<CreateProjectCommandInput, "source">>;

/** A project that AWS would take, with an inline buildspec and no source. */
export function projectInput(changes: Partial<CreateProjectCommandInput> = {}): ProjectInput {
  return {
    name: "sample",
    serviceRole: "arn:aws:iam::123456789012:role/build",
    artifacts: { type: "NO_ARTIFACTS" },
    environment: {
      type: "LINUX_CONTAINER",
      computeType: "BUILD_GENERAL1_SMALL",
      image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    },
    ...changes,
    source: changes.source ?? { type: "NO_SOURCE", buildspec: commands("true") },
  };
}

/** A buildspec whose build phase has these commands. */
export function commands(...list: string[]): string {
  return buildspec({ build: { commands: list } });
}

export function buildspec(phases: Record<string, unknown>, rest: Record<string, unknown> = {}): string {
  return JSON.stringify({ version: "0.2", ...rest, phases });
}

/** CodeBuild and what it needs, all on loopback, with a client for it. */
export class Bench {
  private constructor(
    readonly events: readonly BuildEvent[],
    readonly aws: FakeAws,
    readonly workDirectory: string,
    readonly codebuild: { url: string; close(): Promise<void> },
    readonly client: CodeBuildClient,
  ) {}

  static async start(options: Partial<CodeBuildOptions> = {}): Promise<Bench> {
    const aws = await startFakeAws();
    const workDirectory = await mkdtemp(join(tmpdir(), "codebuild-test-"));
    const events: BuildEvent[] = [];
    const codebuild = await startCodeBuild({
      region: "us-east-1",
      accountId: "123456789012",
      endpoint: aws.url,
      buildEnvironment: { AWS_ENDPOINT_URL: aws.url },
      workDirectory,
      onEvent: (event) => events.push(event),
      ...options,
    });
    const client = new CodeBuildClient({ endpoint: codebuild.url, region: "us-east-1", credentials, maxAttempts: 1 });
    return new Bench(events, aws, workDirectory, codebuild, client);
  }

  async close(): Promise<void> {
    this.client.destroy();
    await this.codebuild.close();
    await this.aws.close();
    await rm(this.workDirectory, { recursive: true, force: true });
  }

  async create(changes: Partial<CreateProjectCommandInput> = {}): Promise<void> {
    await this.client.send(new CreateProjectCommand(projectInput(changes)));
  }

  async startBuild(input: Partial<StartBuildCommandInput> = {}): Promise<Build & { id: string }> {
    const { build } = await this.client.send(new StartBuildCommand({ projectName: "sample", ...input }));
    return build as Build & { id: string };
  }

  async get(id: string): Promise<Build> {
    const { builds } = await this.client.send(new BatchGetBuildsCommand({ ids: [id] }));
    return builds![0]!;
  }

  /** Waits until `done` holds of the build; fails after 15 s. */
  async until(id: string, done: (build: Build) => boolean): Promise<Build> {
    for (const end = Date.now() + 15_000; Date.now() < end;) {
      const build = await this.get(id);
      if (done(build)) return build;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${id} did not get there: ${JSON.stringify(await this.get(id))}`);
  }

  ended(id: string): Promise<Build> {
    return this.until(id, (build) => build.buildComplete === true);
  }

  /** Starts a build, waits for its end, and reads its log. */
  async run(input: Partial<StartBuildCommandInput> = {}): Promise<{ build: Build; log: string; output: string }> {
    const { id } = await this.startBuild(input);
    const build = await this.ended(id);
    const log = await this.log(id);
    return { build, log, output: outputOf(log) };
  }

  log(id: string): Promise<string> {
    return readFile(join(this.workDirectory, id.replace(":", "-"), "build.log"), "utf8");
  }
}

/** What the commands wrote, without CodeBuild's own lines; commands in tests are of one line. */
function outputOf(log: string): string {
  return log.replace(/^\[Container\] .*\n/gm, "");
}

/** `BUILD FAILED` and so on, in order. */
export function phasesOf(build: Build): string[] {
  return (build.phases ?? []).map(({ phaseType, phaseStatus }) => [phaseType, phaseStatus].filter(Boolean).join(" "));
}

export function contextOf(build: Build, phase: string): { statusCode?: string; message?: string } | undefined {
  return build.phases?.find(({ phaseType }) => phaseType === phase)?.contexts?.[0];
}

/** A killed orphan that nobody has waited for yet is still in the process table, as a zombie. */
export function isRunning(pid: string): boolean {
  const state = spawnSync("ps", ["-o", "stat=", "-p", pid], { encoding: "utf8" }).stdout.trim();
  return state !== "" && !state.startsWith("Z");
}
