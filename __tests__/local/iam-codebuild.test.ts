import { startGate, type Gate } from "../../local/iam/gate";
import { denial, FakeIam } from "../support/fake-iam";
import { Bench, commands, contextOf, phasesOf, startFakeAws, zip, type FakeAws } from "./codebuild-support";

const ROLE = "arn:aws:iam::123456789012:role/build";
const PROJECT = "arn:aws:codebuild:us-east-1:123456789012:project/sample";
const GROUP = "/aws/codebuild/sample";

const iam = new FakeIam();
let aws: FakeAws;
let gate: Gate;
let bench: Bench;
beforeAll(async () => {
  aws = await startFakeAws();
  gate = await startGate({ endpoint: aws.url, codebuild: () => bench.codebuild.url, iam });
  bench = await Bench.start({
    endpoint: aws.url,
    permissions: { iam, gate: gate.url },
    buildEnvironment: { AWS_ENDPOINT_URL: aws.url, AWS_ACCESS_KEY_ID: "test" },
  });
  const print = "echo $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN $AWS_ENDPOINT_URL";
  aws.put("tools/tools.zip", "v1", zip({ "buildspec.yml": commands(print) }));
  aws.groups.add(GROUP);
  await bench.create({ source: { type: "S3", location: "tools/tools.zip" }, sourceVersion: "v1" });
});
afterAll(async () => {
  await bench.close();
  await gate.close();
  await aws.close();
});
beforeEach(() => {
  iam.denied.clear();
  for (const list of [iam.asked, iam.assumed]) list.length = 0;
});

/** A build of the project without `action`. */
async function runWithout(action: string) {
  iam.denied.add(action);
  const { id, arn } = await bench.startBuild();
  const build = await bench.ended(id);
  const resource = iam.asked.find((asked) => asked.action === action)?.resource ?? "";
  return { build, arn, refusal: denial(action, resource) };
}

test("a build does everything as the project's service role, and its commands, too", async () => {
  const { build, output } = await bench.run();
  const uuid = build.id!.replace("sample:", "");
  expect(build.buildStatus).toBe("SUCCEEDED");
  expect(iam.assumed).toStrictEqual([`${ROLE} codebuild.amazonaws.com ${PROJECT} 123456789012 AWSCodeBuild-${uuid}`]);
  const accessKeyId = "ASIA0000000000000001";
  expect(output).toBe(`${accessKeyId} secret-${accessKeyId} token-${accessKeyId} ${gate.url}\n`);
  const stream = `arn:aws:logs:us-east-1:123456789012:log-group:${GROUP}:log-stream:${uuid}`;
  expect(iam.asked.slice(0, 5).map(({ action, resource }) => `${action} ${resource}`)).toStrictEqual([
    `logs:CreateLogStream ${stream}`,
    "s3:GetBucketLocation arn:aws:s3:::tools",
    "s3:GetBucketAcl arn:aws:s3:::tools",
    "s3:GetObjectVersion arn:aws:s3:::tools/tools.zip",
    `logs:PutLogEvents ${stream}`,
  ]);
  expect(new Set(iam.asked.map(({ principal }) => JSON.stringify(principal)))).toStrictEqual(
    new Set([JSON.stringify({ roleArn: ROLE, sessionName: `AWSCodeBuild-${uuid}` })]),
  );
  expect(aws.logs.get(`${GROUP} ${uuid}`)).toContain("Phase complete: BUILD State: SUCCEEDED");
});

test("it does not start where CodeBuild may not assume the role", async () => {
  iam.denied.add("sts:AssumeRole");
  const { id } = await bench.startBuild();
  const build = await bench.ended(id);
  expect(phasesOf(build)).toStrictEqual([
    "SUBMITTED SUCCEEDED",
    "QUEUED SUCCEEDED",
    "PROVISIONING FAILED",
    "COMPLETED",
  ]);
  expect(contextOf(build, "PROVISIONING")).toStrictEqual({
    statusCode: "ACCESS_DENIED",
    message: `CodeBuild is not authorized to perform: sts:AssumeRole on ${ROLE}. Error message: ${denial("sts:AssumeRole", ROLE)}`,
  });
});

test("it does not start where it may not make its log stream", async () => {
  const { build, arn, refusal } = await runWithout("logs:CreateLogStream");
  expect(phasesOf(build)).toStrictEqual([
    "SUBMITTED SUCCEEDED",
    "QUEUED SUCCEEDED",
    "PROVISIONING FAILED",
    "COMPLETED",
  ]);
  expect(contextOf(build, "PROVISIONING")).toStrictEqual({
    statusCode: "ACCESS_DENIED",
    message:
      `Service role ${ROLE} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build ${arn!}. ` +
      `Error message: ${refusal}`,
  });
});

test("it fails in the end where it may not write its log", async () => {
  const { build, refusal } = await runWithout("logs:PutLogEvents");
  expect(build.buildStatus).toBe("FAILED");
  expect(phasesOf(build)).toContain("BUILD SUCCEEDED");
  expect(contextOf(build, "FINALIZING")).toStrictEqual({ statusCode: "ACCESS_DENIED", message: refusal });
});

test.each(["s3:GetBucketLocation", "s3:GetBucketAcl"])("it does not get its source without %s", async (action) => {
  const { build, refusal } = await runWithout(action);
  expect(build.buildStatus).toBe("FAILED");
  expect(contextOf(build, "DOWNLOAD_SOURCE")).toStrictEqual({
    statusCode: "CLIENT_ERROR",
    message:
      `Error calling ${action.replace("s3:", "")}: Either the bucket owner has changed or the service role no longer has ` +
      `permission to called ${action}. Error message: AccessDenied: ${refusal}`,
  });
});

test("it does not get its source without s3:GetObjectVersion", async () => {
  const { build, refusal } = await runWithout("s3:GetObjectVersion");
  expect(contextOf(build, "DOWNLOAD_SOURCE")?.statusCode).toBe("CLIENT_ERROR");
  expect(contextOf(build, "DOWNLOAD_SOURCE")?.message).toMatch(
    `AccessDenied: ${refusal} status code: 403, request id: `,
  );
});
