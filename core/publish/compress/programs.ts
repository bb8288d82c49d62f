import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CompressOptions } from "./compressor";

/** Bytes. */
const PIECE = 1 << 19;

/** The lowest. https://man7.org/linux/man-pages/man2/setpriority.2.html */
const LAST = 19;

/** What a program writes to its standard output for what is given to its standard input. */
export async function* throughProgram(
  file: string,
  args: readonly string[],
  source: AsyncIterable<Buffer>,
  { yields = false }: CompressOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "ignore"] });
  if (yields && child.pid !== undefined) yieldToOthers(child.pid);
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve(code === 0 ? undefined : `ended with ${signal ?? `code ${String(code)}`}`);
    });
  });
  let failure: unknown;
  const fed = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 1 << 20 }), child.stdin).catch(
    (error: unknown) => {
      failure = error;
      child.kill();
    },
  );
  ended.catch(() => undefined);
  try {
    yield* inLargerPieces(child.stdout as AsyncIterable<Buffer>);
    await fed;
    const end = await ended;
    // A program that fails stops reading: its end says more than the broken pipe.
    if (end !== undefined && (failure === undefined || isBrokenPipe(failure))) throw new Error(`${file} ${end}`);
    if (failure !== undefined) throw failure as Error;
  } finally {
    child.kill();
  }
}

function yieldToOthers(pid: number): void {
  try {
    setPriority(pid, LAST);
  } catch {
    // It has ended already, or the system has no priorities: it is no less right then.
  }
}

function isBrokenPipe(error: unknown): boolean {
  return ["EPIPE", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Node reads a pipe in pieces of 64 KiB, each of which would take its own way through everything that follows. */
async function* inLargerPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    held.push(chunk);
    size += chunk.length;
    if (size < PIECE) continue;
    yield Buffer.concat(held, size);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held, size);
}
