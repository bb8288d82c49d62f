import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { zipSync, type Zippable } from "fflate";
import { Bench, buildspec, commands, contextOf, zip } from "./codebuild-support";

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start();
  bench.aws.put("drops/tools.zip", "v1", zip({ "buildspec.yml": commands("cat word"), word: "first\n" }));
  bench.aws.put("drops/tools.zip", "v2", zip({ "buildspec.yml": commands("cat word"), word: "second\n" }));
  await bench.create({ source: { type: "S3", location: "drops/tools.zip" } });
});
afterAll(() => bench.close());

test("without a version the newest, with one exactly that", async () => {
  const [newest, first] = await Promise.all([bench.run(), bench.run({ sourceVersion: "v1" })]);
  expect(newest.output).toBe("second\n");
  expect(newest.build.sourceVersion).toBeUndefined();
  expect(first.output).toBe("first\n");
  expect(first.build.sourceVersion).toBe("v1");
});

test("a version of the project is used where StartBuild names none", async () => {
  await bench.create({ name: "pinned", sourceVersion: "v1", source: { type: "S3", location: "drops/tools.zip" } });
  expect((await bench.run({ projectName: "pinned" })).output).toBe("first\n");
  expect((await bench.run({ projectName: "pinned", sourceVersion: "v2" })).output).toBe("second\n");
});

test("the build knows where its source came from", async () => {
  const buildspecOverride = commands("echo $CODEBUILD_SOURCE_VERSION $CODEBUILD_SOURCE_REPO_URL");
  expect((await bench.run({ buildspecOverride, sourceVersion: "v1" })).output).toBe("v1 s3://drops/tools.zip\n");
});

test.each([
  ["drops/none.zip", undefined, "NoSuchKey: The specified key does not exist."],
  ["drops/tools.zip", "v3", "NoSuchVersion: The specified version does not exist."],
])("%s, version %s: not there", async (sourceLocationOverride, sourceVersion, reason) => {
  const { build } = await bench.run({ sourceLocationOverride, sourceVersion });
  expect(build.buildStatus).toBe("FAILED");
  expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({
    statusCode: "CLIENT_ERROR",
    message: `${reason} status code: 404, request id: REQ1, host id: HOST1 for primary source and source version ${sourceVersion ?? ""}`,
  });
});

test("a key that ends in / is a folder", async () => {
  bench.aws.put("drops/tree/buildspec.yml", "v1", Buffer.from(commands("cat deep/er/word")));
  bench.aws.put("drops/tree/deep/er/word", "v1", Buffer.from("found\n"));
  bench.aws.put("drops/treetop", "v1", Buffer.from("not part of it"));
  expect((await bench.run({ sourceLocationOverride: "drops/tree/" })).output).toBe("found\n");
  const { build } = await bench.run({ sourceLocationOverride: "drops/empty/" });
  expect(contextOf(build, "DOWNLOAD_SOURCE")?.message).toBe("NoSuchKey: no object below s3://drops/empty/");
});

test("secondary sources lie beside it, each in its version", async () => {
  const { output } = await bench.run({
    secondarySourcesOverride: [{ type: "S3", location: "drops/tools.zip", sourceIdentifier: "other" }],
    secondarySourcesVersionOverride: [{ sourceIdentifier: "other", sourceVersion: "v1" }],
    buildspecOverride: commands("cat word $CODEBUILD_SRC_DIR_other/word"),
  });
  expect(output).toBe("second\nfirst\n");
});

describe("buildspec", () => {
  test("at a path in the source, in S3 by ARN, inline as YAML", async () => {
    const where = buildspec({ build: { commands: ["echo $WHERE"] } }, { env: { variables: { WHERE: "path" } } });
    bench.aws.put("drops/specs.zip", "v1", zip({ "specs/a.yml": where }));
    bench.aws.put("drops/spec.yml", "v1", Buffer.from(where.replace("path", "s3")));
    const sourceLocationOverride = "drops/specs.zip";
    const outputs = await Promise.all(
      [
        "specs/a.yml",
        "arn:aws:s3:::drops/spec.yml",
        "version: 0.2\nenv: {variables: {WHERE: 1.10}}\nphases: {build: {commands: [echo $WHERE]}}\n",
      ].map(async (buildspecOverride) => (await bench.run({ sourceLocationOverride, buildspecOverride })).output),
    );
    expect(outputs).toEqual(["path\n", "s3\n", "1.10\n"]);
  });

  test("not there", async () => {
    bench.aws.put("drops/bare.zip", "v1", zip({ readme: "" }));
    const { build } = await bench.run({ sourceLocationOverride: "drops/bare.zip" });
    const { statusCode, message } = contextOf(build, "DOWNLOAD_SOURCE")!;
    expect(statusCode).toBe("YAML_FILE_ERROR");
    expect(message).toMatch(/^YAML file does not exist: .*\/src\/buildspec\.yml$/);
  });
});

describe("zip", () => {
  const sourceLocationOverride = "drops/odd.zip";
  const failure = async (files: Zippable | string) => {
    bench.aws.put(sourceLocationOverride, "v", typeof files === "string" ? Buffer.from(files) : zipSync(files));
    const { build } = await bench.run({ sourceLocationOverride, buildspecOverride: commands("true") });
    return contextOf(build, "DOWNLOAD_SOURCE");
  };
  const said = (reason: string) => ({
    statusCode: "CLIENT_ERROR",
    message: expect.stringMatching(
      new RegExp(`^The source s3://drops/odd.zip is no zip that can be unpacked: .*${reason}`),
    ) as string,
  });

  test.each(["../escaped", "/escaped", "a/../../escaped"])("an entry %s is refused", async (name) => {
    expect(await failure({ [name]: Buffer.from("x") })).toEqual(said("(invalid relative path|absolute path)"));
    expect((await readdir(bench.workDirectory)).filter((file) => file.includes("escaped"))).toEqual([]);
  });

  test("a symbolic link is refused", async () => {
    const symbolic = [Buffer.from("/etc/passwd"), { os: 3, attrs: (0o120777 << 16) >>> 0 }] as [Uint8Array, object];
    expect(await failure({ "a-link": symbolic })).toEqual(said("a-link is a symbolic link"));
  });

  test("no zip at all", async () => {
    expect(await failure("plain text")).toEqual(said("[Ee]nd of central directory"));
  });

  test("what was executable still is", async () => {
    const script = [Buffer.from("#!/bin/sh\necho ran\n"), { os: 3, attrs: (0o100755 << 16) >>> 0 }] as [
      Uint8Array,
      object,
    ];
    bench.aws.put("drops/script.zip", "v", zipSync({ "bin/run": script, "bin/data": Buffer.from("") }));
    const { output } = await bench.run({
      sourceLocationOverride: "drops/script.zip",
      buildspecOverride: commands("bin/run", "test -x bin/data || echo plain"),
    });
    expect(output).toBe("ran\nplain\n");
  });
});

test("of a build that has ended only the log stays", async () => {
  const { build } = await bench.run();
  expect(await readdir(join(bench.workDirectory, build.id!.replace(":", "-")))).toEqual(["build.log"]);
});
