import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { compareBytes, directoryEntries } from "./directory";
import { ArchiveError } from "./errors";
import { globMatcher } from "./glob";
import type { ArchiveFileConfig, ArchiveFileOutput } from "./schema";
import { type ZipEntry, zip } from "./zip";

/**
 * Makes the archive that a data block describes, writes it to its `output_path` and describes it. Relative paths are taken from
 * `workingDirectory`, the folder that Terraform runs in.
 */
export async function writeArchive(config: ArchiveFileConfig, workingDirectory: string): Promise<ArchiveFileOutput> {
  if (config.type !== "zip") {
    throw new ArchiveError(
      `type is "${config.type}", and the local stand-in for hashicorp/archive makes zip only: use zip, or a machine that reaches the provider registry.`,
    );
  }
  const bytes = zip(await entriesOf(config, workingDirectory));
  const output = resolve(workingDirectory, config.output_path);
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, bytes);
  return describeArchive(bytes);
}

async function entriesOf(config: ArchiveFileConfig, workingDirectory: string): Promise<ZipEntry[]> {
  const mode = config.output_file_mode ? parseMode(config.output_file_mode) : undefined;
  if (config.source_dir !== null) {
    const root = resolve(workingDirectory, config.source_dir);
    const found = await stat(root).catch(() => undefined);
    if (!found?.isDirectory())
      throw new ArchiveError(notThere("source_dir", config.source_dir, "a directory", root, found));
    const entries = await directoryEntries(root, {
      excludes: (config.excludes ?? []).filter((pattern) => pattern !== "").map(exclude),
      excludeSymlinkDirectories: config.exclude_symlink_directories ?? false,
      mode,
    });
    if (entries.length === 0) {
      throw new ArchiveError(
        `source_dir "${config.source_dir}" gives an empty archive: ${root} holds no file that excludes leaves.`,
      );
    }
    return entries;
  }
  if (config.source_file !== null) {
    const path = resolve(workingDirectory, config.source_file);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) throw new ArchiveError(notThere("source_file", config.source_file, "a file", path, found));
    return [{ name: basename(path), content: await readFile(path), mode: mode ?? found.mode & 0o777 }];
  }
  // output_file_mode is for files on disk: the provider gives inline content no mode at all.
  if (config.source_content_filename !== null) {
    return [{ name: config.source_content_filename, content: Buffer.from(config.source_content ?? "") }];
  }
  // Of two blocks with one filename the later counts.
  const files = new Map(config.source.map(({ filename, content }) => [filename, Buffer.from(content)]));
  return Array.from(files, ([name, content]) => ({ name, content })).sort((one, other) =>
    compareBytes(one.name, other.name),
  );
}

function notThere(attribute: string, value: string, expected: string, path: string, found: unknown): string {
  return `${attribute} "${value}" is ${found ? `not ${expected}` : "missing"}: expected ${expected} at ${path}.`;
}

function exclude(pattern: string): (path: string) => boolean {
  try {
    return globMatcher(pattern);
  } catch (error) {
    throw new ArchiveError(`excludes: ${(error as Error).message}.`, { cause: error });
  }
}

/** A number as Go writes it, of which the permission bits count: "0644" and "0o644" are octal, "420" is decimal. */
function parseMode(text: string): number {
  const octal = /^0o?([0-7]+)$/i.exec(text)?.[1];
  const mode = octal === undefined ? Number(text) : parseInt(octal, 8);
  if (octal === undefined && !/^(0x[\da-f]+|0b[01]+|[1-9]\d*)$/i.test(text)) {
    throw new ArchiveError(`output_file_mode is "${text}", expected an octal number such as "0644".`);
  }
  return mode & 0o777;
}

function describeArchive(bytes: Buffer): ArchiveFileOutput {
  const hash = (algorithm: string, encoding: "hex" | "base64") => createHash(algorithm).update(bytes).digest(encoding);
  return {
    id: hash("sha1", "hex"),
    output_size: bytes.length,
    output_md5: hash("md5", "hex"),
    output_sha: hash("sha1", "hex"),
    output_sha256: hash("sha256", "hex"),
    output_base64sha256: hash("sha256", "base64"),
    output_sha512: hash("sha512", "hex"),
    output_base64sha512: hash("sha512", "base64"),
  };
}
