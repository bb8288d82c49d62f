import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, mkdtemp, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ScannerError, TfsecBuildError } from "./errors";
import type { Finding, Findings } from "./finding";
import { ensureGo, type GoOptions } from "./go";
import { NO_NETWORK } from "./no-network";
import { nativeSyntax } from "./native-syntax";

const run = promisify(execFile);

/** Its last release: its makers have moved on to Trivy. https://github.com/aquasecurity/tfsec/releases */
const MODULE = readFileSync(join(__dirname, "tfsec.txt"), "utf8").trim();
const [, VERSION = ""] = MODULE.split("@");

/**
 * Builds tfsec into the project's `.local/tfsec`, where it is not there yet, and returns its path.
 * @throws TfsecBuildError, and what {@link ensureGo} throws
 */
export async function ensureTfsec(projectDirectory: string, options: GoOptions = {}): Promise<string> {
  const finished = join(projectDirectory, ".local", "tfsec", VERSION);
  const program = join(finished, "tfsec");
  if (existsSync(program)) return program;
  const { onProgress = printProgress } = options;
  onProgress(`Building tfsec ${VERSION} into ${finished}, once; this takes about 90 s`);
  await mkdir(dirname(finished), { recursive: true });
  // A name of its own until it is complete, so that two processes may do this at once.
  const unfinished = await mkdtemp(`${finished}.`);
  try {
    const go = await ensureGo(projectDirectory, options);
    await run(go, ["install", MODULE], { env: { ...process.env, GOBIN: unfinished } }).catch((error: unknown) => {
      const { stderr = "" } = error as { stderr?: string };
      throw new TfsecBuildError(`go install ${MODULE}`, stderr.trim() || String(error), { cause: error });
    });
    await rename(unfinished, finished).catch((error: unknown) => {
      if (!existsSync(program)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return program;
}

/**
 * Has tfsec read synthesised stacks, in one run. It takes Terraform's JSON, but sees no nested block there, and would miss whatever one
 * says (docs/security.md); so it gets the same blocks in Terraform's native syntax.
 * @param stacks - the JSON of each stack by its name
 * @param folder - a new folder for what it reads and writes
 */
export async function tfsec(program: string, stacks: ReadonlyMap<string, object>, folder: string): Promise<Findings> {
  const places = new Map<string, string>();
  for (const [name, stack] of stacks) {
    const place = join(folder, "stacks", String(places.size));
    places.set(name, basename(place));
    await mkdir(place, { recursive: true });
    await writeFile(join(place, "main.tf"), nativeSyntax(stack));
  }
  const report = join(folder, "report.json");
  const args = [
    ...[join(folder, "stacks"), "--format", "json", "--out", report, "--include-passed"],
    ...["--no-code", "--no-colour", "--no-module-downloads", "--soft-fail"],
  ];
  await run(program, args, { cwd: folder, env: { ...process.env, ...NO_NETWORK } }).catch((error: unknown) => {
    const { stdout = "", stderr = String(error) } = error as { stdout?: string; stderr?: string };
    throw new ScannerError("tfsec", "failed", stdout + stderr);
  });
  const { results } = JSON.parse(await readFile(report, "utf8")) as { readonly results: readonly Result[] | null };
  return new Map(
    [...places].map(([name, place]) => {
      const found = (results ?? []).filter(({ location }) => basename(dirname(location.filename)) === place);
      if (found.length === 0) throw new ScannerError("tfsec", `says nothing of ${name}`, "");
      return [name, found.map(toFinding)];
    }),
  );
}

function printProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** https://github.com/aquasecurity/defsec/blob/v0.94.1/pkg/scan/result.go */
const PASSED = 1;

interface Result {
  readonly long_id: string;
  readonly rule_description: string;
  readonly status: number;
  readonly resource: string;
  readonly location: { readonly filename: string };
}

function toFinding({ long_id, rule_description, status, resource }: Result): Finding {
  return { check: long_id, title: rule_description, resource, passed: status === PASSED };
}
