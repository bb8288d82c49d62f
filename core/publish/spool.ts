import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Lends a folder for what cannot be read where it lies. It goes with the work, or with the process. */
export async function withSpool<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "publish-image-"));
  const remove = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", remove);
  try {
    return await work(directory);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
