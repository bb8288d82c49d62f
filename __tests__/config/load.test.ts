import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../config/errors";
import { loadPipelines } from "../../config/load";
import { loadProblems, loadText } from "./make";

const HEAD = "name: images\nregion: us-east-1\nbucket: image-drops\n";

describe("positions", () => {
  test("every problem of every document, in the order of the file", () => {
    const text = `name: Images
region: us-east-1a
bucket:
  nam: x
defaults:
  tag: "["
services:
  - name: api
    key: a.rar
    buildTimeout: 1
  - Web
---
name: other
regoin: us-east-1
bucket: other-drops
services:
- name: api
  compute: { type: SMALL }
`;
    expect(loadProblems(text)).toEqual([
      `pipeline.yaml:1:1 name: must be lower-case letters and digits joined by single hyphens, the first a letter, got "Images"`,
      `pipeline.yaml:2:1 region: must be an AWS region such as us-east-1 or cn-north-1, got "us-east-1a"`,
      `pipeline.yaml:4:3 bucket.nam: is not a known key, did you mean name?`,
      `pipeline.yaml:6:3 defaults.tag: must be a regular expression (Unterminated character class), got "["`,
      `pipeline.yaml:9:5 services[0].key: must end in .zip, .tar, .tar.gz, .tgz or .tar.zst, got "a.rar"`,
      `pipeline.yaml:10:5 services[0].buildTimeout: must be between 5 and 2160 minutes, got 1`,
      `pipeline.yaml:11:5 services[1]: must be lower-case letters and digits joined by single hyphens or underscores, got "Web"`,
      `pipeline.yaml:13:1 region: is required`,
      `pipeline.yaml:14:1 regoin: is not a known key, did you mean region?`,
      `pipeline.yaml:18:14 services[0].compute.type: must be one of BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM, BUILD_GENERAL1_LARGE, BUILD_GENERAL1_XLARGE, BUILD_GENERAL1_2XLARGE, BUILD_LAMBDA_1GB, BUILD_LAMBDA_2GB, BUILD_LAMBDA_4GB, BUILD_LAMBDA_8GB, BUILD_LAMBDA_10GB, got "SMALL"`,
    ]);
  });

  test("the error shows them a line each, and their number", () => {
    const folder = mkdtempSync(join(tmpdir(), "config-"));
    const file = join(folder, "none.yaml");
    try {
      expect(() => loadPipelines(file)).toThrow(ConfigError);
      expect(() => loadPipelines(file)).toThrow(
        `${file}: does not exist: create it, a pipeline needs at least a name, a region, a bucket and services\n1 problem in the configuration`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(
      new ConfigError([
        { path: "a", message: "b" },
        { position: "f:1:2", path: "c[0]", message: "d" },
      ]).message,
    ).toBe("a: b\nf:1:2 c[0]: d\n2 problems in the configuration");
  });

  test("through aliases and merge keys to where the value is written", () => {
    const text = `${HEAD}services:
  - &base
    name: api
    buildTimeout: 1
    movingTags: &moving [ok, -x]
  - <<: *base
    name: web
    key: web.zip
  - name: job
    movingTags: *moving
  - <<: [{ queuedTimeout: 1 }, *base]
    name: cron
`;
    const minutes = "must be between 5 and 2160 minutes, got 1";
    const tags = "must be letters, digits, underscores, dots and hyphens, the first a letter, digit or underscore";
    expect(loadProblems(text)).toEqual([
      `pipeline.yaml:7:5 services[0].buildTimeout: ${minutes}`,
      `pipeline.yaml:7:5 services[1].buildTimeout: ${minutes}`,
      `pipeline.yaml:7:5 services[3].buildTimeout: ${minutes}`,
      `pipeline.yaml:8:30 services[0].movingTags[1]: ${tags}, got "-x"`,
      `pipeline.yaml:8:30 services[1].movingTags[1]: ${tags}, got "-x"`,
      `pipeline.yaml:8:30 services[2].movingTags[1]: ${tags}, got "-x"`,
      `pipeline.yaml:8:30 services[3].movingTags[1]: ${tags}, got "-x"`,
      `pipeline.yaml:14:12 services[3].queuedTimeout: must be between 5 and 480 minutes, got 1`,
    ]);
  });

  test("with a byte order mark and Windows line ends", () => {
    expect(loadProblems(`\ufeff${HEAD}services: []\n`.replaceAll("\n", "\r\n"))).toEqual([
      "pipeline.yaml:4:1 services: must list at least one service, such as - api, got an empty list",
    ]);
  });
});

describe("what YAML made of it", () => {
  test.each([
    [
      "sourceAccount: 012345678901",
      'sourceAccount: must be a string, got 012345678901, which YAML reads as the number 12345678901: quote it, "012345678901"',
    ],
    ["tag: 1e10", 'tag: must be a string, got 1e10, which YAML reads as the number 10000000000: quote it, "1e10"'],
    ["archive: 0x1F", 'archive: must be a string, got 0x1F, which YAML reads as the number 31: quote it, "0x1F"'],
    [
      "environment: { PORT: 8080 }",
      'environment.PORT: must be a string, got 8080, which YAML reads as a number: quote it, "8080"',
    ],
    [
      "environment: { DEBUG: true }",
      'environment.DEBUG: must be a string, got true, which YAML reads as a boolean: quote it, "true"',
    ],
    [
      "movingTags: [1.0]",
      'movingTags[0]: must be a string, got 1.0, which YAML reads as the number 1: quote it, "1.0"',
    ],
    ["movingTags: staging", 'movingTags: must be a list, got "staging"'],
    ["key:", "key: must be a string, got nothing"],
    ["key: ~", "key: must be a string, got nothing"],
    ["buildTimeout: '30'", 'buildTimeout: must be a whole number, got "30"'],
    ["buildTimeout: .inf", "buildTimeout: must be a whole number, got Infinity"],
    [
      "compute: BUILD_GENERAL1_SMALL",
      'compute: must be a mapping: write { type: BUILD_GENERAL1_SMALL }, got "BUILD_GENERAL1_SMALL"',
    ],
  ])("%s", (line, problem) => {
    const problems = loadProblems(`${HEAD}services:\n  - name: api\n    ${line}\n`);
    expect(problems.map((text) => text.replace(/^pipeline\.yaml:6:\d+ services\[0\]\./, ""))).toEqual([problem]);
  });

  test.each([
    ["trigger: { queue: {} }", "5:12 trigger.queue: has no options: write trigger: queue, got an empty mapping"],
    ["trigger: { lambda: {} }", "5:12 trigger.lambda: has no options: write trigger: lambda, got an empty mapping"],
    [
      "trigger: { topic: image-events }",
      '5:12 trigger.topic: must be a mapping: write { existing: image-events }, got "image-events"',
    ],
    [
      "defaults: { compute: BUILD_LAMBDA_1GB }",
      '5:13 defaults.compute: must be a mapping: write { type: BUILD_LAMBDA_1GB }, got "BUILD_LAMBDA_1GB"',
    ],
    [
      "providerVersion: 6",
      '5:1 providerVersion: must be a lower and an upper bound in this order, such as ">= 6.8.0, < 7.0.0", got 6',
    ],
  ])("%s", (line, problem) => {
    expect(loadProblems(`${HEAD}services: [api]\n${line}\n`)).toEqual([`pipeline.yaml:${problem}`]);
  });

  test("a service named by a number", () => {
    expect(loadProblems(`${HEAD}services: [42]\n`)).toEqual([
      `pipeline.yaml:4:12 services[0]: must be a service's name or a mapping, got 42, which YAML reads as a number: quote it, "42"`,
    ]);
  });

  test("words that only old YAML takes for booleans are text, whatever the directive", () => {
    const { pipelines } = loadText(
      `%YAML 1.1\n---\n${HEAD}services:\n  - name: api\n    environment: { A: yes, B: 1_0, C: 2001-01-01 }\n`,
    );
    expect(pipelines[0]?.services[0]?.environment).toEqual({ A: "yes", B: "1_0", C: "2001-01-01" });
  });
});

describe("a file that is no pipeline", () => {
  const EMPTY = "is empty: a pipeline needs at least a name, a region, a bucket and services";
  const WRAPPER =
    "write each pipeline as a document of its own, without a list around them, and put a line with --- between them";
  test.each<[string, string | Uint8Array, string[]]>([
    ["empty", "", [`pipeline.yaml: ${EMPTY}`]],
    ["comments only", "# nothing\n---\n# here\n", [`pipeline.yaml: ${EMPTY}`]],
    ["text", "hello\n", [`pipeline.yaml:1:1: must be a mapping, got "hello"`]],
    ["no UTF-8", Uint8Array.of(0x6e, 0xff, 0xfe), ["pipeline.yaml: must be UTF-8 text"]],
    ["a list of pipelines", "- name: images\n", [`pipeline.yaml:1:1: ${WRAPPER}`]],
    ["a wrapper", "# mine\npipelines:\n  - name: images\n", [`pipeline.yaml:2:1 pipelines: ${WRAPPER}`]],
  ])("%s", (_, text, problems) => {
    expect(loadProblems(text)).toEqual(problems);
  });

  test("a folder", () => {
    expect(() => loadPipelines(tmpdir())).toThrow(
      `${tmpdir()}: cannot be read: EISDIR: illegal operation on a directory, read`,
    );
  });
});

describe("YAML that is none", () => {
  test.each<[string, string, string[]]>([
    ["a key twice", `${HEAD}services: [api]\nname: again\n`, ["pipeline.yaml:5:1: this key is given twice: keep one"]],
    [
      "a key twice, and a value that is wrong",
      `${HEAD}services: [API]\nname: again\n`,
      [
        `pipeline.yaml:4:12 services[0]: must be lower-case letters and digits joined by single hyphens or underscores, got "API"`,
        "pipeline.yaml:5:1: this key is given twice: keep one",
      ],
    ],
    [
      "a tab",
      `${HEAD}services:\n\t- api\n`,
      ["pipeline.yaml:5:1: is not valid YAML: Tabs are not allowed as indentation"],
    ],
    [
      "a colon within a plain value",
      `name: a: b\n`,
      [
        "pipeline.yaml:1:7: is not valid YAML: a mapping begins within a line; quote a value that holds a colon and a space",
      ],
    ],
    ["a quote left open", `name: "a\n`, [`pipeline.yaml:2:1: is not valid YAML: Missing closing "quote`]],
    [
      "an unknown tag",
      `${HEAD}services: !set [api]\n`,
      ["pipeline.yaml:4:11: is not valid YAML: Unresolved tag: !set"],
    ],
    ["an alias to nothing", `${HEAD}services: *none\n`, ["pipeline.yaml:4:11: *none needs an anchor &none before it"]],
    [
      "an alias to what comes later",
      `${HEAD}services: [*a, &a api]\n`,
      ["pipeline.yaml:4:12: *a needs an anchor &a before it"],
    ],
    [
      "a merge of no mapping",
      `${HEAD}services: [{ <<: api }]\n`,
      ["pipeline.yaml:1:1: is not valid YAML: Merge sources must be maps or map aliases"],
    ],
    ["nesting without end", `a: ${"[".repeat(20_000)}`, ["pipeline.yaml:1:1: is nested too deeply"]],
  ])("%s", (_, text, problems) => {
    expect(loadProblems(text).map((problem) => problem.replace(/:\d+:\d+(?=: is nested)/, ":1:1"))).toEqual(problems);
  });

  test("the other documents are still checked", () => {
    expect(loadProblems(`name: "a\n---\n${HEAD}services: []\n`).length).toBeGreaterThan(0);
    expect(loadProblems(`name: *b\n---\n${HEAD}services: []\n`)).toEqual([
      "pipeline.yaml:1:7: *b needs an anchor &b before it",
      "pipeline.yaml:6:1 services: must list at least one service, such as - api, got an empty list",
    ]);
  });

  test("aliases that multiply end in a problem, not in memory", () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `  - &l${level} [${level === 0 ? "x" : `*l${level - 1}, *l${level - 1}`}]`,
    );
    const [problem, ...others] = loadProblems(`${HEAD}services:\n${levels.join("\n")}\n`);
    expect(problem).toBe(
      "pipeline.yaml:1:1: is not valid YAML: Excessive alias count indicates a resource exhaustion attack",
    );
    expect(others).toEqual([]);
  });
});

describe("documents", () => {
  test("one pipeline each, in order; empty ones do not count", () => {
    const second = HEAD.replace("images", "other").replace("image-drops", "other-drops");
    const { pipelines, warnings } = loadText(
      `---\n# first\n---\n${HEAD}services: [api]\n---\n${second}services: [web]\n---\n`,
    );
    expect(pipelines.map(({ name }) => name)).toEqual(["images", "other"]);
    expect(warnings).toEqual([]);
  });

  test("a thousand services may take one anchor", () => {
    const services = Array.from({ length: 1000 }, (_, index) => `  - <<: *common\n    name: s${index}`).join("\n");
    const { pipelines } = loadText(
      `${HEAD}defaults: &common\n  movingTags: [latest]\nroles: shared\nservices:\n${services}\n`,
    );
    expect(pipelines[0]?.services).toHaveLength(1000);
  });
});
