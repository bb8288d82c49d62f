import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { compileBuildspec } from "../../core/buildspec/compile";
import { InvalidBuildspecError } from "../../core/buildspec/errors";
import { lintBuildspec } from "../../core/buildspec/lint";
import { buildspecSchema } from "../../core/buildspec/schema";
import { thrownBy } from "../support/thrown";

/** The seed's trap, a script of several lines, numbers that lose digits, flags in both spellings. */
const YAML = `# a comment
phases:
  build:
    on-failure: ABORT
    commands:
      - &hello echo hello   # another
      - |
        while true; do
            sleep 1
        done
      - "echo \\"a: b\\""
    finally:
  install:
    runtime-versions:
      python: 3.10
      nodejs: 22
    commands: [*hello]
artifacts: { discard-paths: yes, files: image.json }
batch:
  build-fanout: { parallelism: 3, ignore-failure: False }
env:
  variables:
    PORT: 8080
    DEBUG: true
    EMPTY:
    A: 1e3
version: 0.2
`;

test("keys in the reference's order, scalars as they are written, a command in one string", () => {
  expect(compileBuildspec(YAML, "b.yml")).toEqual({
    warnings: [],
    json: `{
  "version": 0.2,
  "env": {
    "variables": {
      "A": "1e3",
      "DEBUG": "true",
      "EMPTY": "",
      "PORT": "8080"
    }
  },
  "batch": {
    "build-fanout": {
      "parallelism": 3,
      "ignore-failure": false
    }
  },
  "phases": {
    "install": {
      "runtime-versions": {
        "nodejs": "22",
        "python": "3.10"
      },
      "commands": [
        "echo hello"
      ]
    },
    "build": {
      "on-failure": "ABORT",
      "commands": [
        "echo hello",
        "while true; do\\n    sleep 1\\ndone\\n",
        "echo \\"a: b\\""
      ]
    }
  },
  "artifacts": {
    "files": [
      "image.json"
    ],
    "discard-paths": true
  }
}
`,
  });
});

test("the same bytes for another spelling of the same, and for its own output", () => {
  const other = `version: "0.2"
env: {variables: {"EMPTY": '', A: "1e3", PORT: '8080', DEBUG: 'true'}}
artifacts:
  files: ["image.json"]
  discard-paths: true
phases:
  install: {commands: [echo hello], runtime-versions: {nodejs: '22', python: "3.10"}}
  build: {commands: ["echo hello", "while true; do\\n    sleep 1\\ndone\\n", 'echo "a: b"'], on-failure: ABORT}
batch: {build-fanout: {ignore-failure: no, parallelism: 3}}
`;
  const { json } = compileBuildspec(YAML, "b.yml");
  expect(compileBuildspec(other, "b.yml").json).toBe(json);
  expect(compileBuildspec(json, "b.json").json).toBe(json);
  expect(compileBuildspec(YAML.replaceAll("\n", "\r\n"), "b.yml").json).toBe(json);
});

test("what it prints fits the model and has no findings", () => {
  const { json } = compileBuildspec(YAML, "b.yml");
  expect(buildspecSchema.parse(JSON.parse(json))).toEqual(JSON.parse(json));
  expect(lintBuildspec(json)).toEqual([]);
});

test("our own buildspec says the same as JSON", () => {
  const text = readFileSync(join(__dirname, "../../buildspecs/stream.yml"), "utf8");
  expect(JSON.parse(compileBuildspec(text, "stream.yml").json)).toEqual({
    ...(parse(text) as object),
    version: 0.2,
    phases: { ...(parse(text) as { phases: object }).phases, install: { "runtime-versions": { nodejs: "22" } } },
  });
});

test("merge keys are resolved, unknown keys stay, warnings do not stop it", () => {
  const { json, warnings } = compileBuildspec(
    "version: 0.20\n.base: &base { on-failure: ABORT, commands: [a] }\nzzz: 1\nphases:\n  build: { <<: *base, commands: [b] }\n",
    "b.yml",
  );
  expect(JSON.parse(json)).toEqual({
    version: 0.2,
    phases: { build: { "on-failure": "ABORT", commands: ["b"] } },
    ".base": { "on-failure": "ABORT", commands: ["a"] },
    zzz: "1",
  });
  expect(warnings.map(({ rule }) => rule)).toEqual(["version", "unknown-key"]);
});

test("errors stop it, all of them at once, and the warnings stay away", () => {
  const text = 'version: 0.2\nzzz: 1\nphases:\n  build:\n    commands:\n      - echo "a: b"\n      - if x; then\n';
  const error = thrownBy(() => compileBuildspec(text, "b.yml"));
  expect(error).toBeInstanceOf(InvalidBuildspecError);
  expect((error as Error).message.replaceAll(/: (YAML|no shell).*/g, "")).toBe(
    "b.yml:6:9 error command-not-string\n    - 'echo \"a: b\"'\nb.yml:7:19 error shell-syntax\n2 errors in the buildspec",
  );
});
