import { parsePipeline } from "../../config/parse";
import type { PipelineInput } from "../../config/schema";
import { isDirect, type TriggerConfig } from "../../config/trigger";
import { pipeline, service } from "./make";

const X86_SMALL = {
  type: "BUILD_GENERAL1_SMALL",
  architecture: "x86_64",
  image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
  environmentType: "LINUX_CONTAINER",
};
const PLAIN_STREAM = {
  compression: "gzip",
  reuse: true,
  platform: "all",
  attestations: "keep",
  mountFrom: [],
  limits: {},
};

const STATE_OF_OTHERS = {
  kmsKey: "arn:aws:kms:us-east-1:111122223333:alias/state",
  assumeRole: "arn:aws:iam::111122223333:role/state/writer",
  workspaceKeyPrefix: "teams",
  profile: "state",
};
const CLOUD = { kind: "cloud", hostname: "app.terraform.io", organization: "acme", vcs: false };

test("a name alone is a service", () => {
  expect(
    parsePipeline({ name: "images", region: "us-east-1", bucket: "image-drops", services: ["test-jessie"] }),
  ).toEqual({
    name: "images",
    region: "us-east-1",
    bucket: {
      name: "image-drops",
      existing: false,
      notifications: "own",
      versionsExpireAfterDays: 30,
      uploadsExpireAfterDays: 7,
    },
    trigger: { kind: "queue" },
    publisher: "stream",
    packaging: "archive",
    roles: { builds: "own", namePrefix: "" },
    tools: { prefix: "" },
    encryption: {},
    provider: { allowedAccountIds: [] },
    backend: { kind: "local", path: "terraform.images.tfstate" },
    providerVersion: ">= 5.100.0, < 7.0.0",
    protect: true,
    outputs: {},
    repositories: { scanOnPush: true, untaggedExpireAfterDays: 14, pullAccounts: [] },
    logs: { retentionDays: 30 },
    tags: {},
    services: [
      {
        name: "test-jessie",
        key: "test-jessie.zip",
        archive: "image/test-jessie",
        repository: "test-jessie",
        existingRepository: false,
        tag: "^[0-9a-f]{7,40}$",
        movingTags: ["staging"],
        compute: X86_SMALL,
        buildTimeout: 30,
        queuedTimeout: 480,
        stream: PLAIN_STREAM,
        environment: {},
        before: [],
        after: [],
      },
    ],
    retired: [],
  });
});

test("what a service says goes before defaults, what defaults say before the product's", () => {
  const { services } = parsePipeline(
    pipeline({
      repositories: { prefix: "tomofun/" },
      defaults: {
        sourceAccount: "111122223333",
        tag: "^v",
        movingTags: ["latest"],
        compute: { type: "BUILD_GENERAL1_LARGE" },
        buildTimeout: 10,
        queuedTimeout: 20,
        environment: { A: "defaults", B: "defaults" },
        key: "in/{service}/{anything}.zip",
        before: ["echo defaults"],
        after: ["echo defaults"],
      },
      services: [
        "plain",
        {
          name: "said",
          key: "in/said.zip",
          archive: "said.tar",
          repository: "elsewhere/said",
          sourceAccount: "444455556666",
          tag: "^w",
          movingTags: [],
          compute: { image: "node:22" },
          buildTimeout: 11,
          queuedTimeout: 21,
          environment: { B: "service", C: "service" },
          before: [],
        },
      ],
    }),
  );
  expect(services).toEqual([
    {
      name: "plain",
      key: "in/plain/{anything}.zip",
      archive: "image/plain",
      repository: "tomofun/plain",
      existingRepository: false,
      sourceAccount: "111122223333",
      tag: "^v",
      movingTags: ["latest"],
      compute: { ...X86_SMALL, type: "BUILD_GENERAL1_LARGE" },
      buildTimeout: 10,
      queuedTimeout: 20,
      stream: PLAIN_STREAM,
      environment: { A: "defaults", B: "defaults" },
      before: ["echo defaults"],
      after: ["echo defaults"],
    },
    {
      name: "said",
      key: "in/said.zip",
      archive: "said.tar",
      repository: "elsewhere/said",
      existingRepository: false,
      sourceAccount: "444455556666",
      tag: "^w",
      movingTags: [],
      compute: { ...X86_SMALL, type: "BUILD_GENERAL1_LARGE", image: "node:22" },
      buildTimeout: 11,
      queuedTimeout: 21,
      stream: PLAIN_STREAM,
      environment: { A: "defaults", B: "service", C: "service" },
      before: [],
      after: ["echo defaults"],
    },
  ]);
});

test("an option that is undefined takes its default", () => {
  const undefinedOptions = {
    key: undefined,
    movingTags: undefined,
    compute: { type: undefined },
    sourceAccount: undefined,
  };
  expect(parsePipeline(service(undefinedOptions))).toEqual(parsePipeline(pipeline()));
});

test("the order of services changes nothing", () => {
  const services = ["bb", { name: "aa", key: "x.zip" }, "cc-1", "cc"];
  const sorted = parsePipeline(pipeline({ services }));
  expect(parsePipeline(pipeline({ services: services.toReversed() }))).toEqual(sorted);
  expect(sorted.services.map(({ name }) => name)).toEqual(["aa", "bb", "cc", "cc-1"]);
});

