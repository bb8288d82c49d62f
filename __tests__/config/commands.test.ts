import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { ConfigError } from "../../config/errors";
import { loadPipelines } from "../../config/load";
import { parsePipeline } from "../../config/parse";
import { loadText, pipeline, problemsOf, service } from "./make";

const OPEN_QUOTE = "shell-syntax: no shell parses this command: unterminated single quote";

describe("commands that no shell parses", () => {
  test("are named by their place, those of defaults once", () => {
    const input = pipeline({
      defaults: { before: ["echo a", "echo 'b"] },
      services: ["api", { name: "web", after: ["if true", "echo ok"] }, { name: "job", before: [] }],
    });
    expect(problemsOf(input)).toEqual([
      `defaults.before[1]: ${OPEN_QUOTE}`,
      "services[1].after[0]: shell-syntax: no shell parses this command: expected 'then'",
    ]);
  });

  test("say so where one command is spread over several entries", () => {
    expect(problemsOf(service({ before: ["while read -r line; do", '  echo "$line"', "done"] }))).toEqual([
      "services[0].before[0]: shell-syntax: no shell parses this command: expected command after 'do'; each entry runs by itself, this one goes on in those below it: make them one entry",
    ]);
  });

  test("beside a service that is refused", () => {
    expect(problemsOf(pipeline({ services: ["Bad", { name: "api", before: ["echo 'b"] }] }))).toEqual([
      `services[0]: must be lower-case letters and digits joined by single hyphens or underscores, got "Bad"`,
      `services[1].before[0]: ${OPEN_QUOTE}`,
    ]);
  });

  test("whatever a command holds, it is linted as it is", () => {
    const before = [`echo "a: b" 'c' # d`, "cat <<'EOF'\n\ttab\nEOF", "- x", "echo \\\n  \u{1f600} {{ %"];
    expect(problemsOf(service({ before }))).toEqual([]);
  });
});

const HEAD = "name: images\nregion: us-east-1\nbucket: image-drops\n";

