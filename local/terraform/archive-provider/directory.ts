import { lstat, readFile, readdir, realpath, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { ArchiveError } from "./errors";
import type { ZipEntry } from "./zip";

export interface DirectoryOptions {
  /** Tests of a path relative to the directory; a directory that one of them takes is left out with everything in it. */
  readonly excludes: readonly ((path: string) => boolean)[];
  readonly excludeSymlinkDirectories: boolean;
  /** Permission bits of every entry. @default - each file's own */
  readonly mode: number | undefined;
}

/** The files below `root` in the provider's order: by name within each directory, compared as bytes. */
export async function directoryEntries(root: string, options: DirectoryOptions): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  await visit(root, ".", []);
  return entries;

  /** Answers whether the rest of the directory that holds `path` is wanted. */
  async function visit(path: string, name: string, parents: readonly string[]): Promise<boolean> {
    if (options.excludes.some((matches) => matches(name))) return true;
    const isLink = (await lstat(path)).isSymbolicLink();
    const found = await stat(path);
    // The provider leaves a directory at its first excluded link, so what sorts behind that link is missing from its archive too.
    if (isLink && found.isDirectory() && options.excludeSymlinkDirectories) return false;
    if (found.isDirectory()) await visitAll(path, name, parents);
    else entries.push({ name, content: await readFile(path), mode: options.mode ?? found.mode & 0o777 });
    return true;
  }

  async function visitAll(directory: string, name: string, parents: readonly string[]): Promise<void> {
    const real = await realpath(directory);
    if (parents.includes(real))
      throw new ArchiveError(`${name} leads back to ${real}, which holds it: exclude that link.`);
    for (const child of (await readdir(directory)).sort(compareBytes)) {
      if (!(await visit(join(directory, child), posix.join(name, child), [...parents, real]))) return;
    }
  }
}

export function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
