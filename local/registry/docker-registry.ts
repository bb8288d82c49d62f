import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DockerRegistryStartError } from "./errors";

export interface DockerRegistryOptions {
  /** Holds the images. */
  readonly directory: string;
  /** @default "docker-registry", found on the PATH */
  readonly program?: string;
  /** How long it may take until it answers, in milliseconds. @default 10000 */
  readonly timeout?: number;
  /** Who may do what, as its configuration says it. @default - everybody everything */
  readonly auth?: Readonly<Record<string, unknown>>;
}

export interface DockerRegistry {
  /** For `startRegistry({ storage: { url } })`. */
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

const POLL = 25;
const LOG_BYTES = 4_000;
const LISTENING = /listening on (127\.0\.0\.1:[0-9]+)/;

/**
 * Runs the registry of https://distribution.github.io/distribution/ (Debian's package `docker-registry`) on loopback, at a
 * free port that it chooses itself and names in its log.
 */
export async function startDockerRegistry(options: DockerRegistryOptions): Promise<DockerRegistry> {
  const { directory, program = "docker-registry", timeout = 10_000, auth } = options;
  const file = join(directory, "registry.json");
  await mkdir(directory, { recursive: true });
  await writeFile(file, configuration(directory, auth));
  const child = spawn(program, ["serve", file], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: "none" },
  });
  const exited = new Promise((done) => child.once("close", done));
  let log = "";
  let url = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-LOG_BYTES);
    const address = LISTENING.exec(log)?.[1];
    if (address !== undefined) url ||= `http://${address}`;
  });
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));

  const deadline = Date.now() + timeout;
  while (url === "" || !(await answers(url))) {
    if (failure) throw new DockerRegistryStartError(failure.message, log, { cause: failure });
    if (child.exitCode !== null) throw new DockerRegistryStartError(`it ended with code ${child.exitCode}`, log);
    if (Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new DockerRegistryStartError(`no answer within ${timeout} ms`, log);
    }
    await sleep(POLL);
  }

  return {
    url,
    pid: child.pid ?? 0,
    close: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** JSON is YAML; https://distribution.github.io/distribution/about/configuration/ */
function configuration(directory: string, auth: DockerRegistryOptions["auth"]): string {
  return JSON.stringify({
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0", relativeurls: true },
    ...(auth && { auth }),
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/`)).status < 500;
  } catch {
    return false;
  }
}
