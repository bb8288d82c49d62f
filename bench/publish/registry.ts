import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { startDockerRegistry } from "../../local/registry/docker-registry";
import { timed } from "./processes";

/** A real registry on this machine, whose content can be kept and brought back. */
export interface BenchRegistry {
  readonly host: string;
  close(): Promise<void>;
}

let serial = 0;

/** @param content of the registry, from {@link keepRegistry}. @default - none */
export async function startBenchRegistry(
  directory: string,
  content?: string,
): Promise<BenchRegistry & { directory: string }> {
  serial += 1;
  const own = join(directory, `registry-${serial}`);
  await mkdir(own, { recursive: true });
  // Links would do, but for uploads that write into what they find.
  if (content !== undefined) await cp(content, own, { recursive: true });
  // Nobody's time shall be that of writing down what was there before.
  await timed("sync", ["--file-system", own]);
  const registry = await startDockerRegistry({ directory: own });
  return {
    host: new URL(registry.url).host,
    directory: own,
    close: async () => {
      await registry.close();
      await rm(own, { recursive: true });
    },
  };
}

/** Copies what a registry holds. */
export async function keepRegistry(registry: { readonly directory: string }, to: string): Promise<string> {
  await cp(registry.directory, to, { recursive: true });
  return to;
}
