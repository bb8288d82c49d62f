import { checkDeployer } from "../../config/check-policies";
import { ConfigError } from "../../config/errors";
import { jsonSchema } from "../../config/json-schema";
import { parsePipeline } from "../../config/parse";
import { policyDocument } from "../../config/policies/statement";
import type { PipelineConfig, PipelineInput } from "../../config/schema";
import { deployerPolicy } from "../../infrastructure/deployer-policy";
import { existingThings, thingsOf } from "../support/existing";
import { ACCOUNTS, pipelineInput, synthesiseConfig, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

/** Beyond what IAM takes. */
const STRANGE = "日";
/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html */
const TAKEN = /^[\t\n\r\u0020-\u00FF]+$/;

type Path = readonly (string | number)[];

const THINGS = existingThings(ACCOUNTS[0]!);
const { ourKey, buildsRole, boundary } = thingsOf(ACCOUNTS[0]!);
const STREAM = { platform: "linux/amd64", mountFrom: ["base"], limits: { archive: "1GiB", layer: "1GiB" } };
const SERVICE = {
  key: "drops/{service}.zip",
  sourceAccount: "111122223333",
  tag: "^v",
  movingTags: ["staging"],
  compute: { image: "node:22" },
  environment: { COLOUR: "red" },
  before: ["echo before"],
  after: ["echo after"],
  ...STREAM,
};

/** Among them, every option that is a text. */
const INPUTS: readonly Partial<PipelineInput>[] = [
  ...Object.values(THINGS),
  { vpc: { ...THINGS["VPC with NAT"].vpc, account: "444455556666" } },
  { roles: "shared", defaults: { key: "{service}.zip" }, services: ["web", { name: "api", key: "api.zip" }] },
  { roles: "shared", trigger: "cloudtrail", services: [{ name: "api", key: "api.zip" }] },
  { ...THINGS["builds' role"], trigger: "cloudtrail", services: [{ name: "api", key: "api.zip" }] },
  ...TRIGGER_NAMES.map((name) => ({ trigger: TRIGGERS[name], services: [{ name: "api", key: "api.zip" }] })),
  {
    bucket: { name: "image-drops" },
    providerVersion: ">= 6.8.0, < 7.0.0",
    roles: { path: "/teams/", namePrefix: "corp-", permissionBoundary: boundary },
    outputs: { ssm: { prefix: "/images" } },
    repositories: { prefix: "team/", pullAccounts: ["444455556666"] },
    provider: {
      assumeRole: { roleArn: buildsRole, externalId: "outside", sessionName: "deploy" },
      allowedAccountIds: ["111122223333"],
    },
    tags: { team: "images" },
    defaults: SERVICE,
    services: ["web", { name: "api", archive: "image/api", repository: "team/api", ...SERVICE, key: "api.zip" }],
    retired: ["old"],
  },
  {
    backend: {
      s3: {
        bucket: "state",
        region: "us-east-1",
        key: "images.tfstate",
        kmsKey: ourKey,
        assumeRole: buildsRole,
        workspaceKeyPrefix: "env",
        profile: "states",
      },
    },
    services: [{ name: "api", repository: { existing: "api", account: "444455556666" } }],
  },
  { backend: { s3: { bucket: "state", key: "images.tfstate", workspaceKeyPrefix: "env" } } },
  { backend: { cloud: { organization: "acme", workspace: "images", project: "images" } } },
  { backend: { cloud: { organization: "acme", tags: ["images"], hostname: "tfe.example.com" } } },
  { backend: { local: { path: "state/images.tfstate" } } },
];

/** The character at the end of a text, at its beginning and within, and in the place of it; and so in the keys of mappings. */
function* strangeForms(value: unknown, path: Path = []): Generator<[path: Path, value: unknown]> {
  if (typeof value === "string") {
    for (const text of [value + STRANGE, STRANGE + value, value.replace(/.(?=.)/, `$&${STRANGE}`), STRANGE])
      yield [path, text];
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  const rest: Record<string, unknown> = { ...value };
  for (const [key, each] of Object.entries(rest)) {
    for (const [inner, changed] of strangeForms(each, [...path, isList ? 0 : key])) {
      const whole = { ...rest, [key]: changed };
      yield [inner, isList ? Object.values(whole) : whole];
    }
    if (!isList) yield [[...path, "*"], { ...rest, [key + STRANGE]: each }];
  }
}

/** Where the JSON Schema takes a text that is not one of a few words. */
function* texts(schema: unknown, path: Path = []): Generator<string> {
  const { type, properties, items, additionalProperties, anyOf, ...rest } = schema as Readonly<Record<string, unknown>>;
  if (type === "string" && !("enum" in rest) && !("const" in rest)) yield path.join(".");
  for (const [key, inner] of Object.entries(properties ?? {})) yield* texts(inner, [...path, key]);
  if (items !== undefined) yield* texts(items, [...path, 0]);
  if (typeof additionalProperties === "object") yield* texts(additionalProperties, [...path, "*"]);
  for (const inner of (anyOf ?? []) as unknown[]) yield* texts(inner, path);
}

function parse(input: unknown): PipelineConfig | undefined {
  try {
    return parsePipeline(input as PipelineInput);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** What IAM and KMS get of a stack, from it or from owners of what exists, and of whoever deploys it. */
function documentsOf(config: PipelineConfig): string[] {
  const synthesis = synthesiseConfig(config);
  const made = [...synthesis.policies()].filter(([name]) => name.startsWith("aws_iam_"));
  const told = Object.entries((synthesis.output.for_others?.value ?? {}) as Record<string, string>);
  const types = new Set(Object.keys(synthesis.counts()));
  return [
    ...made.map(([, policy]) => JSON.stringify(policy)),
    ...told.filter(([part]) => /_role_|_key_policy$/.test(part)).map(([, policy]) => policy),
    ...(checkDeployer(config).length === 0 ? [policyDocument(...deployerPolicy(config, types))] : []),
  ];
}

const tried = new Set<string>();
const accepted = new Set<string>();
const refused = new Set<string>();
for (const input of INPUTS) {
  for (const [path, changed] of strangeForms(pipelineInput(input))) {
    const where = path.join(".");
    tried.add(where);
    const config = parse(changed);
    if (config === undefined) continue;
    accepted.add(where);
    if (documentsOf(config).some((text) => !TAKEN.test(text))) refused.add(where);
  }
}

test("whatever text of the configuration holds it, no document for IAM holds a character that IAM refuses", () => {
  expect([...refused]).toStrictEqual([]);
});

test("every option that is a text was tried, but for names of files that must exist", () => {
  const known = new Set(texts(jsonSchema()));
  expect([...known].filter((path) => !tried.has(path)).toSorted()).toStrictEqual([
    "defaults.buildspec",
    "services.0.buildspec",
  ]);
});

test("these options take the character somewhere", () => {
  expect([...accepted].toSorted()).toStrictEqual([
    "backend.local.path",
    // The deployer's policy is refused with these two, and no pipeline.
    "backend.s3.key",
    "backend.s3.profile",
    "backend.s3.workspaceKeyPrefix",
    "defaults.after.0",
    "defaults.before.0",
    "defaults.environment.COLOUR",
    // With roles that are not of one service.
    "defaults.key",
    "defaults.tag",
    "services.0.after.0",
    "services.0.archive",
    "services.0.before.0",
    "services.0.environment.COLOUR",
    "services.0.key",
    "services.0.tag",
    "tags.*",
    "tags.team",
  ]);
});
