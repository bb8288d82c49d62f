import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";
import type { Content } from "./content";
import { DamagedContentError, ZstdUnavailableError } from "./errors";

/**
 * The content of one or several zstd frames, by the program `zstd` of the PATH (Debian's package `zstd`). Node's own decoder (22.15 and
 * later) is no choice: of frames that arrive in one chunk it gives the first, and says nothing of the others (seen with 22.23).
 * https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md#overall-conventions
 * @throws ZstdUnavailableError, DamagedContentError, and what reading the source throws
 */
export async function* unzstd(source: Content, what: string): AsyncGenerator<Uint8Array, void> {
  const child = spawn("zstd", ["-d", "-c", "-q"], { env: { PATH: process.env.PATH }, stdio: "pipe" });
  const ended = new Promise<string>((resolve) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.once("error", ({ message }) => {
      resolve(message);
    });
    child.once("close", (code, signal) => {
      resolve(code === 0 ? "" : said.trim() || `it ended with ${signal ?? `code ${code ?? "none"}`}`);
    });
  });
  const unread: unknown[] = [];
  // The source's own failures: that the program stops listening is told by how it ends.
  async function* watched(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* source;
    } catch (error) {
      unread.push(error);
      throw error;
    }
  }
  const fed = pipeline(watched(), child.stdin).catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const failure = await ended;
    await fed;
    if (unread.length > 0) throw unread[0];
    if (child.pid === undefined) throw new ZstdUnavailableError(what, failure);
    if (failure !== "") throw new DamagedContentError(what, "zstd", failure);
  } finally {
    child.kill("SIGKILL");
  }
}
