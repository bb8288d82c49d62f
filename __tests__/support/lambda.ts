import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** A function's unpacked package and environment, run in a fresh process for each event as a cold Lambda would. */
export interface Lambda {
  /** Where its package lies; the function's own working folder is another. */
  readonly folder: string;
  invoke(event: object): Promise<Invocation>;
  delete(): void;
}

export interface Invocation {
  /** What the handler returned; absent when it threw, or could not be loaded. */
  readonly response?: unknown;
  /** `name: message` of what was thrown. */
  readonly error?: string;
  /** Every line of JSON that was logged. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  readonly output: string;
}

const TIMEOUT_MS = 30_000;

export function unpackLambda(files: Readonly<Record<string, string | Buffer>>, environment: NodeJS.ProcessEnv): Lambda {
  const folder = mkdtempSync(join(tmpdir(), "lambda-"));
  const home = join(folder, "home");
  mkdirSync(home);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const env = { LAMBDA_TASK_ROOT: folder, HOME: home, AWS_REGION: "us-east-1", ...credentials, ...environment };
  return {
    folder,
    invoke: (event) => invoke(folder, home, env, event),
    delete: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

const credentials = {
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  AWS_SESSION_TOKEN: "session-token-EXAMPLE",
};

/** Every credential that a function could leak into its output. */
export const secrets: readonly string[] = Object.values(credentials);

/** Answers on descriptor 3, because standard output is the function's log. There is no jitter before the SDK's further attempts. */
const RUNTIME = `
  Math.random = () => 0;
  const { readFileSync, writeSync } = require("node:fs");
  const answer = (value) => writeSync(3, JSON.stringify(value));
  const context = { functionName: "start-build", functionVersion: "$LATEST", memoryLimitInMB: "256", awsRequestId: "request-1" };
  (async () => require(process.argv[1] + "/index.js").handler(JSON.parse(readFileSync(0, "utf8")), context))()
    .then((response) => answer({ response }), (error) => answer({ error: error.name + ": " + error.message }));
`;

async function invoke(folder: string, cwd: string, env: NodeJS.ProcessEnv, event: object): Promise<Invocation> {
  const child = spawn(process.execPath, ["-e", RUNTIME, folder], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  child.stdin.end(JSON.stringify(event));
  const [answer, stdout, stderr] = await Promise.all([
    text(child.stdio[3] as NodeJS.ReadableStream),
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  if (answer === "") throw new Error(`the function gave no answer:\n${stdout}${stderr}`);
  const output = stdout + stderr;
  return { ...(JSON.parse(answer) as { response?: unknown; error?: string }), logs: parseLogs(output), output };
}

function parseLogs(output: string): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
