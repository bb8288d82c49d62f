import { mkdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { PublishReport } from "../../core/publish/report";
import { writeBundles } from "../../infrastructure/write-bundles";
import { findProgram } from "../../core/programs";
import { PEAK, timed } from "./processes";

/** The publisher as a build runs it: the bundle, in a process of its own each time. */
export interface Publisher {
  publish(source: string, destination: string, options?: PublisherOptions): Promise<Published>;
}

export interface PublisherOptions {
  readonly args?: readonly string[];
  /** Programs that it finds on its PATH. @default [] */
  readonly programs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

interface Published {
  readonly seconds: number;
  /** MB. */
  readonly peak: number;
  readonly report: PublishReport;
}

/** @param node Node.js that runs it */
export function createPublisher(directory: string, node: string): Publisher {
  const bundle = writeBundles(directory);
  return {
    publish: async (source, destination, { args = [], programs = [], env = {} } = {}) => {
      const command = ["--require", PEAK, bundle, source, destination, "--json", ...args];
      const { seconds, stdout, stderr } = await timed(node, command, {
        env: { TMPDIR: directory, PATH: await pathOf(directory, programs), ...env },
      });
      const peak = Number(/^peak (\d+) KiB$/m.exec(stderr)?.[1]) * 1.024e-3;
      return { seconds, peak, report: JSON.parse(stdout) as PublishReport };
    },
  };
}

/** A PATH that has these programs and no other. */
async function pathOf(directory: string, programs: readonly string[]): Promise<string> {
  const folder = join(directory, `path-${["none", ...programs].join("-")}`);
  await mkdir(folder, { recursive: true });
  for (const program of programs) {
    const file = await findProgram(program);
    if (file === undefined) throw new Error(`no ${program} on the PATH${delimiter}`);
    await symlink(file, join(folder, program)).catch(() => undefined);
  }
  return folder;
}
