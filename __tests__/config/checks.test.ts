import { parsePipeline } from "../../config/parse";
import { loadProblems, loadText, pipeline, problemsOf } from "./make";

describe("within a pipeline", () => {
  test.each<[string, unknown[], string[]]>([
    [
      "one name",
      ["api", "web", { name: "api", key: "x.zip" }],
      [`services[2].name: must not be the name of services[0] too, got "api"`],
    ],
    [
      "one key",
      ["api", { name: "web", key: "api.zip" }],
      [`services[1].key: must not be the key of services[0] too, got "api.zip"`],
    ],
    [
      "one key in the other order",
      [{ name: "web", key: "api.zip" }, "api"],
      [`services[1].key: must not be the key of services[0] too, got "api.zip"`],
    ],
    [
      "one repository",
      ["api", { name: "web", repository: "api" }],
      [`services[1].repository: must not be the repository of services[0] too, got "api"`],
    ],
    [
      "three with one key: each after the first",
      [
        { name: "aa", key: "x.zip" },
        { name: "bb", key: "x.zip" },
        { name: "cc", key: "x.zip" },
      ],
      [
        `services[1].key: must not be the key of services[0] too, got "x.zip"`,
        `services[2].key: must not be the key of services[0] too, got "x.zip"`,
      ],
    ],
    [
      "keys that differ in case",
      [
        { name: "aa", key: "x.zip" },
        { name: "bb", key: "X.zip" },
      ],
      [],
    ],
    [
      "beside a service that is refused",
      ["api", { name: "Bad" }, { name: "web", key: "api.zip" }],
      [
        `services[1].name: must be lower-case letters and digits joined by single hyphens or underscores, got "Bad"`,
        `services[2].key: must not be the key of services[0] too, got "api.zip"`,
      ],
    ],
  ])("services with %s", (_, services, problems) => {
    expect(problemsOf(pipeline({ services }))).toEqual(problems);
  });

  test("the state must not lie in the bucket that it describes", () => {
    const backend = { s3: { bucket: "image-drops" } };
    expect(problemsOf(pipeline({ backend }))).toEqual([
      `backend.s3.bucket: must not be the bucket that the pipeline creates, got "image-drops"`,
    ]);
    expect(problemsOf(pipeline({ backend, bucket: { existing: "image-drops" } }))).toEqual([]);
  });

  test("a moving tag that the tag rule matches, be the rule the service's or a default", () => {
    const services = ["api", { name: "web", tag: "^v", movingTags: ["stable", "v1"] }];
    expect(problemsOf(pipeline({ services, defaults: { movingTags: ["cafe", "facade0"] } }))).toEqual([
      `services[0].movingTags[1]: must not match the rule for the image's own tag, ^[0-9a-f]{7,40}$, got "facade0"`,
      `services[1].movingTags[1]: must not match the rule for the image's own tag, ^v, got "v1"`,
    ]);
  });

  test("prefix and name together are a repository's name", () => {
    const longest = { repositories: { prefix: `${"p".repeat(252)}/` } };
    expect(problemsOf(pipeline(longest))).toEqual([]);
    expect(problemsOf(pipeline({ ...longest, services: ["apis"] }))).toEqual([
      `services[0].repository: must have 2 to 256 characters, got "${"p".repeat(100)}"... (257 characters)`,
    ]);
    expect(problemsOf(pipeline({ services: ["a"] }))).toEqual([
      `services[0].repository: must have 2 to 256 characters, got "a"`,
    ]);
  });
});

describe("names derived from pipeline and service", () => {
  test.each([
    ["us-east-1", 34],
    ["ap-northeast-1", 29],
  ])("the tools bucket in %s leaves a pipeline's name %i characters", (region, most) => {
    expect(problemsOf(pipeline({ region, name: "a".repeat(most) }))).toEqual([]);
    expect(problemsOf(pipeline({ region, name: "a".repeat(most + 1) }))).toEqual([
      `name: must be at most ${most} characters here, so that the name of its tools bucket (<name>-tools-000000000000-${region}) is at most 63, got "${"a".repeat(most + 1)}"`,
    ]);
  });

  test.each([
    ["own", 51, "role (images_<name>_build) is at most 64"],
    ["shared", 143, "build project (images_<name>) is at most 150"],
  ])("with roles: %s a service's name has at most %i characters", (roles, most, reason) => {
    const named = (length: number) =>
      pipeline({ roles, services: ["ok", { name: "s".repeat(length), repository: "repo", archive: "a" }] });
    const shown = most + 1 > 100 ? `"${"s".repeat(100)}"... (${most + 1} characters)` : `"${"s".repeat(most + 1)}"`;
    expect(problemsOf(named(most))).toEqual([]);
    expect(problemsOf(named(most + 1))).toEqual([
      `services[1].name: must be at most ${most} characters here, so that the name of its ${reason}, got ${shown}`,
    ]);
  });
});

const document = (lines: Readonly<Record<string, string>>) =>
  Object.entries({ name: "images", region: "us-east-1", bucket: "image-drops", services: "[api]", ...lines })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
const file = (...documents: Readonly<Record<string, string>>[]) => documents.map(document).join("---\n");
const other = { name: "other", bucket: "other-drops", services: "[web]" };

