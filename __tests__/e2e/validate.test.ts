import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { KEY_ENDINGS } from "../../config/key-endings";
import { parsePipeline } from "../../config/parse";
import type { PipelineInput } from "../../config/schema";
import { PipelineStack } from "../../infrastructure/stack";
import { everythingExisting, thingsOf } from "../support/existing";
import { pipelineInput, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";
import { validateStack } from "../support/terraform";

let outdir: string;
beforeEach(() => (outdir = mkdtempSync(join(tmpdir(), "validate-"))));
afterEach(() => {
  rmSync(outdir, { recursive: true });
});

const US_EAST = { partition: "aws", region: "us-east-1" };
const { ourKey, boundary, buildsRole } = thingsOf(US_EAST);

const PIPELINES: Readonly<Record<string, Partial<PipelineInput>>> = {
  "an existing bucket, one role, prebuilt packages": {
    bucket: { existing: "their-drops" },
    roles: "shared",
    packaging: "prebuilt",
  },
  "state in S3 with everything said, notifications of others, a retired service, parameters": {
    bucket: { existing: "their-drops" },
    backend: {
      s3: {
        bucket: "our-state",
        kmsKey: "arn:aws:kms:us-east-1:111122223333:alias/state",
        assumeRole: "arn:aws:iam::111122223333:role/writer",
        workspaceKeyPrefix: "teams/${x}",
        profile: "state",
      },
    },
    retired: ["old", "older_one"],
    outputs: { ssm: { prefix: "/estate/images" } },
  },
  "workspaces by tags": {
    protect: false,
    backend: { cloud: { organization: "examples", tags: ["images", "prod"], vcs: true } },
  },
  "state in HCP Terraform": { region: "us-gov-west-1", backend: { cloud: { organization: "examples" } } },
  "values that look like templates": {
    services: [
      {
        name: "api",
        key: "drops/*/a?$b.zip",
        archive: "image/${api}",
        tag: "^v%{2}$",
        movingTags: ["staging", "latest"],
        environment: { HOME_OF: "${HOME}", QUOTED: 'a "b"\n%{ if }' },
      },
    ],
    repositories: { keep: 10 },
  },
  "commands around the docker publisher's": {
    publisher: "docker",
    services: [{ name: "api", before: ['echo "${HOME}: %{x}"'], after: ['echo "$GIT_HASH"'] }],
  },
  "every kind of compute": {
    services: [
      "ec2-x86",
      { name: "ec2-arm", compute: { architecture: "arm64", type: "BUILD_GENERAL1_2XLARGE" } },
      { name: "lambda-x86", compute: { type: "BUILD_LAMBDA_1GB" }, after: ["echo done"] },
      { name: "lambda-arm", compute: { architecture: "arm64", type: "BUILD_LAMBDA_10GB" } },
    ],
  },
  "everything that the stream publisher can be told, and every ending of a key": {
    roles: "shared",
    defaults: {
      compression: "zstd",
      reuse: false,
      platform: "linux/arm64",
      attestations: "drop",
      mountFrom: ["team/base"],
      limits: { archive: "100GiB", layer: "20GiB", ratio: 2.5 },
    },
    services: KEY_ENDINGS.map((ending, index) => ({ name: `s${index}`, key: `{service}/{anything}${ending}` })),
  },
  "everything existing, in three accounts": everythingExisting(US_EAST),
  "a customer's key, and a trail": { encryption: { kmsKey: ourKey }, trigger: { cloudtrail: { trail: true } } },
  "a customer's key, and a topic": { encryption: { kmsKey: ourKey }, trigger: "topic" },
  "roles as the company wants them, and accounts that pull": {
    roles: { path: "/teams/", permissionBoundary: boundary, namePrefix: "corp-" },
    repositories: { pullAccounts: ["444455556666"] },
    provider: { assumeRole: { roleArn: buildsRole, externalId: "images" }, allowedAccountIds: ["111122223333"] },
  },
  ...Object.fromEntries(
    TRIGGER_NAMES.map((name) => [
      `the trigger ${name}, for a key that JSON has to escape`,
      { trigger: TRIGGERS[name], packaging: "prebuilt", services: [{ name: "api", key: 'a "<b>"\\$ü.zip' }] },
    ]),
  ),
};

test.each(Object.keys(PIPELINES))(
  "real Terraform accepts the stack of %s",
  async (title) => {
    const app = new App({ outdir, stackTraces: false });
    new PipelineStack(app, parsePipeline(pipelineInput(PIPELINES[title])));
    app.synth();
    expect(await validateStack(join(outdir, "stacks/images"))).toStrictEqual([]);
  },
  120_000,
);
