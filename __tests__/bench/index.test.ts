import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { benchCommand } from "../../bench";

const bench = join(__dirname, "../../bench");

async function run(...args: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const status = await benchCommand(args, { out: (text) => (stdout += text), err: (text) => (stderr += text) });
  return { status, stdout, stderr };
}

test("--help lists every file of the folder by name", async () => {
  const names = readdirSync(bench)
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .sort();
  const { status, stdout } = await run("--help");
  expect(status).toBe(0);
  expect(stdout).toBe(
    `usage: npm run bench -- NAME [options]\nnames: ${names.map((file) => file.slice(0, -3)).join(", ")}\n` +
      "options: npm run bench -- NAME --help\n",
  );
  expect(names).toContain("cold-start.ts");
});

test.each([
  ["cold-start", /--rounds N {2}default 15, at least 7\n/],
  ["synth", /--rounds N {2}default 3, at least 3\n/],
  ["lint", /--rounds N {2}default 5, at least 3\n/],
  ["latency", /--drops N {2}for each trigger, default 20, at least 3\n/],
])("%s --help prints its command and options, and measures nothing", async (name, option) => {
  const { status, stdout, stderr } = await run(name, "--help");
  expect({ status, stderr }).toStrictEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^npm run bench -- ${name} `));
  expect(stdout).toMatch(option);
});

const NOPE = /^no bench named nope, expected one of: .*cold-start.*\n$/;

test.each([
  [["nope"], NOPE],
  [[], /^no bench named \(nothing\), expected one of: .*cold-start/],
  [["cold-start", "--rounds", "6"], /^--rounds must be at least 7, got: 6\n$/],
  [["latency", "--drops", "2"], /^--drops must be at least 3, got: 2\n$/],
  [["apply", "--frob"], /^Unknown option '--frob'; --help lists the options\n$/],
  [["cold-start", "--rounds", "many"], /^--rounds must be at least 7, got: many\n$/],
])("%j is refused with one sentence, and nothing is printed as a result", async (args, message) => {
  const { status, stdout, stderr } = await run(...args);
  expect({ status, stdout }).toStrictEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(message);
});

test("as a process, too", () => {
  const command = ["--import", "tsx", join(bench, "index.ts")];
  const refused = spawnSync(process.execPath, [...command, "nope"], { encoding: "utf8", timeout: 30_000 });
  expect({ status: refused.status, stdout: refused.stdout }).toStrictEqual({ status: 2, stdout: "" });
  expect(refused.stderr).toMatch(NOPE);
});
