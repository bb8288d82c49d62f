import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, open, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { DockerStartError, DockerUnavailableError } from "./errors";

export interface DockerOptions {
  /** Takes the daemon's images while it runs. Made here, and removed at the end. */
  readonly directory: string;
  /** The daemon's way to every registry, for HTTPS_PROXY. */
  readonly proxyUrl: string;
  /** PEM file of the authority that certifies the registries behind the proxy. */
  readonly caFile: string;
  /** Where `dockerd` and `docker` are looked for. @default - this process's PATH */
  readonly path?: string;
  /** Milliseconds in which the daemon must answer. @default 60000 */
  readonly startLimit?: number;
}

/** A docker daemon without images at first, and without a network but the registries behind its proxy. */
export interface Docker {
  /** For DOCKER_HOST. */
  readonly host: string;
  readonly pid: number;
  /** Stops the daemon and removes all that it had. */
  close(): Promise<void>;
}

const POLL = 20;
const START_LIMIT = 60_000;
const STOP_LIMIT = 10_000;
const LOG_LINES = 20;

/**
 * Becomes the program in its arguments (`exec` keeps the process id), and leaves a watch behind that asks it to end when the pipe on
 * standard input closes: then whoever started it has closed it or is gone, however it went.
 */
const WATCHED = 'exec 3<&0; { cat <&3 >/dev/null; kill "$$"; } 2>/dev/null & exec "$@" 3<&- </dev/null';

/**
 * Starts dockerd (Debian's package `docker.io`; it needs root) beside any other that runs on this machine: with a socket, folders and
 * settings of its own, and no bridge or firewall rules, which belong to the machine.
 * https://docs.docker.com/reference/cli/dockerd/
 */
export async function startDocker(options: DockerOptions): Promise<Docker> {
  const path = options.path ?? process.env.PATH ?? "";
  checkAvailable(path);
  await mkdir(options.directory, { recursive: true });
  const data = await realpath(options.directory);
  // A socket's path has 107 characters at most (unix(7)), and containerd makes some deep in here.
  const runtime = await realpath(await mkdtemp(join(tmpdir(), "docker-")));
  const socket = join(runtime, "docker.sock");
  const settings = join(runtime, "daemon.json");
  await writeFile(settings, "{}");
  // No pipe: a daemon whose log nobody reads any more dies of it, and leaves its mounts behind.
  const log = await open(join(runtime, "dockerd.log"), "w");
  const daemon = spawn("sh", ["-c", WATCHED, "sh", ...command({ data, runtime, socket, settings })], {
    stdio: ["pipe", "ignore", log.fd],
    // In a group of its own, or Ctrl-C in a terminal would end it in the midst of a build.
    detached: true,
    env: { PATH: path, HTTPS_PROXY: options.proxyUrl, SSL_CERT_FILE: options.caFile },
  });
  await log.close();
  // Of a daemon that has ended already.
  daemon.stdin?.on("error", () => undefined);
  const close = async (): Promise<void> => {
    await stop(daemon);
    for (const mount of await mountsBelow(data)) await promisify(execFile)("umount", ["--lazy", mount]);
    for (const directory of [data, runtime]) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const failure = await failureToStart(daemon, socket, options.startLimit ?? START_LIMIT);
  if (failure === undefined) return { host: `unix://${socket}`, pid: daemon.pid ?? 0, close };
  const lines = (await readFile(join(runtime, "dockerd.log"), "utf8")).trim().split("\n");
  await close();
  throw new DockerStartError(failure, lines.slice(-LOG_LINES).join("\n"));
}

/** @throws DockerUnavailableError */
function checkAvailable(path: string): void {
  for (const program of ["dockerd", "docker"]) {
    if (!path.split(delimiter).some((directory) => isExecutable(join(directory, program))))
      throw new DockerUnavailableError(`no ${program}`);
  }
  const user = process.getuid?.() ?? 0;
  if (user !== 0) throw new DockerUnavailableError(`the user id ${user}`, "run it as root");
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function command(paths: { data: string; runtime: string; socket: string; settings: string }): string[] {
  return [
    "dockerd",
    `--host=unix://${paths.socket}`,
    `--data-root=${paths.data}`,
    `--exec-root=${join(paths.runtime, "exec")}`,
    `--pidfile=${join(paths.runtime, "docker.pid")}`,
    // The machine's own daemon.json is not for this one.
    `--config-file=${paths.settings}`,
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--log-level=warn",
  ];
}

/** Undefined once the daemon answers. */
async function failureToStart(daemon: ChildProcess, socket: string, limit: number): Promise<string | undefined> {
  const deadline = Date.now() + limit;
  while (!(await answers(socket))) {
    if (hasEnded(daemon)) return `that it ended with ${daemon.signalCode ?? `exit code ${daemon.exitCode}`}`;
    if (Date.now() > deadline) return `no answer within ${limit / 1000} s`;
    await sleep(POLL);
  }
  return undefined;
}

/** https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemPing */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    request({ socketPath, path: "/_ping" }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on("error", () => {
        resolve(false);
      })
      .end();
  });
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (!hasEnded(daemon)) {
    const ended = once(daemon, "exit");
    daemon.stdin?.end();
    const limit = setTimeout(() => daemon.kill("SIGKILL"), STOP_LIMIT);
    await ended;
    clearTimeout(limit);
  }
  try {
    // The watch of a daemon that ended by itself.
    process.kill(-(daemon.pid ?? 0), "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** What a daemon that had to be killed did not unmount, the innermost first. */
async function mountsBelow(directory: string): Promise<string[]> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return mounts
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => `${point}/`.startsWith(`${directory}/`))
    .reverse();
}
