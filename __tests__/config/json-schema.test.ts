import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { parseAllDocuments } from "yaml";
import { jsonSchema } from "../../config/json-schema";
import { loadPipelines } from "../../config/load";
import { pipeline, service } from "./make";

const ROOT = join(__dirname, "..", "..");
const accepts = new Ajv({ strict: true, strictRequired: false }).compile(jsonSchema());

test("the file in the repository is current (npm run schema)", () => {
  const file = readFileSync(join(ROOT, "config", "pipeline.schema.json"), "utf8");
  expect(JSON.stringify(JSON.parse(file))).toBe(JSON.stringify(jsonSchema()));
});

test("the sample names it, and is accepted by schema and loader, without a warning", () => {
  const file = join(ROOT, "pipeline.yaml");
  const text = readFileSync(file, "utf8");
  expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./config/pipeline.schema.json");
  for (const document of parseAllDocuments(text)) expect(accepts(document.toJS())).toBe(true);
  const { pipelines, warnings } = loadPipelines(file);
  expect(warnings).toEqual([]);
  expect(pipelines.map(({ name, services }) => [name, services.map((one) => one.name)])).toEqual([
    ["images", ["api", "test-jessie"]],
  ]);
});

test.each<[string, unknown]>([
  ["the least", pipeline()],
  ["a bucket with options", pipeline({ bucket: { name: "drops", versionsExpireAfterDays: 19 } })],
  ["an existing bucket", pipeline({ bucket: { existing: "theirs" } })],
  [
    "a service with options",
    service({ key: "a/é.zip", compute: { type: "BUILD_GENERAL1_LARGE" }, environment: { A: "" } }),
  ],
  ["a backend", pipeline({ backend: { s3: { bucket: "state" } } })],
  ["a trigger", pipeline({ trigger: "eventbridge" })],
  ["a trigger with options", pipeline({ trigger: { cloudtrail: { trail: true, maxWait: 2155, checkInterval: 300 } } })],
  ["a publisher", pipeline({ publisher: "docker" })],
  ["a pattern", service({ key: "{service}/{anything}.zip" })],
  ["commands", service({ before: ["a"], after: [] })],
  [
    "a key of each kind",
    pipeline({
      services: [
        { name: "ab", key: "a.tar" },
        { name: "cd", key: "a.tar.zst" },
      ],
    }),
  ],
  ["compute", pipeline({ defaults: { compute: { type: "BUILD_LAMBDA_2GB", architecture: "arm64" } } })],
  [
    "options of stream",
    service({
      compression: "zstd",
      reuse: false,
      platform: "linux/arm64",
      limits: { archive: "100GiB", layer: 5, ratio: 2.5 },
    }),
  ],
  ["a buildspec", pipeline({ defaults: { before: ["a"] }, services: [{ name: "api", buildspec: "api.yml" }] })],
  ["defaults", pipeline({ defaults: { movingTags: [] }, tags: { "a b": "c" }, logs: { retentionDays: 3653 } })],
])("accepts %s", (_, input) => {
  expect(accepts(input)).toBe(true);
});

test.each<[string, unknown]>([
  ["nothing", null],
  ["no name", { region: "us-east-1", bucket: "drops", services: ["api"] }],
  ["an unknown key", pipeline({ regoin: "x" })],
  ["a bucket that AWS refuses", pipeline({ bucket: "a..b" })],
  ["a bucket without a name", pipeline({ bucket: { versionsExpireAfterDays: 30 } })],
  ["an existing bucket with a lifecycle", pipeline({ bucket: { existing: "theirs", uploadsExpireAfterDays: 7 } })],
  ["days too few", pipeline({ bucket: { name: "drops", versionsExpireAfterDays: 18 } })],
  ["two backends", pipeline({ backend: { local: {}, s3: { bucket: "state" } } })],
  ["no backend in backend", pipeline({ backend: {} })],
  ["no services", pipeline({ services: [] })],
  ["a service's name that AWS refuses", pipeline({ services: ["Api"] })],
  ["a key of another kind", service({ key: "a.rar" })],
  ["a size without a unit", service({ limits: { layer: "100" } })],
  ["a platform without its system", service({ platform: "arm64" })],
  ["a repository twice", service({ mountFrom: ["a-b", "a-b"] })],
  ["an account as a number", service({ sourceAccount: 123456789012 })],
  ["a reserved variable", service({ environment: { DROP_KEY: "x" } })],
  ["a variable as a number", service({ environment: { PORT: 80 } })],
  ["a tag twice", service({ movingTags: ["a", "a"] })],
  ["a timeout too short", service({ buildTimeout: 4 })],
  ["a trigger that is none", pipeline({ trigger: "sqs" })],
  ["two triggers", pipeline({ trigger: { topic: {}, eventbridge: {} } })],
  ["no trigger in trigger", pipeline({ trigger: {} })],
  ["a topic's ARN", pipeline({ trigger: { topic: { existing: "arn:aws:sns:us-east-1:123456789012:events" } } })],
  ["a wait too long", pipeline({ trigger: { cloudtrail: { maxWait: 2156 } } })],
  ["an interval too long", pipeline({ trigger: { cloudtrail: { checkInterval: 301 } } })],
  ["a publisher that is none", pipeline({ publisher: "skopeo" })],
  ["an unknown placeholder", service({ key: "{name}.zip" })],
  ["{anything} too often", service({ key: `${"{anything}/".repeat(5)}x.zip` })],
  ["a key for all services", pipeline({ defaults: { key: "{anything}.zip" } })],
  ["a command that YAML takes for a mapping", service({ before: [{ echo: "a" }] })],
  ["a buildspec beside before", service({ before: [], buildspec: "api.yml" })],
  ["a buildspec beside after", pipeline({ defaults: { after: [], buildspec: "api.yml" } })],
  ["a retention that CloudWatch does not know", pipeline({ logs: { retentionDays: 31 } })],
])("refuses %s", (_, input) => {
  expect(accepts(input)).toBe(false);
});
