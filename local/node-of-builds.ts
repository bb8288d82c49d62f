import { execFile } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

const VERSION = "22.23.3";

/** The Node.js that builds have, which compresses by zstd itself: this one, or one that the npm registry carries as a package. */
export async function nodeOfBuilds(root: string): Promise<string> {
  if ("zstdCompress" in zlib) return process.execPath;
  const prefix = join(root, ".local", `node-${VERSION}`);
  const node = join(prefix, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  const isThere = await access(node).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await mkdir(prefix, { recursive: true });
    const name = `node-${process.platform}-${process.arch}@${VERSION}`;
    await promisify(execFile)("npm", ["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", name]);
  }
  return node;
}
