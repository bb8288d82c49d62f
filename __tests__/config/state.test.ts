import { parsePipeline } from "../../config/parse";
import { pipeline, problemsOf } from "./make";

test("a workspace is named or chosen by tags", () => {
  const backend = { cloud: { organization: "acme", workspace: "images", tags: ["images"] } };
  expect(problemsOf(pipeline({ backend }))).toStrictEqual([
    "backend.cloud.tags: must not stand beside workspace: name one, or choose among those that carry the tags, got a list of 1",
  ]);
});

test.each([
  ["kmsKey", "alias/state", "must be the ARN of a KMS key or of its alias"],
  ["assumeRole", "writer", "must be the ARN of a role, such as arn:aws:iam::111122223333:role/builds"],
  ["workspaceKeyPrefix", "/teams", "must not begin or end with a slash"],
  ["profile", "my profile", "must be the name of a profile, without spaces or brackets"],
])("backend.s3.%s %j is refused", (option, value, rule) => {
  expect(problemsOf(pipeline({ backend: { s3: { bucket: "state", [option]: value } } }))).toStrictEqual([
    `backend.s3.${option}: ${rule}, got "${value}"`,
  ]);
});

test.each([
  ["images", "must be a path such as /images: a slash before each name, none at the end"],
  ["/images/", "must be a path such as /images: a slash before each name, none at the end"],
  ["/aws/images", "must not begin with /aws or /ssm, which AWS keeps for itself"],
  ["/a".repeat(14), "must have at most 13 levels, so that <prefix>/repository/<service> has at most 15"],
])("outputs.ssm.prefix %j is refused", (prefix, rule) => {
  expect(problemsOf(pipeline({ outputs: { ssm: { prefix } } }))).toStrictEqual([
    `outputs.ssm.prefix: ${rule}, got "${prefix}"`,
  ]);
});

describe("outputs.ssm.prefix is at most as long as its longest parameter leaves it", () => {
  const problems = (length: number, region: string, name: string) =>
    problemsOf(
      pipeline({
        region,
        services: [name],
        roles: "shared",
        outputs: { ssm: { prefix: `/${"p".repeat(length - 1)}` } },
      }),
    );

  test.each([
    ["us-east-2", "api", 944, "dead_letter_queue_url", 45],
    ["us-east-2", "ten-letter", 944, "dead_letter_queue_url", 45],
    ["us-east-2", "eleven-abcd", 943, "repository/eleven-abcd", 45],
    ["us-gov-west-1", "api", 933, "dead_letter_queue_url", 56],
    ["cn-north-1", "s".repeat(143), 807, `repository/${"s".repeat(143)}`, 49],
  ])("in %s, with a service %s", (region, name, most, longest, before) => {
    expect(problems(most, region, name)).toStrictEqual([]);
    expect(problems(most + 1, region, name)).toStrictEqual([
      `outputs.ssm.prefix: must be at most ${most} characters here, so that the parameter <prefix>/${longest} and the ${before} characters of its ARN before it are at most 1011 together, got "/${"p".repeat(99)}"... (${most + 1} characters)`,
    ]);
  });

  test("and may have 13 levels", () => {
    expect(problemsOf(pipeline({ outputs: { ssm: { prefix: "/a".repeat(13) } } }))).toStrictEqual([]);
  });
});

test("a service is there or retired", () => {
  expect(problemsOf(pipeline({ retired: ["api", "old"] }))).toStrictEqual([
    'retired: must list no service that is there: take it out of services, or out of this list, got "api"',
  ]);
  expect(parsePipeline(pipeline({ retired: ["old", "a"] })).retired).toStrictEqual(["a", "old"]);
});

test("a retired service is listed once", () => {
  expect(problemsOf(pipeline({ retired: ["old", "older", "old"] }))).toStrictEqual([
    'retired[2]: must be listed once, got "old"',
  ]);
});

test("a retired service has a name that CDKTF takes", () => {
  expect(problemsOf(pipeline({ retired: ["old", "constructor"] }))).toStrictEqual([
    'retired[1]: must not be constructor, which CDKTF cannot name anything by: take another name, got "constructor"',
  ]);
});

test.each<[unknown, string]>([
  ["local", 'backend: must be a mapping: write { local: {} }, got "local"'],
  [{ local: null }, "backend.local: must be a mapping, which may be empty: write { local: {} }, got nothing"],
])("backend %j is told how a local state is written", (backend, problem) => {
  expect(problemsOf(pipeline({ backend }))).toStrictEqual([problem]);
});
