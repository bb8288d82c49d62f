import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { lintBuildspec } from "../../core/buildspec/lint";
import { Bench } from "../local/codebuild-support";

const BUILDSPEC = readFileSync(resolve(__dirname, "../../buildspecs/docker.yml"), "utf8");
const HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const NAME = `${HOST}/tomofun/web:0123abc`;
const LAYERS = "sha256:1 sha256:2";
const FETCHED = [NAME, "0123abc", LAYERS];

/** Notes how it was called, argument by argument, and fails if it is told to. */
const NOTING = `#!/bin/sh
{ printf '%s' "\${0##*/}"; printf ' [%s]' "$@"; echo; } >> "$CALLS"
case "$FAILING" in "\${0##*/} $1" | "\${0##*/} $1 \${2##*:}") exit 7 ;; esac
`;
const PROGRAMS = {
  node: `${NOTING}[ "$1" = --version ] || { printf '%s' "$FETCHED"; exit "$FETCH_STATUS"; }`,
  aws: `${NOTING}echo password`,
  docker: `${NOTING}case "$1" in
    login) read -r password; echo "docker was given $password" >> "$CALLS" ;;
    image) echo "$LOADED" ;;
  esac`,
};

let directory: string;
let bench: Bench;
let builds = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "docker-buildspec-"));
  for (const [name, script] of Object.entries(PROGRAMS)) {
    writeFileSync(join(directory, name), script);
    chmodSync(join(directory, name), 0o755);
  }
  bench = await Bench.start({ buildEnvironment: { PATH: `${directory}${delimiter}${process.env.PATH ?? ""}` } });
  await bench.create({ source: { type: "NO_SOURCE", buildspec: BUILDSPEC } });
});
afterAll(async () => {
  await bench.close();
  rmSync(directory, { recursive: true });
});

interface Result {
  readonly status?: string;
  /** The variables that it exported. */
  readonly exported?: readonly { readonly name?: string; readonly value?: string }[];
  /** How node, aws and docker were called, in order. */
  readonly calls: readonly string[];
  readonly output: string;
}

/** Runs the buildspec with a fetch-image.js that prints these lines. */
async function build(lines: readonly string[], environment: Record<string, string> = {}): Promise<Result> {
  const calls = join(directory, `calls-${++builds}`);
  const variables = {
    CALLS: calls,
    FETCHED: lines.map((line) => `${line}\n`).join(""),
    FETCH_STATUS: "0",
    FAILING: "",
    LOADED: LAYERS,
    ECS_SOURCE: HOST,
    IMAGE_REPO_NAME: "tomofun/web",
    ...environment,
  };
  const environmentVariablesOverride = Object.entries(variables).map(([name, value]) => ({ name, value }));
  const run = await bench.run({ environmentVariablesOverride });
  const noted = existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : [];
  return {
    status: run.build.buildStatus,
    exported: run.build.exportedEnvironmentVariables,
    calls: noted.filter((call) => !/^docker (\[tag\]|\[image\])/.test(call) && !call.includes("--version")),
    output: run.output,
  };
}

const FETCH = "node [fetch-image.js] [image.tar]";
const LOGIN = [
  "aws [ecr] [get-login-password]",
  `docker [login] [--username] [AWS] [--password-stdin] [${HOST}]`,
  "docker was given password",
];
const LOAD = "docker [load] [--input] [image.tar]";
const push = (tag: string): string => `docker [push] [${HOST}/tomofun/web:${tag}]`;

test("the linter finds nothing in it", () => {
  expect(lintBuildspec(BUILDSPEC)).toEqual([]);
});

test("pushes the hash, then the moving tags in their order, and exports the hash", async () => {
  const { calls, ...rest } = await build([...FETCHED, "0123abc", "staging", "latest"]);
  // The two ends of the pipe start at once.
  expect(calls.toSorted()).toEqual(
    [FETCH, ...LOGIN, LOAD, push("0123abc"), push("staging"), push("latest")].toSorted(),
  );
  expect(calls.filter((call) => /load|push/.test(call))).toEqual([
    LOAD,
    push("0123abc"),
    push("staging"),
    push("latest"),
  ]);
  expect(rest).toMatchObject({ status: "SUCCEEDED", exported: [{ name: "GIT_HASH", value: "0123abc" }] });
});

test("pushes nothing where every tag points to the image already", async () => {
  expect(await build(FETCHED)).toMatchObject({
    status: "SUCCEEDED",
    calls: [FETCH],
    exported: [{ name: "GIT_HASH", value: "0123abc" }],
  });
});

test("does nothing where nothing is to be done", async () => {
  expect(await build([])).toMatchObject({
    status: "SUCCEEDED",
    calls: [FETCH],
    exported: [{ name: "GIT_HASH", value: "" }],
  });
});

test.each<[string, Record<string, string>, string[]]>([
  ["the archive cannot be fetched", { FETCH_STATUS: "1" }, []],
  ["there is no password", { FAILING: "aws ecr" }, []],
  ["the registry takes no login", { FAILING: "docker login" }, []],
  ["docker cannot load the archive", { FAILING: "docker load" }, [LOAD]],
  ["docker has no such image", { FAILING: "docker image" }, [LOAD]],
  ["docker has another image under the name", { LOADED: "sha256:1 sha256:3" }, [LOAD]],
  ["the image cannot be tagged", { FAILING: "docker tag" }, [LOAD]],
  ["the hash cannot be pushed", { FAILING: "docker push 0123abc" }, [LOAD, push("0123abc")]],
  ["a moving tag cannot be pushed", { FAILING: "docker push staging" }, [LOAD, push("0123abc"), push("staging")]],
])("fails where %s; what follows is not done, and there is no hash", async (_what, environment, expected) => {
  const result = await build([...FETCHED, "0123abc", "staging", "latest"], environment);
  expect(result.status).toBe("FAILED");
  expect(result.calls.filter((call) => /load|push/.test(call))).toEqual(expected);
  expect(result.exported).toEqual([]);
});

test("says which image docker has that was not verified", async () => {
  const { output } = await build([...FETCHED, "0123abc"], { LOADED: "" });
  expect(output).toContain(
    `\ndocker loaded another image as ${NAME} than the one that was verified; save it alone by docker save\n`,
  );
});

test("never evaluates what it reads", async () => {
  const touch = `$(touch ${directory}/evaluated)`;
  const hostile = [`${touch} \`${touch}\` "'; * -x`, touch, touch, touch, "-rf *"];
  const { status, calls, exported } = await build(hostile, { LOADED: touch });
  expect(status).toBe("SUCCEEDED");
  expect(calls.slice(-2)).toEqual([push(touch), push("-rf *")]);
  expect(exported).toEqual([{ name: "GIT_HASH", value: touch }]);
  expect(existsSync(join(directory, "evaluated"))).toBe(false);
});
