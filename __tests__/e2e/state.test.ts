import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { CodeBuildClient, BatchGetProjectsCommand } from "@aws-sdk/client-codebuild";
import {
  DeleteRepositoryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetLifecyclePolicyCommand,
  GetRepositoryPolicyCommand,
} from "@aws-sdk/client-ecr";
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { bootstrapStateCommand } from "../../cli/bootstrap-state";
import { stackDirectory } from "../../local/synth";
import { type Estate, startEstate } from "../support/estate";
import { hasTerraform } from "../support/terraform";

const MINUTES = 60_000;
const PROJECT = resolve(__dirname, "../..");

let estate: Estate | undefined;
let s3: S3Client;

beforeAll(async () => {
  if (!(await hasTerraform())) return;
  estate = await startEstate("us-east-1");
  s3 = new S3Client({ region: "us-east-1", forcePathStyle: true });
}, MINUTES);
afterAll(async () => {
  if (!estate) return;
  s3.destroy();
  await estate.close();
}, MINUTES);

async function bootstrap(...args: readonly string[]): Promise<string> {
  let said = "";
  const tell = (text: string) => (said += text);
  await bootstrapStateCommand(["--region", "us-east-1", ...args], { out: tell, err: tell });
  return said;
}

interface Started {
  readonly child: ChildProcess;
  /** What it printed so far. */
  readonly said: () => string;
  readonly ended: Promise<string>;
}

/** Terraform as people start it, so that a test can stop it. */
async function start(folder: string, ...args: readonly string[]): Promise<Started> {
  const { setup, environment } = estate!;
  const variables = { ...process.env, ...environment.variables, ...(await setup.environmentFor(folder)) };
  const child = spawn(setup.binary, args, { cwd: folder, env: variables, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => said, ended: once(child, "close").then(() => said) };
}

async function lock(key: string): Promise<Record<string, string> | undefined> {
  const asked = s3.send(new GetObjectCommand({ Bucket: "states", Key: `${key}.tflock` }));
  const text = await asked.then(({ Body }) => Body?.transformToString()).catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve_) => setTimeout(resolve_, 100));
  }
}

const PIPELINE = (backend: string, rest = "") => `
name: images
region: us-east-1
bucket: image-drops
trigger: { eventbridge: { direct: true } }
packaging: prebuilt
backend: ${backend}
services: [api]
${rest}`;

const IN_S3 = "{ s3: { bucket: states, kmsKey: 'arn:aws:kms:us-east-1:123456789012:alias/state' } }";

test(
  "a state moves from this machine into a bucket that is made for it, and nothing else changes",
  async () => {
    if (!estate) return;
    await estate.synthesise(PIPELINE("{ local: {} }"));
    const stack = await estate.ours("images");
    await stack.plan();
    await stack.apply();

    await estate.synthesise(PIPELINE(IN_S3));
    expect(await estate.preflight()).toStrictEqual({
      code: 1,
      out: "",
      err: 'pipeline.yaml:7:18 backend.s3.bucket: must exist: run npm run bootstrap-state -- --bucket states --region us-east-1, got "states"\n',
    });
    expect(await bootstrap("--bucket", "states")).toBe(
      [
        "bucket states: created in us-east-1",
        "versioning: switched on",
        "encryption: set to S3's own keys",
        "public access: blocked",
        "TLS: demanded from now on",
        "in pipeline.yaml: backend: { s3: { bucket: states, region: us-east-1 } }\n",
      ].join("\n"),
    );
    expect(await bootstrap("--bucket", "states")).toBe(
      [
        "bucket states: is there",
        "versioning: is on",
        "encryption: is on, by S3's own keys",
        "public access: is blocked",
        "TLS: is demanded",
        "in pipeline.yaml: backend: { s3: { bucket: states, region: us-east-1 } }\n",
      ].join("\n"),
    );
    expect(await bootstrap("--bucket", "image-drops")).toContain("bucket image-drops: is there\n");

    const folder = stackDirectory(join(estate.directory, "project/cdktf.out"), "images");
    const migration = await start(folder, "init", "-migrate-state", "-force-copy", "-input=false", "-no-color");
    expect(await migration.ended).toContain('Successfully configured the backend "s3"!');
    expect(await stack.plan()).toMatchObject({ changes: false });
    const { ServerSideEncryption, SSEKMSKeyId } = await s3.send(
      new HeadObjectCommand({ Bucket: "states", Key: "images.tfstate" }),
    );
    expect({ ServerSideEncryption, SSEKMSKeyId }).toStrictEqual({
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: "arn:aws:kms:us-east-1:123456789012:alias/state",
    });
    expect(await estate.preflight()).toStrictEqual({ code: 0, out: "nothing stands in the way\n", err: "" });
  },
  4 * MINUTES,
);

