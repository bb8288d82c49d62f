import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMoto } from "../moto";
import { prepareTerraform } from "../terraform";
import type { StackTerraform } from "../terraform/run";
import { type Accepted, acceptedIn } from "./accepted";
import { checkov, ensureCheckov } from "./checkov";
import type { Findings } from "./finding";
import { readStack, stackAlone } from "./plan";
import { reconcile, type Reconciled } from "./reconcile";
import { ensureTfsec, tfsec } from "./tfsec";

export interface ScanOptions {
  /** The project's root: the scanners are installed in its `.local/`. */
  readonly projectDirectory: string;
  /** Folders of synthesised stacks (`cdktf.out/stacks/<name>`), by names for people. */
  readonly stacks: ReadonlyMap<string, string>;
}

export interface Scan extends Reconciled {
  readonly name: string;
}

/** How many plans are made at once; each takes a processor. */
const PLANS_AT_ONCE = 2;

/**
 * Has checkov read the plan of each stack, made against the emulator, and tfsec what was synthesised, and reconciles what they find with
 * what each stack says of its exceptions. Where it cannot be built, tfsec is left out, loudly; with CI=true that is a failure.
 */
export async function scan({ projectDirectory, stacks }: ScanOptions): Promise<Scan[]> {
  const folder = await mkdtemp(join(tmpdir(), "scan-"));
  try {
    const jsons = new Map<string, object>();
    for (const [name, directory] of stacks) jsons.set(name, await readStack(directory));
    // Each waits for the network while others work.
    const [python, program, plans] = await Promise.all([
      ensureCheckov(projectDirectory),
      ensureTfsec(projectDirectory).catch(leaveOut),
      planAll(projectDirectory, stacks, folder),
    ]);
    const scanned = await Promise.all([
      checkov(python, plans, join(folder, "home")),
      ...(program === undefined ? [] : [tfsec(program, jsons, folder)]),
    ]);
    return [...jsons].map(([name, json]) => ({ name, ...reconciled(name, scanned, acceptedIn(json)) }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function reconciled(name: string, scanned: readonly Findings[], accepted: readonly Accepted[]): Reconciled {
  const [, ofTfsec] = scanned;
  return reconcile(
    scanned.flatMap((findings) => findings.get(name) ?? []),
    // Of a scanner that was left out nothing is known.
    ofTfsec ? accepted : accepted.filter(({ check }) => check.startsWith("CKV")),
  );
}

function leaveOut(error: Error): undefined {
  if (process.env.CI === "true") throw error;
  process.stderr.write(`NOT SCANNED with tfsec: ${error.message}\n`);
}

/** Files with the plans, by the stacks' names. */
async function planAll(
  projectDirectory: string,
  stacks: ReadonlyMap<string, string>,
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  const setup = await prepareTerraform({ directory: join(projectDirectory, ".local", "scan") });
  const moto = await startMoto({ directory: projectDirectory });
  try {
    const environment = {
      AWS_ENDPOINT_URL: moto.url,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_MAX_ATTEMPTS: "2",
    };
    const plans = new Map<string, string>();
    const waiting: [StackTerraform, string][] = [];
    // One after the other: Terraform's cache of providers is not safe for two.
    for (const [name, directory] of stacks) {
      const copy = join(folder, String(plans.size));
      waiting.push([await stackAlone(setup, directory, copy, environment), `${copy}.json`]);
      plans.set(name, `${copy}.json`);
    }
    const planNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [stack, file] = next;
        await stack.plan();
        await writeFile(file, JSON.stringify(await stack.showPlan()));
      }
    };
    await Promise.all(Array.from({ length: PLANS_AT_ONCE }, planNext));
    return plans;
  } finally {
    await moto.close();
    await setup.close();
  }
}