test.each([
  [
    { s3: { bucket: "state" } },
    { kind: "s3", bucket: "state", key: "images.tfstate", region: "us-east-1", lockfile: true },
  ],
  [
    { s3: { bucket: "state", key: "k", region: "eu-west-1", lockfile: false } },
    { kind: "s3", bucket: "state", key: "k", region: "eu-west-1", lockfile: false },
  ],
  [
    { s3: { bucket: "state", ...STATE_OF_OTHERS } },
    {
      kind: "s3",
      bucket: "state",
      key: "images.tfstate",
      region: "us-east-1",
      lockfile: true,
      ...STATE_OF_OTHERS,
    },
  ],
  [{ cloud: { organization: "acme" } }, { ...CLOUD, workspaces: { name: "images" } }],
  [
    { cloud: { organization: "acme", tags: ["images", "prod"], vcs: true } },
    { ...CLOUD, workspaces: { tags: ["images", "prod"] }, vcs: true },
  ],
  [
    { cloud: { organization: "acme", workspace: "w", project: "prod", hostname: "tfe.example.com" } },
    { ...CLOUD, hostname: "tfe.example.com", workspaces: { name: "w" }, project: "prod" },
  ],
  [{ local: {} }, { kind: "local", path: "terraform.images.tfstate" }],
  [{ local: { path: "state/x" } }, { kind: "local", path: "state/x" }],
])("backend %j", (backend, expected) => {
  expect(parsePipeline(pipeline({ backend })).backend).toEqual(expected);
});

test.each([
  [{ cloud: { organization: "acme" } }, undefined, "prebuilt"],
  [{ cloud: { organization: "acme" } }, "archive", "archive"],
  [{ local: {} }, undefined, "archive"],
  [{ local: {} }, "prebuilt", "prebuilt"],
])("packaging with backend %j and %p is %s", (backend, packaging, expected) => {
  expect(parsePipeline(pipeline({ backend, packaging })).packaging).toBe(expected);
});

test.each([
  [
    "drops",
    { name: "drops", existing: false, notifications: "own", versionsExpireAfterDays: 30, uploadsExpireAfterDays: 7 },
  ],
  [
    { name: "drops", versionsExpireAfterDays: 19, uploadsExpireAfterDays: 1 },
    { name: "drops", existing: false, notifications: "own", versionsExpireAfterDays: 19, uploadsExpireAfterDays: 1 },
  ],
  [
    { existing: "theirs" },
    { name: "theirs", existing: true, notifications: "none", versionsExpireAfterDays: 30, uploadsExpireAfterDays: 7 },
  ],
])("bucket %j", (bucket, expected) => {
  expect(parsePipeline(pipeline({ bucket })).bucket).toEqual(expected);
});

test.each([
  ["drops", "queue"],
  [{ existing: "theirs" }, "eventbridge"],
])("without a word about it, the trigger of bucket %j is %s", (bucket, kind) => {
  expect(parsePipeline(pipeline({ bucket })).trigger.kind).toBe(kind);
});

test.each<[PipelineInput["trigger"], TriggerConfig]>([
  ["queue", { kind: "queue" }],
  ["lambda", { kind: "lambda" }],
  ["topic", { kind: "topic", rawDelivery: true }],
  [{ topic: {} }, { kind: "topic", rawDelivery: true }],
  [
    { topic: { existing: "image-events", rawDelivery: false } },
    { kind: "topic", existing: "image-events", rawDelivery: false },
  ],
  ["eventbridge", { kind: "eventbridge", direct: false }],
  [{ eventbridge: { direct: true } }, { kind: "eventbridge", direct: true }],
  ["cloudtrail", { kind: "cloudtrail", trail: false, maxWait: 20, checkInterval: 15 }],
  [{ cloudtrail: { trail: true } }, { kind: "cloudtrail", trail: true, maxWait: 20, checkInterval: 15 }],
  [
    { cloudtrail: { maxWait: 25, checkInterval: 60 }, topic: undefined },
    { kind: "cloudtrail", trail: false, maxWait: 25, checkInterval: 60 },
  ],
])("trigger %j", (trigger, expected) => {
  const resolved = parsePipeline(pipeline({ trigger })).trigger;
  expect(resolved).toStrictEqual(expected);
});

test.each([
  ["queue", false],
  ["lambda", false],
  ["topic", false],
  ["eventbridge", false],
  [{ eventbridge: { direct: true } }, true],
  ["cloudtrail", true],
])("the rules of trigger %j start the builds themselves: %p", (trigger, direct) => {
  expect(isDirect(parsePipeline(pipeline({ trigger })).trigger)).toBe(direct);
});

test("{service} in a key is the service's name, in each place", () => {
  const services = ["ab", { name: "cd", key: "{service}/{anything}/{service}.zip" }];
  const config = parsePipeline(pipeline({ defaults: { key: "{service}/{service}.zip" }, services }));
  expect(config.services.map(({ key }) => key)).toEqual(["ab/ab.zip", "cd/{anything}/cd.zip"]);
});

test("keep is absent unless it is given", () => {
  expect(parsePipeline(pipeline()).repositories).not.toHaveProperty("keep");
  expect(parsePipeline(pipeline({ repositories: { keep: 5 } })).repositories.keep).toBe(5);
});
