import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { loadPipelines } from "../../config/load";
import { parsePipeline } from "../../config/parse";
import { type BucketNotifications, renderOthers } from "../../config/notifications";
import { PipelineStack } from "../../infrastructure/stack";
import { everythingExisting } from "../support/existing";
import { ACCOUNTS, pipelineInput, synthesise, Synthesis, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

const ROOT = join(__dirname, "../..");

const THEIRS: BucketNotifications = {
  bucket: "theirs",
  eventbridge: false,
  entries: [
    {
      kind: "queue",
      id: "thumbnails",
      arn: "arn:aws:sqs:us-east-1:111122223333:thumbnails",
      events: ["s3:ObjectCreated:Put"],
      prefix: "photos/",
      suffix: ".jpg",
    },
    {
      kind: "function",
      id: "audit",
      arn: "arn:aws:lambda:us-east-1:111122223333:function:audit",
      events: ["s3:ObjectRemoved:*"],
    },
  ],
};

/** A pipeline on a bucket whose notifications are adopted, or left again. */
function onTheirs(notifications: string, trigger = "queue"): Synthesis {
  const folder = mkdtempSync(join(tmpdir(), "estate-"));
  try {
    const file = join(folder, "pipeline.yaml");
    const bucket = `{ existing: theirs, notifications: ${notifications} }`;
    writeFileSync(file, `{ name: images, region: us-east-1, bucket: ${bucket}, trigger: ${trigger}, services: [api] }`);
    writeFileSync(join(folder, "notifications.images.json"), renderOthers(THEIRS));
    const [config] = loadPipelines(file).pipelines;
    const stack = new PipelineStack(new App({ outdir: folder, stackTraces: false }), config!);
    stack.prepareStack();
    return new Synthesis(stack.toTerraform() as ConstructorParameters<typeof Synthesis>[0]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const THEIR_BLOCKS = {
  queue: [
    {
      id: "thumbnails",
      queue_arn: "arn:aws:sqs:us-east-1:111122223333:thumbnails",
      events: ["s3:ObjectCreated:Put"],
      filter_prefix: "photos/",
      filter_suffix: ".jpg",
    },
  ],
  lambda_function: [
    {
      id: "audit",
      lambda_function_arn: "arn:aws:lambda:us-east-1:111122223333:function:audit",
      events: ["s3:ObjectRemoved:*"],
    },
  ],
};
const KEPT = { bucket: "theirs", lifecycle: { prevent_destroy: true } };

describe("adopted notifications", () => {
  test("are managed whole, with the pipeline's own beside them, and taken over by an import", () => {
    const pipeline = onTheirs("adopt");
    expect(pipeline.resource("aws_s3_bucket_notification")).toStrictEqual({
      ...KEPT,
      ...THEIR_BLOCKS,
      queue: [
        ...THEIR_BLOCKS.queue,
        {
          id: "images_drops",
          queue_arn: "arn:aws:sqs:us-east-1:111122223333:images_drops",
          events: ["s3:ObjectCreated:*"],
          filter_suffix: ".zip",
        },
      ],
    });
    expect(JSON.parse(pipeline.text)).toMatchObject({
      import: [{ to: "aws_s3_bucket_notification.pipeline_bucket_notification_6EE086B6", id: "theirs" }],
    });
    expect(pipeline.output).not.toHaveProperty("bucket_owner_must_add");
  });

  test("get EventBridge switched on beside them, where the trigger is that", () => {
    expect(onTheirs("adopt", "eventbridge").resource("aws_s3_bucket_notification")).toStrictEqual({
      ...KEPT,
      ...THEIR_BLOCKS,
      eventbridge: true,
    });
  });

  test("stay without the pipeline's own when it is leaving, in the same resource", () => {
    const pipeline = onTheirs("leaving");
    expect(pipeline.resource("aws_s3_bucket_notification")).toStrictEqual({ ...KEPT, ...THEIR_BLOCKS });
    const addresses = ["adopt", "leaving"].map((notifications) =>
      [...onTheirs(notifications).written().keys()].filter((address) => address.includes("notification")),
    );
    expect(addresses[0]).toStrictEqual(addresses[1]);
  });

  test("are no resource any more once it has left, and Terraform forgets them", () => {
    const left = onTheirs("none");
    expect(left.counts()).not.toHaveProperty("aws_s3_bucket_notification");
    expect(left.forgotten()).toContain("aws_s3_bucket_notification.pipeline_bucket_notification_6EE086B6");
  });
});

test("notifications of a bucket of one's own can be somebody else's", () => {
  const pipeline = synthesise({ bucket: { name: "image-drops", notifications: "none" }, trigger: "eventbridge" });
  expect(pipeline.counts()).not.toHaveProperty("aws_s3_bucket_notification");
  expect(pipeline.output.bucket_owner_must_add?.value).toBe("eventbridge = true");
});

describe("the state", () => {
  test("in S3 is locked, encrypted by the key, and written by the role", () => {
    const backend = {
      s3: {
        bucket: "states",
        kmsKey: "arn:aws:kms:us-east-1:111122223333:alias/state",
        assumeRole: "arn:aws:iam::111122223333:role/writer",
        workspaceKeyPrefix: "teams",
        profile: "state",
      },
    };
    expect(synthesise({ backend }).terraform.backend).toStrictEqual({
      s3: {
        bucket: "states",
        key: "images.tfstate",
        region: "us-east-1",
        encrypt: true,
        use_lockfile: true,
        kms_key_id: "arn:aws:kms:us-east-1:111122223333:alias/state",
        assume_role: { role_arn: "arn:aws:iam::111122223333:role/writer" },
        workspace_key_prefix: "teams",
        profile: "state",
      },
    });
    const { s3 } = synthesise({ backend: { s3: { bucket: "states", lockfile: false } } }).terraform.backend as {
      s3: object;
    };
    expect(s3).not.toHaveProperty("use_lockfile");
  });

  test("in HCP Terraform is that of a workspace by name or by tags", () => {
    const cloud = (options: object) =>
      synthesise({ backend: { cloud: { organization: "acme", ...options } } }).terraform.cloud;
    const common = { hostname: "app.terraform.io", organization: "acme" };
    expect(cloud({ project: "prod" })).toStrictEqual({ ...common, workspaces: { name: "images", project: "prod" } });
    expect(cloud({ tags: ["images"], vcs: true })).toStrictEqual({ ...common, workspaces: { tags: ["images"] } });
  });
});

test("for remote runs, every file that the JSON names lies in the stack's folder, and Terraform zips nothing", () => {
  const outdir = mkdtempSync(join(tmpdir(), "cloud-"));
  try {
    const app = new App({ outdir, stackTraces: false });
    const backend = { cloud: { organization: "acme" } };
    new PipelineStack(app, parsePipeline({ ...pipelineInput(), backend }));
    app.synth();
    const folder = join(outdir, "stacks/images");
    const json = readFileSync(join(folder, "cdk.tf.json"), "utf8");
    const named = [...json.matchAll(/"(?:filename|source|content_path)": "(assets\/[^"]*)"/g)].map(
      ([, path = ""]) => path,
    );
    expect(named).toHaveLength(2);
    for (const path of named) expect([path, existsSync(join(folder, path))]).toStrictEqual([path, true]);
    expect(json).not.toContain("archive_file");
  } finally {
    rmSync(outdir, { recursive: true });
  }
});

test("protect: false lets Terraform destroy what is empty", () => {
  const pipeline = synthesise({ protect: false });
  expect(pipeline.text).not.toContain("prevent_destroy");
  expect(pipeline.resource("aws_ecr_repository")).toMatchObject({ force_delete: false });
});

test("the tools' bucket is not protected: nothing in it cannot be made again", () => {
  expect(synthesise().resource("aws_s3_bucket", "tools/private/bucket")).not.toHaveProperty("lifecycle");
});

test("a retired service's repository is let go of, with its rules", () => {
  const repositories = { pullAccounts: ["444455556666"] };
  const before = synthesise({ services: ["api", "old"], repositories });
  const after = synthesise({ retired: ["old"], repositories });
  const gone = [...before.written().keys()].filter((address) => !after.written().has(address));
  expect(after.forgotten()).toStrictEqual(gone.filter((address) => address.startsWith("aws_ecr_")).toSorted());
  expect(after.forgotten()).toHaveLength(3);
});

test("outputs are parameters of SSM by choice, one for each text and each repository", () => {
  const pipeline = synthesise({ outputs: { ssm: { prefix: "/images" } }, services: ["api", "web"] });
  const parameter = (path: string) => pipeline.resource("aws_ssm_parameter", `parameters/${path}`);
  expect(pipeline.counts().aws_ssm_parameter).toBe(7);
  expect(parameter("repository/web")).toStrictEqual({
    name: "/images/repository/web",
    type: "String",
    insecure_value: "111122223333.dkr.ecr.us-east-1.amazonaws.com/web",
    description: "The repository of web",
  });
  expect(parameter("queue_url")).toMatchObject({
    name: "/images/queue_url",
    insecure_value: "https://sqs.us-east-1.amazonaws.com/111122223333/images_drops",
  });
  expect(synthesise().counts()).not.toHaveProperty("aws_ssm_parameter");
});

test.each(TRIGGER_NAMES)(
  "no parameter of trigger %s is longer than what is checked: <prefix>/dead_letter_queue_url, or that of a service",
  (trigger) => {
    const names = [
      ...synthesise({ trigger: TRIGGERS[trigger], outputs: { ssm: { prefix: "/images" } } }).text.matchAll(
        /"name":"(\/images\/[^"]*)"/g,
      ),
    ].map(([, name = ""]) => name);
    expect(names).toContain("/images/repository/api");
    expect(names.toSorted((a, b) => b.length - a.length)[0]).toBe("/images/dead_letter_queue_url");
  },
);

test("what other owners must add is no parameter", () => {
  const pipeline = synthesise({ bucket: { existing: "theirs" }, outputs: { ssm: { prefix: "/images" } } });
  expect(pipeline.output).toHaveProperty("bucket_owner_must_add");
  expect(pipeline.text).not.toContain("/images/bucket_owner_must_add");
});

/** Outputs in docs/outputs.md, in its order. */
function documented(): string[] {
  const page = readFileSync(join(ROOT, "docs/outputs.md"), "utf8");
  return [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name);
}

test("docs/outputs.md lists the outputs that there are, and no other", () => {
  const names = TRIGGER_NAMES.flatMap((name) =>
    ["image-drops", { existing: "their-drops" }].flatMap((bucket) =>
      Object.keys(synthesise({ trigger: TRIGGERS[name], bucket }).output),
    ),
  );
  names.push(...Object.keys(synthesise(everythingExisting(ACCOUNTS[0]!)).output));
  expect(documented().toSorted()).toStrictEqual([...new Set(names)].toSorted());
});

const RELEASES = join(ROOT, "__tests__/fixtures/releases");

describe.each(readdirSync(RELEASES))("what release %s made", (release) => {
  const { pipelines } = loadPipelines(join(RELEASES, release, "pipeline.yaml"));
  test.each(pipelines.map(({ name }) => name))("of pipeline %s has the same address today", (name) => {
    const json = JSON.parse(readFileSync(join(RELEASES, release, `${name}.tf.json`), "utf8")) as {
      resource: Record<string, Record<string, unknown>>;
    };
    const outdir = mkdtempSync(join(tmpdir(), "release-"));
    const app = new App({ outdir, stackTraces: false });
    const stack = new PipelineStack(
      app,
      pipelines.find((pipeline) => pipeline.name === name)!,
    );
    stack.prepareStack();
    const today = new Synthesis(stack.toTerraform() as ConstructorParameters<typeof Synthesis>[0]);
    rmSync(outdir, { recursive: true });
    const { moved = [] } = JSON.parse(today.text) as { moved?: { from: string }[] };
    const known = new Set([...today.written().keys(), ...moved.map(({ from }) => from)]);
    const addresses = Object.entries(json.resource).flatMap(([type, ids]) =>
      Object.keys(ids).map((id) => `${type}.${id}`),
    );
    expect(addresses.filter((address) => !known.has(address))).toStrictEqual([]);
  });
});
