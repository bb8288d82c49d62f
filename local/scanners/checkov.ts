import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { ensureEnvironment, type PythonProgram } from "../python";
import { ScannerError } from "./errors";
import type { Finding, Findings } from "./finding";
import { NO_NETWORK } from "./no-network";

const CHECKOV: PythonProgram = {
  name: "the scanner checkov",
  requirements: join(__dirname, "requirements.txt"),
  // https://pypi.org/project/checkov/
  minimumPython: [3, 9],
  seconds: 60,
};

/** Bytes of what it says of all plans. */
const MAX_OUTPUT = 512 * 1024 * 1024;

/** Makes the virtual environment that holds checkov, apart from moto's, and returns its interpreter. */
export function ensureCheckov(projectDirectory: string): Promise<string> {
  return ensureEnvironment(projectDirectory, CHECKOV);
}

/**
 * Has checkov read plans, in one run.
 * @param plans - paths of `terraform show -json` by a name of each, whose last parts differ
 * @param home - an empty folder, in place of the home of whoever runs this, which may hold settings and a key
 */
export async function checkov(python: string, plans: ReadonlyMap<string, string>, home: string): Promise<Findings> {
  await mkdir(home, { recursive: true });
  const { stdout, stderr } = await promisify(execFile)(
    python,
    // Its own command is a script that names the interpreter by the path that the environment had while it was being made.
    [
      ...["-c", "import sys; from checkov.main import Checkov; sys.exit(Checkov().run())"],
      ...["--framework", "terraform_plan", "--output", "json", "--compact", "--soft-fail"],
      // Or it asks the vendor's server for links and severities. https://www.checkov.io/2.Basics/CLI%20Command%20Reference.html
      ...["--skip-download", "--download-external-modules", "false"],
      ...[...plans.values()].flatMap((file) => ["--file", file]),
    ],
    { cwd: home, env: environment(home), maxBuffer: MAX_OUTPUT },
  ).catch((error: unknown) => {
    const { stdout: out = "", stderr: err = String(error) } = error as { stdout?: string; stderr?: string };
    throw new ScannerError("checkov", "failed", out + err);
  });
  const { results } = JSON.parse(stdout) as { readonly results?: Results };
  const records = [...(results?.passed_checks ?? []), ...(results?.failed_checks ?? [])];
  return new Map(
    [...plans].map(([name, file]) => {
      const found = records.filter(({ file_path }) => basename(file_path) === basename(file)).map(toFinding);
      // A file that it cannot read it passes over in silence.
      if (found.length === 0) throw new ScannerError("checkov", `says nothing of ${name}`, stderr);
      return [name, found];
    }),
  );
}

/** Without what would make it report to its vendor, or read settings of somebody. */
function environment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(BC|CKV|CHECKOV|PRISMA)_/.test(name));
  return {
    ...Object.fromEntries(kept),
    ...NO_NETWORK,
    HOME: home,
    PYTHONDONTWRITEBYTECODE: "1",
    // Or it asks PyPI for a newer version.
    CKV_SKIP_PACKAGE_UPDATE_CHECK: "true",
  };
}

interface Results {
  readonly passed_checks?: readonly Result[];
  readonly failed_checks?: readonly Result[];
}

interface Result {
  readonly check_id: string;
  readonly check_name: string;
  readonly check_result: { readonly result: string };
  readonly file_path: string;
  readonly resource_address: string;
}

function toFinding({ check_id, check_name, check_result, resource_address }: Result): Finding {
  return {
    check: check_id,
    title: check_name,
    resource: resource_address,
    passed: check_result.result === "PASSED",
  };
}
