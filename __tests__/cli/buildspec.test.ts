import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildspecCommand } from "../../cli/buildspec";

let folder: string;
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "buildspec-"));
  writeFileSync(file("good.yml"), "version: 0.2\nphases: { build: { commands: [npm test] } }\n");
  writeFileSync(file("warns.yml"), "version: 0.20\nphases: { build: { commands: [npm test] } }\n");
  writeFileSync(file("bad.yml"), 'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "a: b"\n');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(...args: readonly string[]): { code: number; out: string; err: string } {
  let out = "";
  let err = "";
  const code = buildspecCommand(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out: out.replaceAll(`${folder}/`, ""), err: err.replaceAll(`${folder}/`, "") };
}

const WARNING =
  "warns.yml:1:10 warning version: YAML reads 0.20 as the number 0.2; write it the way the reference does\n    version: 0.2\n";

test("nothing is said about good buildspecs", () => {
  expect(run("lint", file("good.yml"), file("good.yml"))).toEqual({ code: 0, out: "", err: "" });
});

test("warnings alone are no failure, until there are more than --max-warnings", () => {
  const err = "0 errors, 1 warning in 2 files\n";
  expect(run("lint", file("good.yml"), file("warns.yml"))).toEqual({ code: 0, out: WARNING, err });
  expect(run("lint", "--max-warnings", "1", file("good.yml"), file("warns.yml")).code).toBe(0);
  expect(run("lint", "--max-warnings", "0", file("good.yml"), file("warns.yml"))).toEqual({
    code: 1,
    out: WARNING,
    err: `${err}1 warning, more than --max-warnings 0\n`,
  });
});

test("errors are", () => {
  const { code, out, err } = run("lint", file("bad.yml"), file("warns.yml"));
  expect(code).toBe(1);
  expect(out).toMatch(
    /^bad\.yml:5:9 error command-not-string: .*\n {4}- 'echo "a: b"'\nwarns\.yml:1:10 warning version: /,
  );
  expect(err).toBe("1 error, 1 warning in 2 files\n");
});

test("--format json is one array, empty where nothing is wrong", () => {
  expect(run("lint", "--format", "json", file("good.yml"))).toEqual({ code: 0, out: "[]\n", err: "" });
  const { code, out, err } = run("lint", "--format", "json", file("warns.yml"));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(out)).toEqual([
    {
      file: "warns.yml",
      line: 1,
      column: 10,
      severity: "warning",
      rule: "version",
      message: "YAML reads 0.20 as the number 0.2; write it the way the reference does",
      correction: "version: 0.2",
    },
  ]);
});

test("compile prints JSON, and the warnings beside it", () => {
  const json = `{\n  "version": 0.2,\n  "phases": {\n    "build": {\n      "commands": [\n        "npm test"\n      ]\n    }\n  }\n}\n`;
  expect(run("compile", file("good.yml"))).toEqual({ code: 0, out: json, err: "" });
  expect(run("compile", file("warns.yml"))).toEqual({ code: 0, out: json, err: WARNING });
});

test("compile refuses what has errors", () => {
  const { code, out, err } = run("compile", file("bad.yml"));
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/^bad\.yml:5:9 error command-not-string: [^]*\n1 error in the buildspec\n$/);
});

test.each([
  [[], "expected lint or compile, got: nothing; --help shows the usage\n"],
  [["check", "a"], "expected lint or compile, got: check; --help shows the usage\n"],
  [["lint"], "lint needs a file, - for the standard input\n"],
  [["compile"], "compile needs a file, - for the standard input\n"],
  [["compile", "a", "b"], "compile takes one file, got 2\n"],
  [["compile", "--format", "json", "a"], "--format and --max-warnings belong to lint; compile always prints JSON\n"],
  [["lint", "--format", "xml", "a"], "--format must be text or json, got: xml\n"],
  [["lint", "--max-warnings", "-1", "a"], /^Option '--max-warnings' argument is ambiguous/],
  [["lint", "--max-warnings", "few", "a"], "--max-warnings must be a whole number, got: few\n"],
  [["lint", "--fix", "a"], /^Unknown option '--fix'/],
  [["lint", "/nowhere/b.yml"], /^cannot read \/nowhere\/b\.yml: ENOENT/],
])("%j is wrong usage", (args, message) => {
  const { code, out, err } = run(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toEqual(typeof message === "string" ? message : expect.stringMatching(message));
});

test("--help says it all", () => {
  const { code, out } = run("--help");
  expect(code).toBe(0);
  expect(out).toContain(
    "Exit codes: 0 no errors, 1 errors or too many warnings, 2 wrong usage or a file that cannot be read.",
  );
});

test("as a program it reads the standard input and exits with the code", () => {
  const command = ["--import", "tsx", join(__dirname, "../../cli/buildspec.ts"), "lint", "-"];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    input: "version: 1.0\n",
    encoding: "utf8",
    timeout: 30_000,
  });
  expect(status).toBe(1);
  expect(stdout).toBe(
    '-:1:10 error version: there is no version 1.0, CodeBuild refuses the file ("invalid buildspec version specified")\n    version: 0.2\n',
  );
  expect(stderr).toBe("1 error, 0 warnings in 1 file\n");
});
