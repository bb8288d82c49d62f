import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { variable } from "./variables";

/** The host in a provider's address, which is also the first folder of a mirror. */
export const REGISTRY_HOST = "registry.terraform.io";

/** A provider by the two parts of its source that matter in a mirror. */
export type Provider = "hashicorp/aws" | "hashicorp/archive";

/** A folder that Terraform can install a provider from. */
export interface Mirror {
  /** The folder that holds `registry.terraform.io`. */
  readonly path: string;
  readonly versions: readonly string[];
}

/** How many folders lie at most between a root and the mirror in it. */
const DEPTH = 2;

/**
 * Folders to look for a mirror in: those that Terraform consults by itself
 * (https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories), then where administrators
 * put such things.
 */
export function mirrorRoots(environment: NodeJS.ProcessEnv = process.env, home: string = homedir()): string[] {
  const dataHome = variable(environment, "XDG_DATA_HOME") ?? join(home, ".local", "share");
  const dataFolders = (variable(environment, "XDG_DATA_DIRS") ?? "/usr/local/share:/usr/share")
    .split(":")
    .filter(Boolean);
  return [
    join(home, ".terraform.d", "plugins"),
    join(home, "Library", "Application Support", "io.terraform", "plugins"),
    "/Library/Application Support/io.terraform/plugins",
    ...[dataHome, ...dataFolders].map((folder) => join(folder, "terraform")),
    "/usr/local/share",
    "/usr/local/lib",
    "/usr/share",
    "/opt",
    "/srv",
  ];
}

/** The first folder below the roots from which `provider` can be installed for `platform` (such as `linux_amd64`). */
export async function findMirror(
  provider: Provider,
  platform: string,
  roots: readonly string[],
): Promise<Mirror | undefined> {
  for (const root of roots) {
    for await (const path of mirrorsBelow(root, DEPTH)) {
      const versions = await versionsIn(path, provider, platform);
      if (versions.length > 0) return { path, versions };
    }
  }
  return undefined;
}

/** Terraform's name of this machine's kind. */
export function currentPlatform(): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const processor = { x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch;
  return `${system}_${processor}`;
}

async function* mirrorsBelow(folder: string, depth: number): AsyncGenerator<string> {
  const children = await foldersIn(folder);
  if (children.includes(REGISTRY_HOST)) yield folder;
  if (depth === 0) return;
  for (const child of children) {
    if (child !== REGISTRY_HOST && !child.startsWith(".") && child !== "node_modules")
      yield* mirrorsBelow(join(folder, child), depth - 1);
  }
}

/** Both layouts that Terraform knows: unpacked `<version>/<platform>/` and packed `terraform-provider-<type>_<version>_<platform>.zip`. */
async function versionsIn(mirror: string, provider: Provider, platform: string): Promise<string[]> {
  const folder = join(mirror, REGISTRY_HOST, provider);
  const names = await readdir(folder).catch(() => []);
  const versions: string[] = [];
  for (const name of names) {
    const packed = new RegExp(`^terraform-provider-${basename(provider)}_(.+)_${platform}\\.zip$`).exec(name)?.[1];
    if (packed !== undefined) versions.push(packed);
    else if ((await foldersIn(join(folder, name))).includes(platform)) versions.push(name);
  }
  return versions.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
}

async function foldersIn(folder: string): Promise<string[]> {
  const children = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return children
    .filter((child) => child.isDirectory() || child.isSymbolicLink())
    .map((child) => child.name)
    .sort();
}
