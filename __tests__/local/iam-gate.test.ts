import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { BatchGetBuildsCommand, CodeBuildClient, StartBuildCommand, StopBuildCommand } from "@aws-sdk/client-codebuild";
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import {
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { UndecidedError, UnsupportedPolicyError } from "../../local/iam/errors";
import { startGate, type Gate, type GateEvent } from "../../local/iam/gate";
import { denial, FakeIam } from "../support/fake-iam";
import { LoopbackServer } from "../support/loopback";

const ROLE = "arn:aws-cn:iam::123456789012:role/build";
const CALLER = { roleArn: ROLE, sessionName: "AWSCodeBuild-1" };
const region = "cn-north-1";

let iam: FakeIam;
let gate: Gate;
let aws: Upstream;
let codebuild: Upstream;
let codebuildUrl: string;
let events: GateEvent[];
let settings: {
  endpoint: string;
  region: string;
  credentials: Awaited<ReturnType<FakeIam["assumeRole"]>>;
  maxAttempts: 1;
};

/** Answers as a test says, and remembers what came. */
class Upstream extends LoopbackServer {
  readonly requests: { method: string; path: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  next: { status?: number; headers?: Record<string, string>; body: string | Buffer } = { body: "{}" };

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    this.requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body });
    const { status = 200, headers = {}, body: answer } = this.next;
    response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : answer);
  }
}

beforeEach(async () => {
  iam = new FakeIam();
  [aws, codebuild] = await Promise.all([new Upstream().start(), new Upstream().start()]);
  codebuildUrl = codebuild.endpoint;
  events = [];
  gate = await startGate({
    endpoint: aws.endpoint,
    codebuild: () => codebuildUrl,
    iam,
    onEvent: (event) => events.push(event),
  });
  const credentials = await iam.assumeRole(ROLE, { service: "codebuild.amazonaws.com" }, "AWSCodeBuild-1");
  settings = { endpoint: gate.url, region, credentials, maxAttempts: 1 };
});
afterEach(async () => {
  await gate.close();
  await Promise.all([aws.close(), codebuild.close()]);
});

const asked = () => iam.asked.map(({ action, resource, context }) => [action, resource, ...(context ? [context] : [])]);

describe("what is allowed goes through", () => {
  test("to CodeBuild, as it was sent", async () => {
    codebuild.next = { body: '{"build":{"id":"api:1"}}' };
    const client = new CodeBuildClient(settings);
    const { build } = await client.send(new StartBuildCommand({ projectName: "images_api" }));
    expect(build?.id).toBe("api:1");
    expect(iam.asked).toStrictEqual([
      {
        principal: CALLER,
        action: "codebuild:StartBuild",
        resource: "arn:aws-cn:codebuild:cn-north-1:123456789012:project/images_api",
      },
    ]);
    expect(codebuild.requests).toHaveLength(1);
    expect(codebuild.requests[0]).toMatchObject({ method: "POST", body: '{"projectName":"images_api"}' });
    expect(codebuild.requests[0]?.headers).toMatchObject({
      "x-amz-target": "CodeBuild_20161006.StartBuild",
      host: gate.url.replace("http://", ""),
    });
    expect(aws.requests).toHaveLength(0);
    expect(events).toHaveLength(0);
  });

  test("an object, with its status, headers and range, in pieces", async () => {
    const body = Buffer.alloc(3_000_000, "0123456789");
    aws.next = { status: 206, headers: { "content-range": "bytes 0-2999999/9000000", etag: '"e"' }, body };
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    const input = { Bucket: "drops", Key: "a b/ü+%.zip", VersionId: "v1", Range: "bytes=0-2999999" };
    const { Body, ContentRange, ETag } = await s3.send(new GetObjectCommand(input));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
    expect([ContentRange, ETag]).toStrictEqual(["bytes 0-2999999/9000000", '"e"']);
    expect(aws.requests[0]?.headers.range).toBe("bytes=0-2999999");
    expect(asked()).toStrictEqual([["s3:GetObjectVersion", "arn:aws-cn:s3:::drops/a b/ü+%.zip"]]);
  });

  test("a token for ECR, which then stands for the role", async () => {
    const data = { authorizationToken: "QVdTOng=", proxyEndpoint: "https://registry" };
    aws.next = { body: JSON.stringify({ authorizationData: [data] }) };
    const ecr = new ECRClient(settings);
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
    const [{ authorizationToken = "", proxyEndpoint } = {}] = authorizationData ?? [];
    expect(Buffer.from(authorizationToken, "base64").toString()).toBe(`AWS:password-of-${ROLE}`);
    expect(proxyEndpoint).toBe("https://registry");
    expect(asked()).toStrictEqual([["ecr:GetAuthorizationToken", "*"]]);
  });

  test("a service's own refusals, too", async () => {
    aws.next = { status: 412, body: "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>" };
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    await expect(s3.send(new GetObjectCommand({ Bucket: "b", Key: "k" }))).rejects.toMatchObject({
      name: "PreconditionFailed",
    });
  });
});