test(
  "what protects stays: a destroy is refused, a retired service's repository is let go of",
  async () => {
    if (!estate) return;
    const stack = await estate.ours("images");
    await expect(stack.destroy()).rejects.toMatchObject({
      lastLines: expect.arrayContaining([expect.stringContaining("Instance cannot be destroyed")]) as unknown,
    });

    await estate.synthesise(PIPELINE(IN_S3).replace("services: [api]", "services: [web]\nretired: [api]"));
    await stack.plan();
    await stack.apply();
    const { repositories = [] } = await new ECRClient({}).send(new DescribeRepositoriesCommand({}));
    expect(repositories.map(({ repositoryName }) => repositoryName).toSorted()).toStrictEqual(["api", "web"]);
    const { projects } = await new CodeBuildClient({}).send(new BatchGetProjectsCommand({ names: ["images_api"] }));
    expect(projects).toStrictEqual([]);

    await estate.synthesise(
      PIPELINE(IN_S3, "protect: false").replace("services: [api]", "services: [web]\nretired: [api]"),
    );
    await stack.destroy();
    const after = await new ECRClient({}).send(new DescribeRepositoriesCommand({}));
    expect(after.repositories?.map(({ repositoryName }) => repositoryName)).toStrictEqual(["api"]);
    await new ECRClient({}).send(new DeleteRepositoryCommand({ repositoryName: "api" }));
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name)).toStrictEqual(["states"]);
  },
  4 * MINUTES,
);

test(
  "a bucket and a repository that are handed over to others stay as they are, and leave the state",
  async () => {
    if (!estate) return;
    const made = `
name: given
region: us-east-1
bucket: given-drops
repositories: { pullAccounts: ["444455556666"] }
packaging: prebuilt
services: [given-api]
`;
    const handedOver = made
      .replace(/^repositories.*$/m, "")
      .replace("given-drops", "{ existing: given-drops }\ntrigger: queue")
      .replace("[given-api]", "[{ name: given-api, repository: { existing: given-api } }]");
    await estate.synthesise(made);
    const stack = await estate.ours("given");
    await stack.plan();
    await stack.apply();
    await s3.send(new PutObjectCommand({ Bucket: "given-drops", Key: "notes.txt", Body: "a drop of theirs" }));
    const before = await lookAtGiven();

    await estate.synthesise(handedOver);
    expect((await stack.plan()).summary).toMatch(/^Plan: 0 to add, 1 to change, 0 to destroy\./);
    await stack.apply();
    expect(await lookAtGiven()).toStrictEqual(before);
    expect((await stack.plan()).summary).toMatch(/^No changes\./);
    await stack.destroy();
    expect(await lookAtGiven()).toStrictEqual(before);
  },
  4 * MINUTES,
);

/** Whatever a pipeline configures of a bucket and of a repository. */
async function lookAtGiven(): Promise<Readonly<Record<string, unknown>>> {
  const bucket = { Bucket: "given-drops" };
  const repository = { repositoryName: "given-api" };
  const ecr = new ECRClient({});
  try {
    const answers = await Promise.all([
      s3.send(new GetBucketEncryptionCommand(bucket)),
      s3.send(new GetBucketLifecycleConfigurationCommand(bucket)),
      s3.send(new GetBucketNotificationConfigurationCommand(bucket)),
      s3.send(new GetBucketOwnershipControlsCommand(bucket)),
      s3.send(new GetBucketPolicyCommand(bucket)),
      s3.send(new GetBucketVersioningCommand(bucket)),
      s3.send(new GetPublicAccessBlockCommand(bucket)),
      s3.send(new ListObjectVersionsCommand(bucket)),
      ecr.send(new DescribeRepositoriesCommand({ repositoryNames: ["given-api"] })),
      ecr.send(new GetLifecyclePolicyCommand(repository)).then((answer) => ({ ...answer, lastEvaluatedAt: undefined })),
      ecr.send(new GetRepositoryPolicyCommand(repository)),
    ]);
    return Object.assign({}, ...answers, { $metadata: undefined }) as Record<string, unknown>;
  } finally {
    ecr.destroy();
  }
}

