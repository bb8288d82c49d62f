import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { scripts } from "../../package.json";

const PROJECT = resolve(__dirname, "../..");
const SECONDS = 1000;

/** Those of package.json that are programs of the project. */
const OURS = Object.entries<string>(scripts).flatMap(([name, command]): [string, string][] => {
  const [program, file = ""] = command.split(" ");
  return program === "tsx" ? [[name, file]] : [];
});
/** A bench is a command of its own. */
const BENCHES = ["apply", "cold-start", "latency", "lint", "publish", "synth"];

function run(file: string, ...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((end) => {
    const command = ["--import", "tsx", file, ...args];
    const env = { ...process.env, NODE_NO_WARNINGS: "1", AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" };
    execFile(process.execPath, command, { cwd: PROJECT, env, timeout: 60 * SECONDS }, (error, stdout, stderr) => {
      end({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

test("most scripts are the project's own", () => {
  expect(OURS.map(([name]) => name)).toEqual(expect.arrayContaining(["demo", "bundle", "schema", "api", "prepack"]));
});

test.each([
  ...OURS.map(([name, file]) => [name, file, []] as const),
  ...BENCHES.map((name) => [`bench ${name}`, "bench/index.ts", [name]] as const),
])(
  "%s: --help prints what it does, an option that is none is named",
  async (name, file, words) => {
    const [help, frob] = await Promise.all([run(file, ...words, "--help"), run(file, ...words, "--frob")]);
    const stdout = expect.stringContaining(name.replace(" ", " -- ")) as string;
    expect(help).toStrictEqual({ code: 0, stdout, stderr: "" });
    expect(frob).toStrictEqual({ code: 2, stdout: "", stderr: expect.stringContaining("--frob") as string });
  },
  60 * SECONDS,
);
