import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  CreateBucketCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CreateTopicCommand, SetTopicAttributesCommand, SNSClient } from "@aws-sdk/client-sns";
import { bootstrapStateCommand } from "../../cli/bootstrap-state";
import { preflightCommand } from "../../cli/preflight";
import { startMoto, type Moto } from "../../local/moto";

const MINUTES = 60_000;

let moto: Moto;
let folder: string;
let s3: S3Client;
let sns: SNSClient;

beforeAll(async () => {
  moto = await startMoto({ directory: resolve(__dirname, "../..") });
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL: moto.url,
    AWS_REGION: "us-east-1",
  });
  folder = await mkdtemp(join(tmpdir(), "account-"));
  s3 = new S3Client({ forcePathStyle: true });
  sns = new SNSClient({});
}, 3 * MINUTES);
afterAll(async () => {
  s3.destroy();
  sns.destroy();
  await moto.close();
  await rm(folder, { recursive: true });
});

async function bootstrap(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const code = await bootstrapStateCommand(args, {
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  return { code, ...said };
}

describe("bootstrap-state", () => {
  const POLICY = {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Mine",
        Effect: "Allow",
        Principal: { AWS: "123456789012" },
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::used/*",
      },
    ],
  };

  test("leaves a bucket alone that holds other things or has a policy, and completes it when told to", async () => {
    await s3.send(new CreateBucketCommand({ Bucket: "used" }));
    await s3.send(new PutObjectCommand({ Bucket: "used", Key: "photos/a.jpg", Body: "a" }));
    await s3.send(new PutBucketPolicyCommand({ Bucket: "used", Policy: JSON.stringify(POLICY) }));
    expect(await bootstrap("--bucket", "used")).toStrictEqual({
      code: 1,
      out: "bucket used: is there\n",
      err: 'used holds "photos/a.jpg", which is no state and has a policy of its own: nothing was changed; take a bucket for states alone, or go on with --complete, which keeps objects and statements\n',
    });
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: "used" }))).Status).toBeUndefined();

    const key = "arn:aws:kms:us-east-1:123456789012:key/1f6bd8b2-38a7-4d1a-9a3f-6d2cdbd43f58";
    expect(await bootstrap("--bucket", "used", "--complete", "--kms-key", key)).toStrictEqual({
      code: 0,
      out: [
        "bucket used: is there",
        'bucket used: holds "photos/a.jpg", which is no state, and keeps it',
        "bucket used: has a policy of its own, and keeps it",
        "versioning: switched on",
        `encryption: set to ${key}`,
        "public access: blocked",
        "TLS: demanded from now on",
        `in pipeline.yaml: backend: { s3: { bucket: used, region: us-east-1, kmsKey: "${key}" } }\n`,
      ].join("\n"),
      err: "",
    });
    const { Policy } = await s3.send(new GetBucketPolicyCommand({ Bucket: "used" }));
    expect(JSON.parse(Policy!)).toStrictEqual({
      Version: "2012-10-17",
      Statement: [
        ...POLICY.Statement,
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: ["arn:aws:s3:::used", "arn:aws:s3:::used/*"],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    });
  });

  test("makes a bucket in another partition with that partition's ARNs", async () => {
    expect((await bootstrap("--bucket", "state-cn", "--region", "cn-north-1")).code).toBe(0);
    const { Policy } = await s3.send(new GetBucketPolicyCommand({ Bucket: "state-cn" }));
    expect(JSON.parse(Policy!)).toMatchObject({
      Statement: [{ Resource: ["arn:aws-cn:s3:::state-cn", "arn:aws-cn:s3:::state-cn/*"] }],
    });
  });

  test.each([
    [[], "--bucket is missing\n"],
    [["--bucket", "Images"], '--bucket must be lower-case letters, digits, hyphens and dots, got "Images"\n'],
    [
      ["--bucket", "images", "--kms-key", "state"],
      '--kms-key must be the ARN of a KMS key or of its alias, got "state"\n',
    ],
  ])("%j is refused", async (args, err) => {
    expect(await bootstrap(...args)).toStrictEqual({ code: 2, out: "", err });
  });
});

describe("preflight", () => {
  async function preflight(...lines: readonly string[]): Promise<{ code: number; err: string }> {
    const file = join(folder, "pipeline.yaml");
    await writeFile(file, ["name: images", "region: us-east-1", "services: [api]", ...lines].join("\n"));
    let err = "";
    const code = await preflightCommand(["--file", file], { out: () => undefined, err: (text) => (err += text) });
    return { code, err: err.replaceAll(`${folder}/`, "") };
  }

  test("an existing bucket that is not there", async () => {
    expect(await preflight("bucket: { existing: nobodys-drops }")).toStrictEqual({
      code: 1,
      err: 'pipeline.yaml:4:11 bucket.existing: must exist: have its owner create it, or take bucket.name, got "nobodys-drops"\n',
    });
  });

  test("an existing bucket of another region", async () => {
    const CreateBucketConfiguration = { LocationConstraint: "eu-west-1" } as const;
    await new S3Client({ region: "eu-west-1", forcePathStyle: true }).send(
      new CreateBucketCommand({ Bucket: "far-drops", CreateBucketConfiguration }),
    );
    expect(await preflight("bucket: { existing: far-drops }")).toStrictEqual({
      code: 1,
      err: 'pipeline.yaml:4:11 bucket.existing: must lie in us-east-1, the pipeline\'s region, and lies in eu-west-1, got "far-drops"\n',
    });
  });

  test("an existing bucket that does not report yet, which its owner can change only later", async () => {
    await s3.send(new CreateBucketCommand({ Bucket: "near-drops" }));
    expect(await preflight("bucket: { existing: near-drops }", "trigger: queue")).toStrictEqual({
      code: 0,
      err: 'note: pipeline.yaml:4:11 bucket.existing: does not report to this pipeline yet: after the first apply, its owner adds what the output bucket_owner_must_add prints, got "near-drops"\n',
    });
  });

  test("an existing topic that is not there, that does not let S3 in, that does, and whose key does not", async () => {
    const lines = ["bucket: image-drops", "trigger: { topic: { existing: image-events } }"];
    const at = "pipeline.yaml:5:21 trigger.topic.existing:";
    expect(await preflight(...lines)).toStrictEqual({
      code: 1,
      err: `${at} must exist: have its owner create it, or leave out existing, got "image-events"\n`,
    });
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "image-events" }));
    const letIn = async (bucket: string) => {
      const Statement = [
        {
          Effect: "Allow",
          Principal: { Service: "s3.amazonaws.com" },
          Action: "SNS:Publish",
          Resource: TopicArn,
          Condition: { ArnLike: { "aws:SourceArn": `arn:aws:s3:::${bucket}` } },
        },
      ];
      const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
      await sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }));
    };
    await letIn("other-*");
    expect(await preflight(...lines)).toStrictEqual({
      code: 1,
      err: `${at} must let S3 publish what happens in image-drops: its owner adds what docs/triggers.md shows under "The topic's owner", got "image-events"\n`,
    });
    await letIn("image-*");
    expect(await preflight(...lines)).toStrictEqual({ code: 0, err: "" });
    const key = { AttributeName: "KmsMasterKeyId", AttributeValue: "alias/aws/sns" };
    await sns.send(new SetTopicAttributesCommand({ TopicArn, ...key }));
    expect(await preflight(...lines)).toStrictEqual({
      code: 1,
      err: `${at} must not be encrypted by alias/aws/sns, a key of AWS's whose policy nobody can change, so that S3 could not publish: its owner takes a customer managed key that lets S3 in, or none, got "image-events"\n`,
    });
  });

  test("an existing topic of the account that the provider's role leads to", async () => {
    const theirs = new SNSClient({ credentials: { accessKeyId: "444455556666", secretAccessKey: "test" } });
    const { TopicArn } = await theirs.send(new CreateTopicCommand({ Name: "their-events" }));
    expect(TopicArn).toBe("arn:aws:sns:us-east-1:444455556666:their-events");
    const Statement = [{ Effect: "Allow", Principal: "*", Action: "SNS:Publish", Resource: TopicArn }];
    const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
    await theirs.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }));
    theirs.destroy();
    const lines = ["bucket: image-drops", "trigger: { topic: { existing: their-events } }"];
    expect((await preflight(...lines)).err).toMatch(/ must exist: have its owner create it, or leave out existing, /);
    const role = "arn:aws:iam::444455556666:role/deploy";
    const provider = `provider: { assumeRole: { roleArn: "${role}", externalId: images, sessionName: nightly } }`;
    expect(await preflight(...lines, provider)).toStrictEqual({ code: 0, err: "" });
  });

  test("what stands in the way as JSON", async () => {
    const file = join(folder, "pipeline.yaml");
    await writeFile(file, "{ name: images, region: us-east-1, services: [api], bucket: { existing: nobodys-drops } }");
    let out = "";
    await preflightCommand(["--file", file, "--json"], { out: (text) => (out += text), err: () => undefined });
    expect(JSON.parse(out)).toStrictEqual({
      errors: [
        {
          position: `${file}:1:63`,
          path: "bucket.existing",
          message: 'must exist: have its owner create it, or take bucket.name, got "nobodys-drops"',
        },
      ],
      notes: [],
      imports: [],
    });
  });
});
