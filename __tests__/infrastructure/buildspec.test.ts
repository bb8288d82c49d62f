import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { parsePipeline } from "../../config/parse";
import type { PipelineInput } from "../../config/schema";
import { PipelineStack } from "../../infrastructure/stack";
import { pipelineInput, synthesise } from "../support/synthesis";

type Service = Exclude<PipelineInput["services"][number], string>;

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "buildspec-"))));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const PUBLISHERS = ["stream", "docker"] as const;

describe.each(PUBLISHERS)("with the publisher %s", (publisher) => {
  test("a service that says nothing takes the buildspec of the tools zip", () => {
    expect(buildspecOf({ name: "api" }, { publisher })).toBe("buildspec.yml");
  });

  test("commands go around the publisher's own, in the same phase, and the rest stays", () => {
    const around = parsed(buildspecOf({ name: "api", before: ["echo 1", "echo 2"], after: ["echo 3"] }, { publisher }));
    // What the publisher's buildspec compiles to.
    const file = join(folder, "ours.yml");
    writeFileSync(file, readFileSync(join(__dirname, "../../buildspecs", `${publisher}.yml`)));
    const ours = parsed(buildspecOf({ name: "api", buildspec: file }, { publisher }));
    const { build } = ours.phases;
    expect(build.commands.length).toBeGreaterThan(1);
    expect(around).toStrictEqual({
      ...ours,
      phases: { ...ours.phases, build: { ...build, commands: ["echo 1", "echo 2", ...build.commands, "echo 3"] } },
    });
  });

  test("the publisher's own commands give no warning", () => {
    expect(warningsOf({ name: "api", before: ["true"] }, { publisher })).toStrictEqual([]);
  });
});

describe.each(PUBLISHERS)("an image that cannot choose its version of Node.js, with the publisher %s", (publisher) => {
  const compute = { image: "registry.example/node:22" };

  test("gets the publisher's buildspec without a version, in the project itself", () => {
    const file = join(folder, "ours.yml");
    writeFileSync(file, readFileSync(join(__dirname, "../../buildspecs", `${publisher}.yml`)));
    const { phases, ...ours } = parsed(buildspecOf({ name: "api", buildspec: file }, { publisher }));
    expect(phases).toMatchObject({ install: { "runtime-versions": { nodejs: "22" } } });
    expect(Object.keys(phases)).toStrictEqual(["install", "build"]);
    const { build } = phases;
    expect(parsed(buildspecOf({ name: "api", compute }, { publisher }))).toStrictEqual({ ...ours, phases: { build } });
  });

  test("gets commands around it, too", () => {
    const { phases } = parsed(buildspecOf({ name: "api", compute, before: ["echo 1"] }, { publisher }));
    expect(Object.keys(phases)).toStrictEqual(["build"]);
    expect(phases.build.commands[0]).toBe("echo 1");
  });
});

test.each([
  [{ type: "BUILD_LAMBDA_1GB" }, false],
  [{ type: "BUILD_LAMBDA_1GB", architecture: "arm64" }, false],
  [{ architecture: "arm64" }, true],
  [{ image: "aws/codebuild/standard:7.0" }, true],
  [{ image: "public.ecr.aws/codebuild/amazonlinux-x86_64-standard:5.0" }, false],
] as const)("compute %j takes the buildspec of the tools zip: %p", (compute, takes) => {
  expect(buildspecOf({ name: "api", compute }) === "buildspec.yml").toBe(takes);
});

test.each([
  ["before", { before: ["echo 1"] }, 0],
  ["after", { after: ["echo 1"] }, -1],
])("%s alone is enough", (_option, commands, place) => {
  expect(parsed(buildspecOf({ name: "api", ...commands })).phases.build.commands.at(place)).toBe("echo 1");
});