/** Something that takes as long as a test needs, after something that is quick. */
const slow = (key: string) => ({
  terraform: {
    backend: { s3: { bucket: "states", key, region: "us-east-1", use_lockfile: true } },
  },
  provider: { aws: { region: "us-east-1" } },
  resource: {
    terraform_data: {
      first: { input: "done" },
      second: {
        depends_on: ["terraform_data.first"],
        provisioner: [{ "local-exec": { command: "echo started; exec sleep 60" } }],
      },
    },
  },
});

test(
  "of two applies at once, the second fails and names who holds the lock; SIGTERM has the first write its state and let go",
  async () => {
    if (!estate) return;
    await bootstrap("--bucket", "states");
    await estate.theirs("slow", slow("slow.tfstate"));
    const folder = join(estate.directory, "slow");
    const first = await start(folder, "apply", "-auto-approve", "-input=false", "-no-color");
    const { ID, Who } = await until(() => lock("slow.tfstate"));
    const second = await (await start(folder, "apply", "-auto-approve", "-input=false", "-no-color")).ended;
    expect(second).toContain("Error acquiring the state lock");
    expect(second).toContain(`ID:        ${ID!}`);
    expect(second).toContain(`Who:       ${Who!}`);

    await until(() => Promise.resolve(first.said().includes("(local-exec): started") || undefined));
    first.child.kill("SIGTERM");
    await first.ended;
    expect(await lock("slow.tfstate")).toBeUndefined();
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "states", Key: "slow.tfstate" }));
    const state = JSON.parse((await Body?.transformToString()) ?? "") as { resources: { name: string }[] };
    expect(state.resources.map(({ name }) => name)).toContain("first");
  },
  2 * MINUTES,
);

test(
  "after kill -9 in mid-apply, force-unlock and the imports that the preflight lists bring everything back",
  async () => {
    if (!estate) return;
    await bootstrap("--bucket", "states");
    const yaml = PIPELINE("{ s3: { bucket: states, key: killed.tfstate } }")
      .replaceAll("images", "killed")
      .replaceAll("image-drops", "killed-drops")
      .replace("[api]", "[killed-api]");
    await estate.synthesise(yaml);
    await estate.ours("killed");
    const folder = stackDirectory(join(estate.directory, "project/cdktf.out"), "killed");
    const { child, ended } = await start(folder, "apply", "-auto-approve", "-input=false", "-no-color");
    // The project is made late: much is there by then, and nothing of it is written yet.
    await until(async () => {
      const { projects = [] } = await new CodeBuildClient({}).send(
        new BatchGetProjectsCommand({ names: ["killed_killed-api"] }),
      );
      return projects[0];
    });
    child.kill("SIGKILL");
    await ended;
    const { ID, Who } = (await lock("killed.tfstate"))!;
    const locked = await estate.preflight();
    expect(locked.code).toBe(1);
    expect(locked.err).toMatch(/^pipeline\.yaml:7:12 backend\.s3: is locked by /);
    expect(locked.err).toContain(`is locked by ${Who!}, for apply, since `);
    expect(locked.err).toContain(`where it was killed, run terraform force-unlock ${ID!} in the stack's folder`);

    const cdktf = await promisify(execFile)(
      join(PROJECT, "node_modules/.bin/cdktf"),
      [
        "apply",
        "killed",
        "--auto-approve",
        "--skip-synth",
        "--skip-provider-lock",
        "--output",
        join(estate.directory, "project/cdktf.out"),
      ],
      { cwd: PROJECT, env: { ...process.env, ...(await estate.setup.environmentFor(folder)), CI: "1" } },
    ).catch((error: unknown) => error as { stdout: string; stderr: string });
    expect(cdktf.stdout + cdktf.stderr).toContain(`Who:       ${Who!}`);

    const unlocked = await start(folder, "force-unlock", "-force", ID!);
    expect(await unlocked.ended).toContain("has been successfully unlocked");
    const stack = await estate.ours("killed");
    await stack.plan();
    const { code, out } = await estate.preflight("--plan", await estate.showPlan(stack));
    expect(code).toBe(1);
    const lines = out.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      const [, address = "", id = ""] = /^terraform import '([^']*)' '([^']*)'$/.exec(line) ?? [];
      const imported = await start(folder, "import", "-input=false", "-no-color", address, id);
      expect([line, await imported.ended]).toStrictEqual([line, expect.stringContaining("Import successful!")]);
    }
    await stack.plan();
    expect((await estate.preflight("--plan", await estate.showPlan(stack))).out).toBe("nothing stands in the way\n");
    await stack.apply();
    expect(await stack.plan()).toMatchObject({ changes: false });
  },
  5 * MINUTES,
);
