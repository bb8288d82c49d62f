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
])("outputs.ssm.prefix %j is refused", (prefix, rule) => {
  expect(problemsOf(pipeline({ outputs: { ssm: { prefix } } }))).toStrictEqual([
    `outputs.ssm.prefix: ${rule}, got "${prefix}"`,
  ]);
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