describe("a buildspec of the service's own", () => {
  test("stands in the project as canonical JSON, beside the tools as the source", () => {
    const buildspec = write("own.yml", "phases:\n  build:\n    commands: [node publish-image.js]\nversion: 0.2\n");
    const { source, source_version } = synthesise({ services: [{ name: "api", buildspec }] }).resource(
      "aws_codebuild_project",
    );
    expect(source).toStrictEqual({
      type: "S3",
      location: "images-tools-111122223333-us-east-1/publish-image.zip",
      buildspec: [
        "{",
        '  "version": 0.2,',
        '  "phases": {',
        '    "build": {',
        '      "commands": [',
        '        "node publish-image.js"',
        "      ]",
        "    }",
        "  }",
        "}",
        "",
      ].join("\n"),
    });
    expect(source_version).toBe("version-id-of-publish-image.zip");
  });

  test("gives the same bytes for the same content, however it is written", () => {
    const block = write("block.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo 1 # why\n");
    const flow = write("flow.yml", '{"phases": {"build": {"commands": ["echo 1"]}}, "version": "0.2"}');
    expect(buildspecOf({ name: "api", buildspec: block })).toBe(buildspecOf({ name: "api", buildspec: flow }));
  });

  test("keeps what looks like Terraform's templates", () => {
    const command = 'echo "${HOME} $${X} %{if} $(date +%{s})"';
    const buildspec = write("templates.yml", commandsYaml(command));
    expect(parsed(buildspecOf({ name: "api", buildspec })).phases.build.commands).toStrictEqual([command]);
    expect(parsed(buildspecOf({ name: "api", after: [command] })).phases.build.commands.at(-1)).toBe(command);
  });

  test("is another service's business alone", () => {
    const buildspec = write("alone.yml", commandsYaml("true"));
    const synthesis = synthesise({ services: [{ name: "api", buildspec }, "web"] });
    expect(synthesis.resource("aws_codebuild_project", "web/project").source).toMatchObject({
      buildspec: "buildspec.yml",
    });
  });
});

describe("what the linter warns of", () => {
  const RISKY = "HASH=$(cat hash | head -1)";

  test("is a warning of the service, which names the file and no folder of this machine", () => {
    const warnings = warningsOf({ name: "api", buildspec: write("risky.yml", commandsYaml(RISKY)) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ path: "images/pipeline/services/api", trace: undefined });
    expect(warnings[0]!.text).toMatch(/^risky\.yml:\d+:\d+ warning pipe-hides-failure: /);
    expect(warnings[0]!.text).not.toContain(folder);
  });

  test("of commands around the publisher's is one, too", () => {
    const warnings = warningsOf({ name: "api", after: [RISKY] });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.text).toMatch(/^before or after: warning pipe-hides-failure: /);
  });
});

describe("the docker publisher", () => {
  test("alone runs in privileged mode", () => {
    const modes = PUBLISHERS.map((publisher) => {
      const { environment } = synthesise({ publisher }).resource("aws_codebuild_project");
      return (environment as { privileged_mode: boolean }).privileged_mode;
    });
    expect(modes).toStrictEqual([false, true]);
  });

  test("may do what stream may do that uses no layers again", () => {
    const stream = synthesise({ defaults: { reuse: false } });
    expect(synthesise({ publisher: "docker" }).policies()).toStrictEqual(stream.policies());
  });

  test("changes the content of the tools, the mode of the projects and what builds may look for, nothing else", () => {
    const [stream, docker] = PUBLISHERS.map((publisher) => synthesise({ publisher }).written());
    expect([...docker!.keys()]).toStrictEqual([...stream!.keys()]);
    const changed = [...docker!].filter(([address, text]) => stream!.get(address) !== text).map(([address]) => address);
    expect(changed).toStrictEqual([
      expect.stringMatching(/^aws_iam_role_policy\.pipeline_services_api_build_/),
      expect.stringMatching(/^aws_codebuild_project\./),
    ]);
  });
});

interface Parsed {
  readonly phases: { readonly build: { readonly commands: readonly string[] } };
}

function parsed(buildspec: string): Parsed {
  return JSON.parse(buildspec) as Parsed;
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function commandsYaml(command: string): string {
  return `version: 0.2\nphases:\n  build:\n    commands:\n      - ${JSON.stringify(command)}\n`;
}

function buildspecOf(service: Service, changes: Partial<PipelineInput> = {}): string {
  const { source } = synthesise({ ...changes, services: [service] }).resource("aws_codebuild_project");
  return (source as { readonly buildspec: string }).buildspec;
}

/** Warnings as `cdktf synth` shows them, and their stack traces, which would name folders of this machine. */
function warningsOf(service: Service, changes: Partial<PipelineInput> = {}) {
  const config = parsePipeline(pipelineInput({ ...changes, services: [service] }));
  const stack = new PipelineStack(new App({ outdir: folder, stackTraces: false }), config);
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === "@cdktf/warn")
        .map(({ data, trace }) => ({ path: node.path, text: String(data), trace })),
    );
}
