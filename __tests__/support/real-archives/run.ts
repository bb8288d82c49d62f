import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Of a single command, in milliseconds: each takes less than a second on an idle machine. */
const LIMIT = 60_000;

export type Run = (program: string, ...args: readonly string[]) => Promise<string>;

/** Runs programs with an environment of their own, in a folder; answers standard output. */
export function runner(directory: string, env: Readonly<Record<string, string>> = {}): Run {
  return async (program, ...args) => {
    const { PATH } = process.env;
    const options = { cwd: directory, env: { PATH, HOME: directory, TMPDIR: directory, ...env }, timeout: LIMIT };
    return (await promisify(execFile)(program, args, { ...options, killSignal: "SIGKILL" })).stdout;
  };
}

/** podman, buildah and skopeo with a storage of their own below a folder. https://github.com/containers/storage/blob/v1.43.0/docs/containers-storage.conf.5.md */
export async function containersRunner(directory: string): Promise<Run> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, "storage.conf");
  const lines = ["[storage]", 'driver = "vfs"', `runroot = "${directory}/run"`, `graphroot = "${directory}/storage"`];
  await writeFile(file, `${lines.join("\n")}\n`);
  const run = runner(directory, { CONTAINERS_STORAGE_CONF: file });
  return (program, ...args) =>
    run(program, ...(program === "podman" ? ["--tmpdir", join(directory, "tmp")] : []), ...args);
}

/** A build context with a base and an application, and a Dockerfile that makes a layer of each. */
export async function writeContext(directory: string): Promise<string> {
  const context = join(directory, "context");
  await mkdir(join(context, "base/etc"), { recursive: true });
  await mkdir(join(context, "app/app"), { recursive: true });
  await writeFile(join(context, "base/etc/os-release"), "ID=real\n");
  await writeFile(join(context, "app/app/version"), "v1\n");
  await writeFile(join(context, "Dockerfile"), 'FROM scratch\nCOPY base /\nCOPY app /\nCMD ["/app/version"]\n');
  return context;
}
