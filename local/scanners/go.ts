import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureEnvironment, type EnvironmentOptions, type PythonProgram } from "../python";

const run = promisify(execFile);

/** What tfsec's go.mod asks for: Go 1.MINOR. */
const MINOR = 21;

const GO: PythonProgram = {
  name: "Go, which builds the scanner tfsec,",
  title: "Go",
  requirements: join(__dirname, "go.txt"),
  minimumPython: [3, 7],
  seconds: 15,
};

export interface GoOptions extends EnvironmentOptions {
  /** @default "go" - the one in PATH */
  readonly go?: string;
}

/**
 * The machine's Go, if it is new enough to build tfsec; else one in a virtual environment, which is made where there is none.
 * @throws PythonError, VirtualEnvironmentError, InstallError
 */
export async function ensureGo(projectDirectory: string, { go = "go", ...options }: GoOptions = {}): Promise<string> {
  const found = await run(go, ["env", "GOVERSION"]).catch(() => undefined);
  const [, minor = 0] = /^go1\.(\d+)/.exec(found?.stdout ?? "") ?? [];
  if (Number(minor) >= MINOR) return go;
  const python = await ensureEnvironment(projectDirectory, GO, options);
  // The environment's own `go` is a script that names the interpreter by the path that it had while it was being made.
  const { stdout } = await run(python, ["-c", "import go; print(go.__path__[0])"]);
  return join(stdout.trim(), "bin", "go");
}
