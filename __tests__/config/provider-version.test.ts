import { parsePipeline } from "../../config/parse";
import { loadProblems, pipeline, problemsOf } from "./make";

const MANY = ["a", "b", "c", "d", "e", "f"];

test("every version from the bindings' on is taken, up to 6", () => {
  expect(parsePipeline(pipeline()).providerVersion).toBe(">= 5.100.0, < 7.0.0");
});

test.each([">= 5.100.0, < 7.0.0", ">= 5.100, < 6.0", ">= 6.8.0, < 7.0.0", ">= 6.66.1, < 6.66.2"])(
  "%s is taken",
  (providerVersion) => {
    expect(parsePipeline(pipeline({ providerVersion })).providerVersion).toBe(providerVersion);
  },
);

test.each([
  ["< 7.0.0, >= 6.8.0", 'must be a lower and an upper bound in this order, such as ">= 6.8.0, < 7.0.0"'],
  ["~> 6.8", 'must be a lower and an upper bound in this order, such as ">= 6.8.0, < 7.0.0"'],
  ["6.8.0", 'must be a lower and an upper bound in this order, such as ">= 6.8.0, < 7.0.0"'],
  [">= 5.99.9, < 7.0.0", "must begin with >= 5.100.0 or newer"],
  [">= 6.8.0, < 7.0.1", "must end with < 7.0.0 or older"],
  [">= 6.8.0, < 6.8.0", "must have a lower bound below the upper one"],
])("%s is refused", (providerVersion, rule) => {
  expect(problemsOf(pipeline({ providerVersion }))).toStrictEqual([
    `providerVersion: ${rule}, got "${providerVersion}"`,
  ]);
});

test("five moving tags are the most that ECR excludes from immutability", () => {
  const input = (providerVersion: string, count: number) =>
    pipeline({ providerVersion, services: [{ name: "api", movingTags: MANY.slice(0, count) }] });
  expect(problemsOf(input(">= 6.8.0, < 7.0.0", 5))).toStrictEqual([]);
  expect(problemsOf(input(">= 6.7.9, < 7.0.0", 6))).toStrictEqual([]);
  expect(problemsOf(input(">= 6.8.0, < 7.0.0", 6))).toStrictEqual([
    "services[0].movingTags: must list at most 5 tags where providerVersion begins with >= 6.8.0: ECR excludes no more from immutability, got a list of 6",
  ]);
});

test("too many moving tags are blamed where they stand, once", () => {
  const text = `name: images
region: us-east-1
bucket: image-drops
providerVersion: ">= 6.8.0, < 7.0.0"
defaults: { movingTags: [${MANY.join(", ")}] }
services: [a1, a2]
`;
  expect(loadProblems(text)).toStrictEqual([
    "pipeline.yaml:5:13 defaults.movingTags: must list at most 5 tags where providerVersion begins with >= 6.8.0: ECR excludes no more from immutability, got a list of 6",
  ]);
});
