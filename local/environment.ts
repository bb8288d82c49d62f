import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lastOwnLine } from "./builds";
import { startCodeBuild } from "./codebuild";
import type { BuildEvent } from "./codebuild/events";
import { startEventSourceMappings } from "./lambda";
import type { LambdaEvent } from "./lambda/events";
import { startMoto } from "./moto";
import { startRegistry, type Registry, type RegistryEvent } from "./registry";

export interface EnvironmentOptions {
  /** The project's root; moto's virtual environment is made in its `.local/`. */
  readonly projectDirectory: string;
  /** Holds what this run writes: builds, images, certificates. */
  readonly directory: string;
  readonly region: string;
  /** A real docker-registry that stores the images. @default - images are stored in `directory` */
  readonly storage?: { readonly url: string };
  /** Port of the AWS endpoint. @default 0, any free one */
  readonly port?: number;
  /** Deliver the S3 event of each multipart upload twice. @default false */
  readonly duplicateMultipart?: boolean;
  /** Gets a line for people about each thing that happens. @default - nobody is told */
  readonly onLine?: (line: string) => void;
}

/** AWS on this machine: the emulator, CodeBuild, Lambda's event source mappings, and a registry under ECR's host names. */
export interface Environment {
  /** Every AWS API but CodeBuild's. */
  readonly endpoint: string;
  readonly registry: Registry;
  /** What Terraform, cdktf, the AWS CLI and the SDKs need in their environment to talk to it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends everything; what it held is forgotten. */
  close(): Promise<void>;
}

/** Account of every resource here: moto's default. https://docs.getmoto.org/en/latest/docs/multi_account.html */
const LOCAL_ACCOUNT = "123456789012";

/** Here the SDK may run on Node 20, and says at each start that it will not for ever; in AWS, everything runs on Node 22. */
const NO_NODE_WARNING = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED";

export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  process.env[NO_NODE_WARNING] ??= "true";
  const { projectDirectory, directory, region, storage, port, duplicateMultipart, onLine = () => undefined } = options;
  const started: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(piece: T): T => {
    started.unshift(piece);
    return piece;
  };
  const close = async (): Promise<void> => {
    for (const piece of started.splice(0)) await piece.close();
  };
  const folder = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  try {
    const moto = keep(await startMoto({ directory: projectDirectory, port, duplicateMultipart }));
    const registry = keep(
      await startRegistry({
        endpoint: moto.url,
        directory: folder("registry"),
        storage,
        onEvent: (event) => {
          tell(onLine, registryLine(event));
        },
      }),
    );
    const platform = {
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_ENDPOINT_URL: moto.url,
      [NO_NODE_WARNING]: "true",
    };
    const codebuild = keep(
      await startCodeBuild({
        region,
        accountId: LOCAL_ACCOUNT,
        endpoint: moto.url,
        workDirectory: folder("builds"),
        buildEnvironment: { ...platform, HTTPS_PROXY: registry.proxyUrl, NODE_EXTRA_CA_CERTS: registry.caFile },
        onEvent: (event) => {
          tell(onLine, buildLine(event));
        },
      }),
    );
    const variables = { ...platform, AWS_ENDPOINT_URL_CODEBUILD: codebuild.url };
    keep(
      await startEventSourceMappings({
        endpoint: moto.url,
        region,
        environment: variables,
        directory: folder("functions"),
        onEvent: (event) => {
          tell(onLine, lambdaLine(event));
        },
      }),
    );
    return {
      endpoint: moto.url,
      registry,
      // Without a low number of attempts, a call that moto does not know hangs Terraform for minutes.
      variables: { ...variables, AWS_REGION: region, AWS_DEFAULT_REGION: region, AWS_MAX_ATTEMPTS: "2" },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function tell(onLine: (line: string) => void, line: string | undefined): void {
  if (line !== undefined) onLine(line);
}

function registryLine(event: RegistryEvent): string | undefined {
  switch (event.kind) {
    case "refused":
    case "failed":
      return `registry: ${event.message}`;
    case "request": {
      const { method, path, status } = event.request;
      return method === "PUT" && path.includes("/manifests/") ? `registry: ${method} ${path} ${status}` : undefined;
    }
  }
}

function buildLine(event: BuildEvent): string | undefined {
  switch (event.type) {
    case "build-started":
      return `codebuild: ${event.buildId} started`;
    case "phase-started":
      return undefined;
    case "phase-ended":
      return `codebuild: ${event.buildId} ${event.phase} ${event.status}${event.message ? `: ${event.message}` : ""}`;
    case "build-ended":
      return `codebuild: ${event.buildId} ${event.status}${reason(event)}, log in ${event.logFile}`;
  }
}

/** What the build's own commands said last, if it failed. */
function reason({ status, logFile }: { readonly status: string; readonly logFile: string }): string {
  if (status === "SUCCEEDED" || !existsSync(logFile)) return "";
  const line = lastOwnLine(readFileSync(logFile, "utf8").split("\n"));
  return line === undefined ? "" : `: ${line}`;
}

function lambdaLine(event: LambdaEvent): string | undefined {
  switch (event.type) {
    case "mapping-started":
    case "mapping-stopped":
      return `lambda: ${event.type.replace("-", " ")}, ${event.queueArn} -> ${event.functionArn}`;
    case "batch-received":
      return `lambda: ${event.messageIds.length} message(s) received`;
    case "batch-finished":
      return event.failed.length === 0
        ? undefined
        : `lambda: ${event.failed.length} message(s) failed, back to the queue`;
    case "log":
      return `lambda: ${event.functionName}: ${event.line}`;
    case "invocation-started":
      return undefined;
    case "invocation-finished":
      return `lambda: ${event.functionName} ${event.error ? `failed: ${event.error.errorMessage}` : "returned"} after ${event.durationMs.toFixed(0)} ms`;
    case "problem":
      return `lambda: ${event.error.message}`;
  }
}