/** Runs in a folder of its own, and shows its path as nothing. */
function inFolder(files: Readonly<Record<string, string | Uint8Array>>, run: (folder: string) => string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "config-"));
  try {
    mkdirSync(join(folder, "builds"));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return run(folder).map((line) => line.replaceAll(`${folder}/`, ""));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const loadIn = (files: Readonly<Record<string, string | Uint8Array>>) =>
  inFolder(files, (folder) => {
    try {
      return [...loadPipelines(join(folder, "pipeline.yaml")).warnings];
    } catch (error) {
      if (error instanceof ConfigError) return error.message.split("\n");
      throw error;
    }
  });

describe("warnings", () => {
  const warnings = (text: string) =>
    loadText(text).warnings.map((line) => line.replace(/^.*pipeline\.yaml/, "pipeline.yaml"));

  test("about commands, with their places", () => {
    const text = `${HEAD}defaults:\n  before:\n    - echo a\n    - '[[ -n $A ]] && echo b'\nservices: [api, web]\n`;
    expect(warnings(text)).toEqual([
      "pipeline.yaml:7:7 defaults.before[1]: bashism: bash alone has [[ ]]; without shell: bash CodeBuild takes sh, which is dash on Debian and Ubuntu images",
    ]);
  });

  test("do not ask for bash where the publisher's buildspec has it", () => {
    const text = `${HEAD}publisher: docker\nservices: [{ name: api, after: ['[[ -n $A ]] && echo b'] }]\n`;
    expect(warnings(text)).toEqual([]);
  });

  test("the shell is that of the publishers' buildspecs", () => {
    const folder = join(__dirname, "..", "..", "buildspecs");
    const shells = readdirSync(folder).map((file) => {
      const { env } = parse(readFileSync(join(folder, file), "utf8")) as { env: { shell?: string } };
      const text = `${HEAD}publisher: ${basename(file, ".yml")}\nservices: [{ name: api, before: ['[[ -n $A ]]'] }]\n`;
      return [file, env.shell, warnings(text).length];
    });
    expect(shells).toEqual([
      ["docker.yml", "bash", 0],
      ["stream.yml", undefined, 1],
    ]);
  });
});

describe("a buildspec of one's own", () => {
  const BUILDSPEC = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo ok\n";
  const BROKEN = BUILDSPEC.replace("ok", "'ok");

  test("is a file relative to that of the pipelines, or to the current folder", () => {
    const paths = inFolder({ "builds/api.yml": BUILDSPEC }, (folder) => {
      const file = join(folder, "pipeline.yaml");
      writeFileSync(file, `${HEAD}services: [{ name: api, buildspec: ./builds/api.yml }]\n`);
      return loadPipelines(file).pipelines.flatMap(({ services }) => services.map(({ buildspec = "" }) => buildspec));
    });
    expect(paths).toEqual(["builds/api.yml"]);
    const [{ buildspec, before, after }] = parsePipeline(service({ buildspec: "./buildspecs/stream.yml" }))
      .services as unknown as [{ buildspec: string; before: string[]; after: string[] }];
    expect([buildspec, before, after]).toEqual(["buildspecs/stream.yml", [], []]);
    const absolute = join(__dirname, "..", "..", "buildspecs", "stream.yml");
    expect(parsePipeline(service({ buildspec: absolute })).services[0]?.buildspec).toBe(absolute);
  });

  test("of defaults goes where a service has one or commands of its own, and its commands where the service has a file", () => {
    const [stream, docker] = ["buildspecs/stream.yml", "buildspecs/docker.yml"];
    const resolved = (defaults: object, own: object) => {
      const [{ before, after, buildspec } = { before: [], after: [] }] = parsePipeline(
        pipeline({ defaults, services: [{ name: "api", ...own }] }),
      ).services;
      return { before, after, buildspec };
    };
    expect(resolved({ buildspec: stream }, {})).toEqual({ before: [], after: [], buildspec: stream });
    expect(resolved({ buildspec: stream }, { buildspec: docker })).toEqual({
      before: [],
      after: [],
      buildspec: docker,
    });
    expect(resolved({ buildspec: stream }, { after: ["a"] })).toEqual({ before: [], after: ["a"] });
    expect(resolved({ buildspec: stream }, { before: [] })).toEqual({ before: [], after: [] });
    expect(resolved({ before: ["a"], after: ["b"] }, { buildspec: stream })).toEqual({
      before: [],
      after: [],
      buildspec: stream,
    });
  });

  test("must be a file that can be read", () => {
    const text = `${HEAD}services:
  - name: api
    buildspec: api.yml
  - name: web
    buildspec: builds
  - name: job
    buildspec: job.yml
`;
    expect(loadIn({ "pipeline.yaml": text, "job.yml": Uint8Array.of(0xff, 0xfe) })).toEqual([
      `pipeline.yaml:6:5 services[0].buildspec: must name a buildspec: api.yml does not exist, got "api.yml"`,
      `pipeline.yaml:8:5 services[1].buildspec: must name a buildspec: builds cannot be read: EISDIR: illegal operation on a directory, read, got "builds"`,
      `pipeline.yaml:10:5 services[2].buildspec: must name a buildspec: job.yml is no UTF-8 text, got "job.yml"`,
      "3 problems in the configuration",
    ]);
  });

  test("is linted, and its errors have their own places, once a file", () => {
    const text = `${HEAD}defaults: { buildspec: all.yml }
services:
  - name: api
    buildspec: builds/api.yml
    buildTimeout: 5
  - name: web
    buildspec: ./all.yml
`;
    const files = { "pipeline.yaml": text, "all.yml": BROKEN, "builds/api.yml": "version: 0.2\nphases: {}\nenv: [\n" };
    const [first, second, ...others] = loadIn(files);
    expect(first).toBe(`all.yml:5:14: ${OPEN_QUOTE}`);
    expect(second).toMatch(/^builds\/api\.yml:\d+:\d+: yaml-syntax: no YAML: /);
    expect(others).toEqual(["2 problems in the configuration"]);
  });

  test("of a library user, likewise", () => {
    expect(
      inFolder({ "builds/api.yml": BROKEN }, (folder) =>
        problemsOf(service({ key: "a.rar", buildspec: join(folder, "builds/api.yml") })),
      ),
    ).toEqual([`services[0].key: must end in .zip, .tar, .tar.gz, .tgz or .tar.zst, got "a.rar"`]);
    expect(
      inFolder({ "builds/api.yml": BROKEN }, (folder) =>
        problemsOf(service({ buildspec: join(folder, "builds/api.yml") })),
      ),
    ).toEqual([`builds/api.yml:5:14: ${OPEN_QUOTE}`]);
  });

  test("warns of what it may mean otherwise", () => {
    const text = `${HEAD}services: [{ name: api, buildspec: api.yml }]\n`;
    expect(loadIn({ "pipeline.yaml": text, "api.yml": BUILDSPEC.replace("echo ok", "aws ecr get-login") })).toEqual([
      "api.yml:5:9: get-login: aws ecr get-login is gone from AWS CLI 2, which the current build images have; ECR_HOST is the registry's host name here",
    ]);
  });
});