describe("what is not allowed is answered as the service would", () => {
  test("by CodeBuild", async () => {
    iam.denied.add("codebuild:BatchGetBuilds");
    const client = new CodeBuildClient(settings);
    const message = denial(
      "codebuild:BatchGetBuilds",
      "arn:aws-cn:codebuild:cn-north-1:123456789012:project/images_api",
    );
    await expect(client.send(new BatchGetBuildsCommand({ ids: ["images_api:1"] }))).rejects.toMatchObject({
      name: "AccessDeniedException",
      message,
      $metadata: { httpStatusCode: 400 },
    });
    expect(codebuild.requests).toHaveLength(0);
    expect(events.map((event) => (event.type === "denied" ? event.error.message : event))).toStrictEqual([message]);
  });

  test("by S3, in XML, and to HEAD without a body", async () => {
    iam.denied.add("s3:GetObject");
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    await expect(s3.send(new GetObjectCommand({ Bucket: "b", Key: "<&>" }))).rejects.toMatchObject({
      name: "AccessDenied",
      message: denial("s3:GetObject", "arn:aws-cn:s3:::b/<&>"),
      $metadata: { httpStatusCode: 403 },
    });
    await expect(s3.send(new HeadObjectCommand({ Bucket: "b", Key: "k" }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    expect(aws.requests).toHaveLength(0);
    expect(events.map(({ type }) => type)).toStrictEqual(["denied", "denied"]);
  });

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
  test("only who may list a bucket learns that an object is missing", async () => {
    aws.next = { status: 404, body: "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>" };
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    const get = new GetObjectCommand({ Bucket: "drops", Key: "team/api.zip" });
    // However long it takes to look at the policies, the answer is whole.
    const looked = jest.spyOn(iam, "authorize").mockImplementation(() => setTimeout(20));
    await expect(s3.send(get)).rejects.toMatchObject({ name: "NoSuchKey", message: "none" });
    expect(looked).toHaveBeenCalledTimes(2);
    looked.mockRestore();
    iam.denied.add("s3:ListBucket");
    await expect(s3.send(get)).rejects.toMatchObject({
      name: "AccessDenied",
      message: denial("s3:ListBucket", "arn:aws-cn:s3:::drops"),
    });
  });

  test.each([
    ["codebuild", "UnrecognizedClientException", "The security token included in the request is invalid."],
    ["s3", "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."],
  ])("%s: to an unknown access key", async (service, name, message) => {
    const unknown = { ...settings, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
    const call =
      service === "s3"
        ? new S3Client({ ...unknown, forcePathStyle: true }).send(new GetObjectCommand({ Bucket: "b", Key: "k" }))
        : new CodeBuildClient(unknown).send(new StartBuildCommand({ projectName: "a" }));
    await expect(call).rejects.toMatchObject({ name, message, $metadata: { httpStatusCode: 403 } });
    expect(iam.asked).toHaveLength(0);
    expect(events).toStrictEqual([{ type: "refused", message: `${message} (test, ${service})` }]);
  });

  test("to nobody without a signature", async () => {
    const response = await fetch(gate.url, { method: "POST", body: "{}" });
    expect(response.status).toBe(403);
    expect(await response.json()).toStrictEqual({
      __type: "MissingAuthenticationTokenException",
      message: "Missing Authentication Token: the gate takes calls that are signed with a role's credentials",
    });
    expect(aws.requests).toHaveLength(0);
  });

  test("a policy that is not understood decides nothing", async () => {
    const cause = new UnsupportedPolicyError("policy p", "S", "NotAction", "is there");
    const error = new UndecidedError("User: role", "codebuild:StartBuild", "a", cause);
    jest.spyOn(iam, "authorize").mockRejectedValue(error);
    await expect(new CodeBuildClient(settings).send(new StartBuildCommand({ projectName: "a" }))).rejects.toMatchObject(
      {
        name: "UnsupportedPolicy",
        message: error.message,
        $metadata: { httpStatusCode: 400 },
      },
    );
    expect(events).toStrictEqual([{ type: "refused", message: error.message }]);
  });

  test("where the service does not answer", async () => {
    await codebuild.close();
    const call = new CodeBuildClient(settings).send(new StartBuildCommand({ projectName: "a" }));
    await expect(call).rejects.toMatchObject({ $metadata: { httpStatusCode: 502 } });
    expect(String((events[0] as { message?: string }).message)).toMatch(
      /^the gate cannot pass a call to codebuild on: .*ECONNREFUSED/,
    );
    codebuild = await new Upstream().start();
  });
});

test("an operation without a mapping is let through to nobody", async () => {
  const message =
    "The gate does not know which permissions CodeBuild_20161006.StopBuild takes, so it lets nobody call it. " +
    "Teach it to local/iam/operations.ts";
  await expect(new CodeBuildClient(settings).send(new StopBuildCommand({ id: "a:1" }))).rejects.toMatchObject({
    name: "UnmappedOperation",
    message,
  });
  expect(iam.asked).toHaveLength(0);
  expect(codebuild.requests).toHaveLength(0);
  expect(events).toStrictEqual([{ type: "refused", message }]);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  await expect(s3.send(new PutObjectCommand({ Bucket: "b", Key: "k", Body: "x" }))).rejects.toMatchObject({
    name: "UnmappedOperation",
  });
  expect(aws.requests).toHaveLength(0);
});

test("a client that leaves takes its call along", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  codebuildUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const leave = new AbortController();
  const asked = once(silent, "request") as Promise<[IncomingMessage]>;
  const input = new StartBuildCommand({ projectName: "a" });
  const call = new CodeBuildClient(settings).send(input, { abortSignal: leave.signal });
  const [{ socket }] = await asked;
  const left = once(socket, "close");
  leave.abort();
  await expect(call).rejects.toThrow("Request aborted");
  await left;
  silent.close();
});

test("as the SDK writes the calls", async () => {
  aws.next = { body: "<Result/>" };
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const Bucket = "drops";
  await s3.send(new HeadBucketCommand({ Bucket }));
  await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "p" }));
  await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: "p" }));
  await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "p" }));
  await s3.send(new GetBucketLocationCommand({ Bucket }));
  await s3.send(new GetBucketAclCommand({ Bucket }));
  aws.next = { body: "{}" };
  await new ECRClient(settings).send(new BatchGetImageCommand({ repositoryName: "r", imageIds: [] }));
  await new ECRClient(settings).send(new DescribeImagesCommand({ repositoryName: "r" }));
  const bucket = "arn:aws-cn:s3:::drops";
  expect(asked()).toStrictEqual([
    ["s3:ListBucket", bucket],
    ["s3:ListBucket", bucket, { "s3:prefix": "p" }],
    ["s3:ListBucketVersions", bucket, { "s3:prefix": "p" }],
    ["s3:ListBucketMultipartUploads", bucket],
    ["s3:GetBucketLocation", bucket],
    ["s3:GetBucketAcl", bucket],
    ["ecr:BatchGetImage", "arn:aws-cn:ecr:cn-north-1:123456789012:repository/r"],
    ["ecr:DescribeImages", "arn:aws-cn:ecr:cn-north-1:123456789012:repository/r"],
  ]);
});
