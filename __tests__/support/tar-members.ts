import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";

/** The files of a small tar in memory, by name. */
export async function tarMembers(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const entry of createReadStream(path).pipe(extract())) {
    if (entry.header.type === "file") files.set(entry.header.name, await buffer(entry));
    else entry.resume();
  }
  return files;
}
