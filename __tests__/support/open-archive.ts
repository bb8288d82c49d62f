import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ArchiveError } from "../../core/archive/errors";
import { openArchive } from "../../core/archive/open";
import { openFile } from "../../core/archive/source";
import { verifyLayers } from "../../core/archive/verify";

/** Reads the archive in a file from end to end. Says how that ended, and the peak of this process's memory in bytes. */
async function main(file: string): Promise<void> {
  try {
    const { images } = await openArchive(await openFile(file, "archive"), {
      spoolFile: (name) => join(dirname(file), name),
    });
    for (const saved of images) {
      const image = await saved.open();
      const all = image.kind === "image" ? [image] : image.entries.map((entry) => entry.image);
      for (const { layers } of all) await verifyLayers(layers);
    }
    console.log("read");
  } catch (error) {
    console.log(error instanceof ArchiveError ? `${error.name}: ${error.message}` : `not named: ${String(error)}`);
  }
  console.log(peak());
}

/** Of this program alone: what the system counts as a process's maximum begins with that of the process it was forked from. */
function peak(): number {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kibibytes) * 1024;
}

void main(process.argv[2] ?? "");
