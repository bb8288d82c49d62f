import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";

import { unzipSync } from "fflate";

import { CodeDownloadError, CodeHashError, UnsafeMemberError } from "./errors";

export interface CodeReference {
  readonly functionName: string;
  /** GetFunction's `Code.Location`. */
  readonly location: string;
  /** GetFunction's `Configuration.CodeSha256`: base64. */
  readonly sha256: string;
}

/** The folder that holds exactly the applied zip's files; made once per hash. */
export async function unpackedCode(code: CodeReference, directory: string): Promise<string> {
  const folder = join(directory, Buffer.from(code.sha256, "base64").toString("hex"));
  if (existsSync(folder)) return folder;

  const bytes = await download(code);
  const found = createHash("sha256").update(bytes).digest("base64");
  if (found !== code.sha256) throw new CodeHashError(code.functionName, found, code.sha256);

  // Renamed when complete: two processes may unpack at once, and an interrupted one leaves nothing that looks finished.
  await mkdir(directory, { recursive: true });
  const unfinished = await mkdtemp(`${folder}.`);
  try {
    await unpack(code.functionName, bytes, unfinished);
    await rename(unfinished, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

async function download({ functionName, location }: CodeReference): Promise<Uint8Array> {
  const response = await fetch(location).catch((cause: unknown) => {
    throw new CodeDownloadError(functionName, `${location} does not answer`, { cause });
  });
  if (!response.ok) throw new CodeDownloadError(functionName, `${location} answers with status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function unpack(functionName: string, zip: Uint8Array, folder: string): Promise<void> {
  for (const [name, content] of Object.entries(unzipSync(zip))) {
    const path = resolve(folder, name);
    if (!path.startsWith(folder + sep) || name.includes("\\")) throw new UnsafeMemberError(functionName, name);
    if (name.endsWith("/")) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}