describe("between pipelines", () => {
  test.each<[string, Readonly<Record<string, string>>, string[]]>([
    ["nothing", {}, []],
    [
      "a name",
      { name: "images", backend: "{ local: { path: x } }" },
      [`pipeline.yaml:6:1 name: must not be the name of pipeline images too, got "images"`],
    ],
    [
      "a name in two regions",
      { name: "images", region: "eu-west-1", backend: "{ local: { path: x } }" },
      [`pipeline.yaml:6:1 name: must not be the name of pipeline images too, got "images"`],
    ],
    [
      "a bucket",
      { bucket: "image-drops" },
      [`pipeline.yaml:8:1 bucket: must not be the bucket of pipeline images too, got "image-drops"`],
    ],
    [
      "a bucket, once taken as it is",
      { bucket: "{ existing: image-drops }" },
      [`pipeline.yaml:8:1 bucket: must not be the bucket of pipeline images too, got "image-drops"`],
    ],
    ["a bucket's name in another partition", { bucket: "image-drops", region: "cn-north-1" }, []],
    [
      "a repository",
      { services: "[web, api]" },
      [`pipeline.yaml:9:17 services[1].repository: must not be the repository of pipeline images too, got "api"`],
    ],
    ["a repository's name in another region", { services: "[web, api]", region: "eu-west-1" }, []],
    [
      "a local state",
      { backend: "{ local: { path: terraform.images.tfstate } }" },
      [`pipeline.yaml:10:1 backend: must not be the state of pipeline images too, got "terraform.images.tfstate"`],
    ],
    [
      "the bucket of the one as the state of the other",
      { backend: "{ s3: { bucket: image-drops } }" },
      [`pipeline.yaml:10:18 backend.s3.bucket: must not be the bucket that pipeline images creates, got "image-drops"`],
    ],
  ])("%s in common", (_, lines, problems) => {
    expect(loadProblems(file({}, { ...other, ...lines }))).toEqual(problems);
  });

  test.each([
    ["{ s3: { bucket: state, key: k } }", "s3://state/k"],
    ["{ cloud: { organization: acme, workspace: w } }", "app.terraform.io/acme/w"],
  ])("one state: %s", (backend, state) => {
    expect(loadProblems(file({ backend }, { ...other, backend }))).toEqual([
      `pipeline.yaml:11:1 backend: must not be the state of pipeline images too, got "${state}"`,
    ]);
  });

  test("a pipeline that comes first may keep its state in a bucket that nobody creates", () => {
    const backend = "{ s3: { bucket: state } }";
    expect(loadProblems(file({ backend }, { ...other, backend }))).toEqual([]);
  });

  test("a service that is refused does not hide what the others have in common", () => {
    expect(loadProblems(file({ services: "[Bad, api]" }, { ...other, services: "[api]" }))).toEqual([
      `pipeline.yaml:4:12 services[0]: must be lower-case letters and digits joined by single hyphens or underscores, got "Bad"`,
      `pipeline.yaml:9:12 services[0].repository: must not be the repository of pipeline images too, got "api"`,
    ]);
  });
});

describe("warnings", () => {
  const warnings = (text: string) =>
    loadText(text).warnings.map((warning) => warning.replace(/^.*pipeline\.yaml/, "pipeline.yaml"));
  const services = (count: number, from = 0) =>
    `[${Array.from({ length: count }, (_, index) => `s${from + index}`).join(", ")}]`;

  test("none for a plain pipeline", () => {
    expect(warnings(file({}))).toEqual([]);
  });

  test("an existing bucket", () => {
    expect(warnings(file({ bucket: "{ existing: theirs }" }))).toEqual([
      "pipeline.yaml:3:11 bucket.existing: is taken as it is: its owner must have it send s3:ObjectCreated:* events to the queue images_drops",
    ]);
  });

  test("packaging that a remote run cannot carry", () => {
    const backend = "{ cloud: { organization: acme } }";
    expect(warnings(file({ backend, packaging: "archive" }))).toEqual([
      "pipeline.yaml:6:1 packaging: archive has Terraform zip the programs when it plans, and HCP Terraform may apply on another machine: use prebuilt",
    ]);
    expect(warnings(file({ backend }))).toEqual([]);
    expect(warnings(file({ packaging: "archive" }))).toEqual([]);
  });

  test("more roles than an account has by default", () => {
    const backend = "{ local: {} }";
    expect(warnings(file({ services: services(999), backend }))).toEqual([]);
    expect(warnings(file({ services: services(1000), backend }))).toEqual([
      "pipeline.yaml: 1001 roles pass IAM's default quota of 1000 an account: have it raised, or set roles: shared",
    ]);
    expect(warnings(file({ services: services(1000), roles: "shared" }))).toEqual([]);
  });

  test("more build projects than a region has by default", () => {
    const halves = (region: string, extra: number) =>
      file(
        { roles: "shared", services: services(2500) },
        { ...other, region, roles: "shared", services: services(2500 + extra, 2500) },
      );
    expect(warnings(halves("us-east-1", 0))).toEqual([]);
    expect(warnings(halves("us-east-1", 1))).toEqual([
      "pipeline.yaml: 5001 build projects in us-east-1 pass CodeBuild's default quota of 5000: have it raised",
    ]);
    expect(warnings(halves("eu-west-1", 1))).toEqual([]);
  });
});

test("a checked pipeline shares nothing with its input", () => {
  const services = ["bb", "aa"];
  parsePipeline(pipeline({ services }));
  expect(services).toEqual(["bb", "aa"]);
});
