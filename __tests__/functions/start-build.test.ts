import { createHash } from "node:crypto";
import type { Context } from "aws-lambda";
import { renderRoutes } from "../../core/routes";
import { Telemetry } from "../../functions/start-build/telemetry";
import { bundleOf } from "../../infrastructure/bundle";
import {
  type Answer,
  type CodeBuildRequest,
  type FakeCodeBuild,
  refused,
  started,
  startFakeCodeBuild,
} from "../support/fake-codebuild";
import { type Invocation, type Lambda, secrets, unpackLambda } from "../support/lambda";
import { readEvent } from "../fixtures/events";
import { s3Entity, s3Record, sqsEvent, testEventBody, uploadBody } from "../support/s3-events";

const jessie = { service: "test-jessie", key: "test-jessie.zip", project: "images-test-jessie" };
const worker = { service: "worker", key: "team a/w\u00f6rker+1.zip", project: "images-worker" };
const routes = renderRoutes({ pipeline: "images", bucket: "drop-images", routes: [jessie, worker] });

let codeBuild: FakeCodeBuild;
let lambda: Lambda;

/** The function as it is deployed, in front of a CodeBuild that answers as told. */
async function deploy(
  answer?: (request: CodeBuildRequest) => Answer,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  codeBuild = await startFakeCodeBuild(answer);
  const files = { "index.js": bundleOf("start-build"), "routes.json": routes };
  lambda = unpackLambda(files, { AWS_ENDPOINT_URL_CODEBUILD: codeBuild.url, ...environment });
}

afterEach(async () => {
  lambda.delete();
  await codeBuild.close();
});

function failures(...messageIds: readonly string[]): object {
  return { batchItemFailures: messageIds.map((itemIdentifier) => ({ itemIdentifier })) };
}

function logged({ logs }: Invocation, message: string): readonly Readonly<Record<string, unknown>>[] {
  return logs.filter((line) => line.message === message);
}

/** Sums of the embedded metrics by name, each under its dimensions: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
function metrics({ logs }: Invocation): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of logs) {
    const aws = line._aws as { CloudWatchMetrics: EmbeddedMetrics[] } | undefined;
    for (const { Namespace, Dimensions, Metrics } of aws?.CloudWatchMetrics ?? []) {
      for (const dimensions of Dimensions) {
        for (const { Name } of Metrics) {
          const values = dimensions.map((dimension) => `${dimension}=${String(line[dimension])}`);
          const series = `${Namespace} ${Name} ${values.join(" ")}`;
          sums[series] = (sums[series] ?? 0) + (line[Name] as number);
        }
      }
    }
  }
  return sums;
}

interface EmbeddedMetrics {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}

test("a drop starts the build of its service on exactly its version", async () => {
  await deploy();
  const result = await lambda.invoke(sqsEvent(uploadBody()));

  expect(result.response).toStrictEqual(failures());
  const environmentVariablesOverride = [
    { name: "DROP_BUCKET", value: "drop-images", type: "PLAINTEXT" },
    { name: "DROP_KEY", value: "test-jessie.zip", type: "PLAINTEXT" },
    { name: "DROP_VERSION_ID", value: "096fKKXTRTtl3on89fVO.nfljtsv6qko", type: "PLAINTEXT" },
    { name: "DROP_ETAG", value: "d41d8cd98f00b204e9800998ecf8427e", type: "PLAINTEXT" },
    { name: "DROP_SEQUENCER", value: "0055AED6DCD90281E5", type: "PLAINTEXT" },
    { name: "DROP_TIME", value: "2026-01-31T12:00:00.123Z", type: "PLAINTEXT" },
  ];
  const request = { projectName: "images-test-jessie", environmentVariablesOverride };
  const idempotencyToken = createHash("sha256").update(JSON.stringify(request)).digest("hex");
  expect(codeBuild.requests.map(({ body }) => body)).toStrictEqual([{ ...request, idempotencyToken }]);
  expect(codeBuild.requests[0]!.headers).toMatchObject({
    "x-amz-target": "CodeBuild_20161006.StartBuild",
    "content-type": "application/x-amz-json-1.1",
    "x-amz-security-token": "session-token-EXAMPLE",
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/\d{8}\/us-east-1\/codebuild\/aws4_request, /,
    ) as string,
  });
});

test("a started build is logged with its id and its drop, and counted by pipeline and by service", async () => {
  await deploy();
  const result = await lambda.invoke(sqsEvent(uploadBody()));

  expect(logged(result, "build started")).toMatchObject([
    {
      level: "INFO",
      service: "start-build",
      pipeline: "images",
      function_request_id: "request-1",
      messageId: "message-0",
      buildId: "images-test-jessie:build-1",
      route: jessie,
      drop: {
        bucket: "drop-images",
        key: "test-jessie.zip",
        versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
        size: 1024,
      },
    },
  ]);
  expect(metrics(result)).toStrictEqual({
    "S3CodeBuildTrigger BuildsStarted pipeline=images": 1,
    "S3CodeBuildTrigger BuildsStarted pipeline=images service=test-jessie": 1,
  });
});

test("a drop without version starts a build that knows no version", async () => {
  await deploy();
  await lambda.invoke(sqsEvent(uploadBody({ versionId: "null" })));
  const { environmentVariablesOverride } = codeBuild.requests[0]!.body;
  expect(environmentVariablesOverride.map(({ name }) => name)).toStrictEqual([
    "DROP_BUCKET",
    "DROP_KEY",
    "DROP_ETAG",
    "DROP_SEQUENCER",
    "DROP_TIME",
  ]);
});

test("two services in one batch each get their own build; keys arrive as the sender wrote them", async () => {
  await deploy();
  const event = sqsEvent(uploadBody(), uploadBody({ key: "team+a/w%C3%B6rker%2B1.zip" }));
  const result = await lambda.invoke(event);

  expect(result.response).toStrictEqual(failures());
  const builds = codeBuild.requests.map(({ body }) => [body.projectName, body.environmentVariablesOverride[1]?.value]);
  expect(new Map(builds as [string, string][])).toStrictEqual(
    new Map([
      ["images-test-jessie", "test-jessie.zip"],
      ["images-worker", "team a/w\u00f6rker+1.zip"],
    ]),
  );
});

test("the same bytes dropped twice are two drops, each with its own version", async () => {
  await deploy();
  const first = uploadBody({ versionId: "v1", sequencer: "0A" });
  const second = uploadBody({ versionId: "v2", sequencer: "0B" });
  await lambda.invoke(sqsEvent(first, second));

  const sent = codeBuild.requests.map(({ body }) => body);
  const versions = sent.map(
    (body) => body.environmentVariablesOverride.find(({ name }) => name === "DROP_VERSION_ID")?.value,
  );
  expect(new Set(versions)).toStrictEqual(new Set(["v1", "v2"]));
  expect(new Set(sent.map((body) => body.idempotencyToken)).size).toBe(2);
});

test("a message delivered twice repeats its request to the byte, so that CodeBuild starts one build", async () => {
  await deploy();
  await lambda.invoke(sqsEvent(uploadBody()));
  await lambda.invoke(sqsEvent(uploadBody()));
  const [first, second] = codeBuild.requests.map(({ body }) => body);
  expect(second).toStrictEqual(first);
});

test("of a batch of ten with one unreadable message, exactly that one comes back", async () => {
  await deploy();
  const bodies = Array.from({ length: 10 }, (_, n) => uploadBody({ versionId: `v${n}` }));
  bodies[6] = "not json";
  const result = await lambda.invoke(sqsEvent(...bodies));

  expect(result.response).toStrictEqual(failures("message-6"));
  expect(codeBuild.requests).toHaveLength(9);
  expect(logged(result, "event unreadable")).toMatchObject([
    {
      level: "ERROR",
      messageId: "message-6",
      error: {
        name: "UnreadableEventError",
        message:
          'cannot read the event: found no JSON but "not json", expected an S3 test event, an SNS event, an S3 event notification, ' +
          "a message of a topic, an S3 API call of CloudTrail, an EventBridge event of S3 or the record of a failed invocation; " +
          "let only the pipeline's own trigger send here, then replay or delete what failed",
      },
    },
  ]);
  expect(metrics(result)).toStrictEqual({
    "S3CodeBuildTrigger BuildsStarted pipeline=images": 9,
    "S3CodeBuildTrigger BuildsStarted pipeline=images service=test-jessie": 9,
    "S3CodeBuildTrigger EventsUnreadable pipeline=images": 1,
  });
});

test("a batch that fails whole is reported message by message too", async () => {
  await deploy();
  const result = await lambda.invoke(sqsEvent("1", "2"));
  expect(result).toMatchObject({ response: failures("message-0", "message-1") });
});

test("s3:TestEvent and deletions start nothing and fail nothing", async () => {
  await deploy();
  const result = await lambda.invoke(sqsEvent(testEventBody, uploadBody({}, { eventName: "ObjectRemoved:Delete" })));

  expect(result.response).toStrictEqual(failures());
  expect(codeBuild.requests).toStrictEqual([]);
  expect(logged(result, "event ignored").map((line) => line.reason)).toStrictEqual([
    "s3:TestEvent reports no upload: S3 sends it when a notification is configured",
    "ObjectRemoved:Delete is not a finished upload (ObjectCreated:*)",
  ]);
  expect(metrics(result)).toStrictEqual({ "S3CodeBuildTrigger EventsIgnored pipeline=images": 2 });
});

test("a key that nobody owns is a warning with its reason, not a failure", async () => {
  await deploy();
  const result = await lambda.invoke(sqsEvent(uploadBody({ key: "readme.txt" })));

  expect(result.response).toStrictEqual(failures());
  expect(codeBuild.requests).toStrictEqual([]);
  expect(logged(result, "drop unrouted")).toMatchObject([
    { level: "WARN", reason: 'no service of pipeline images owns the key "readme.txt"', drop: { key: "readme.txt" } },
  ]);
  expect(metrics(result)).toStrictEqual({ "S3CodeBuildTrigger DropsUnrouted pipeline=images": 1 });
});

const DEFERRED = "its event comes again, and the build is tried again";

test.each([
  ["AccountLimitExceededException", 400, "Cannot have more than 20 builds in queue for the account"],
  ["ThrottlingException", 400, "Rate exceeded"],
  ["TooManyRequestsException", 429, "Slow down"],
  ["InternalFailure", 500, "Oops"],
  ["ServiceUnavailable", 503, "Later"],
])("%s (%d) defers the drop", async (type, status, message) => {
  await deploy(() => refused(type, message, status));
  const result = await lambda.invoke(sqsEvent(uploadBody()));

  expect(result.response).toStrictEqual(failures("message-0"));
  expect(logged(result, "build not started")).toMatchObject([
    {
      level: "ERROR",
      route: jessie,
      error: {
        name: "StartBuildDeferredError",
        message: `starting the build of service test-jessie (project images-test-jessie): ${type}: ${message}; ${DEFERRED}`,
      },
    },
  ]);
  expect(metrics(result)).toStrictEqual({
    "S3CodeBuildTrigger StartBuildFailed pipeline=images": 1,
    "S3CodeBuildTrigger StartBuildFailed pipeline=images service=test-jessie": 1,
  });
});

test("a throttled call is tried again at once, before the message is", async () => {
  let calls = 0;
  await deploy((request) => (++calls === 1 ? refused("ThrottlingException", "Rate exceeded") : started(request)));
  const result = await lambda.invoke(sqsEvent(uploadBody()));
  expect(result.response).toStrictEqual(failures());
  expect(codeBuild.requests).toHaveLength(2);
  expect(codeBuild.requests[1]!.body).toStrictEqual(codeBuild.requests[0]!.body);
});

test("a CodeBuild that hangs up is tried three times, then the drop is deferred", async () => {
  await deploy(() => "hang up");
  const result = await lambda.invoke(sqsEvent(uploadBody()));
  expect(codeBuild.requests).toHaveLength(3);
  expect(result.response).toStrictEqual(failures("message-0"));
  expect(logged(result, "build not started")).toMatchObject([{ error: { name: "StartBuildDeferredError" } }]);
});

test("a service without project fails for good, with a sentence that says what to do", async () => {
  const message = "Project cannot be found: arn:aws:codebuild:us-east-1:123456789012:project/images-test-jessie";
  await deploy((request) =>
    request.body.projectName === jessie.project ? refused("ResourceNotFoundException", message) : started(request),
  );
  const result = await lambda.invoke(sqsEvent(uploadBody(), uploadBody({ key: "team+a/w%C3%B6rker%2B1.zip" })));

  expect(result.response).toStrictEqual(failures("message-0"));
  expect(codeBuild.requests).toHaveLength(2);
  expect(logged(result, "build not started")).toMatchObject([
    {
      error: {
        name: "ProjectNotFoundError",
        message:
          "starting the build of service test-jessie: CodeBuild has no project images-test-jessie, which routes.json names " +
          `(ResourceNotFoundException: ${message}); apply the stack again, or remove the service from the pipeline, ` +
          "then replay the events that failed",
      },
    },
  ]);
});

test.each(["AccessDeniedException", "InvalidInputException", "AccountSuspendedException"])(
  "%s is a refusal that someone has to mend",
  async (type) => {
    await deploy(() => refused(type, "because"));
    const result = await lambda.invoke(sqsEvent(uploadBody()));

    expect(result.response).toStrictEqual(failures("message-0"));
    expect(logged(result, "build not started")).toMatchObject([
      {
        error: {
          name: "StartBuildRefusedError",
          message:
            `starting the build of service test-jessie (project images-test-jessie): ${type}: because, ` +
            "expected a started build; mend what CodeBuild names, then replay the events that failed",
        },
      },
    ]);
  },
);

/** A notification of several records, each an upload to its key. */
function notification(...keys: readonly string[]): object {
  return { Records: keys.map((key) => s3Record({ s3: s3Entity({ object: { key } }) })) };
}

const JESSIE = "test-jessie.zip";
const WORKER = "team+a/w%C3%B6rker%2B1.zip";

test("of a message with several drops each is tried, and the message comes back when one failed", async () => {
  await deploy((request) =>
    request.body.projectName === jessie.project ? refused("AccessDeniedException", "because") : started(request),
  );
  const result = await lambda.invoke(sqsEvent(JSON.stringify(notification(JESSIE, WORKER))));

  expect(result.response).toStrictEqual(failures("message-0"));
  expect(logged(result, "build started")).toMatchObject([{ route: worker }]);
  expect(logged(result, "build not started")).toMatchObject([{ route: jessie }]);
});

describe("an event that comes without a queue", () => {
  test("starts the same builds as from a queue, and answers nothing", async () => {
    await deploy();
    await lambda.invoke(sqsEvent(uploadBody()));
    const result = await lambda.invoke(JSON.parse(uploadBody()) as object);

    expect(result.error).toBeUndefined();
    expect(result.response).toBeUndefined();
    const [queued, direct] = codeBuild.requests.map(({ body }) => body);
    expect(direct).toStrictEqual(queued);
    const [line] = logged(result, "build started");
    expect(line).toMatchObject({ function_request_id: "request-1", route: jessie });
    expect(line).not.toHaveProperty("messageId");
  });

  test("starts nothing where there is no drop, or nobody owns it", async () => {
    await deploy();
    const events = [JSON.parse(testEventBody) as object, JSON.parse(readEvent("eventbridge-object-created")) as object];
    for (const event of events) expect((await lambda.invoke(event)).error).toBeUndefined();
    expect(codeBuild.requests).toStrictEqual([]);
  });

  test("fails with the reason when a build was not started, after every drop was tried", async () => {
    await deploy((request) =>
      request.body.projectName === jessie.project ? refused("AccessDeniedException", "because") : started(request),
    );
    const result = await lambda.invoke(notification(JESSIE, WORKER, "readme.txt"));

    expect(result.error).toBe(
      "StartBuildRefusedError: starting the build of service test-jessie (project images-test-jessie): AccessDeniedException: because, " +
        "expected a started build; mend what CodeBuild names, then replay the events that failed",
    );
    expect(logged(result, "build started")).toMatchObject([{ route: worker }]);
    expect(metrics(result)).toStrictEqual({
      "S3CodeBuildTrigger BuildsStarted pipeline=images": 1,
      "S3CodeBuildTrigger BuildsStarted pipeline=images service=worker": 1,
      "S3CodeBuildTrigger DropsUnrouted pipeline=images": 1,
      "S3CodeBuildTrigger StartBuildFailed pipeline=images": 1,
      "S3CodeBuildTrigger StartBuildFailed pipeline=images service=test-jessie": 1,
    });
  });

  test("fails with all reasons when several builds were not started", async () => {
    await deploy(() => refused("AccessDeniedException", "because"));
    const result = await lambda.invoke(notification(JESSIE, WORKER, "readme.txt"));
    const refusal = (route: typeof jessie): string =>
      `starting the build of service ${route.service} (project ${route.project}): AccessDeniedException: because, ` +
      "expected a started build; mend what CodeBuild names, then replay the events that failed";
    expect(result.error).toBe(
      `BuildsNotStartedError: 2 of 3 drops started no build: ${refusal(jessie)}; ${refusal(worker)}`,
    );
  });

  test("fails when it cannot be read", async () => {
    await deploy();
    const result = await lambda.invoke({ hello: "world" });
    expect(result.error).toMatch(
      /^UnreadableEventError: cannot read the event: found an object with the fields "hello",/,
    );
    expect(metrics(result)).toStrictEqual({ "S3CodeBuildTrigger EventsUnreadable pipeline=images": 1 });
  });
});

test("a batch may mix every shape: two services, and the one message that is none comes back", async () => {
  await deploy();
  const own = (text: string): string =>
    text.replaceAll("mybucket", "drop-images").replaceAll("amzn-s3-demo-bucket1", "drop-images");
  const bodies = [
    uploadBody(),
    own(readEvent("s3-two-services")),
    own(readEvent("sns-s3-put")).replaceAll("HappyFace.jpg", JESSIE),
    own(readEvent("lambda-sns-s3-put")).replaceAll("HappyFace.jpg", JESSIE),
    own(readEvent("eventbridge-object-created")).replaceAll("example-key", JESSIE),
    own(readEvent("cloudtrail-complete-multipart-upload")).replaceAll("image/web.zip", JESSIE),
    own(readEvent("failed-invocation-s3-put")).replaceAll("HappyFace.jpg", JESSIE),
    readEvent("sns-subscription-confirmation"),
    own(readEvent("eventbridge-object-deleted")),
    testEventBody,
  ];
  const result = await lambda.invoke(sqsEvent(...bodies));

  expect(result.response).toStrictEqual(failures("message-7"));
  expect(codeBuild.requests.map(({ body }) => body.projectName).toSorted()).toStrictEqual(
    [...Array<string>(6).fill(jessie.project), worker.project].toSorted(),
  );
  const calls = codeBuild.requests.flatMap(({ body }) =>
    body.environmentVariablesOverride.filter(({ name }) => name === "DROP_CALL").map(({ value }) => value),
  );
  expect(calls).toStrictEqual(["CompleteMultipartUpload"]);
});

test("no credential reaches the log, neither of a success nor of a failure", async () => {
  await deploy((request) =>
    request.body.projectName === jessie.project ? refused("AccessDeniedException", "no") : started(request),
  );
  const result = await lambda.invoke(sqsEvent(uploadBody(), uploadBody({ key: "team+a/w%C3%B6rker%2B1.zip" }), "?"));
  expect(result.output).toContain("build not started");
  for (const secret of secrets) expect(result.output).not.toContain(secret);
  expect(result.output).not.toContain("AWS4-HMAC-SHA256");
});

test.each([
  [
    { LAMBDA_TASK_ROOT: "" },
    "MissingEnvironmentError: environment variable LAMBDA_TASK_ROOT is not set or empty, expected as Lambda sets it to the folder of the code; set it when running elsewhere",
  ],
  [
    { LAMBDA_TASK_ROOT: "/nowhere" },
    "MissingRoutesError: cannot read /nowhere/routes.json, which the stack puts beside the function's code; apply the stack again",
  ],
])("a package that is not whole does not load: %j", async (environment, error) => {
  await deploy(started, environment);
  expect((await lambda.invoke(sqsEvent(uploadBody()))).error).toBe(error);
});

test("a function without credentials defers every drop and says which variable is missing", async () => {
  await deploy(started, { AWS_ACCESS_KEY_ID: "" });
  const result = await lambda.invoke(sqsEvent(uploadBody()));
  expect(result.response).toStrictEqual(failures("message-0"));
  expect(codeBuild.requests).toStrictEqual([]);
  expect(result.output).toContain(
    "MissingEnvironmentError: environment variable AWS_ACCESS_KEY_ID is not set or empty, expected as Lambda sets it from the function's role",
  );
});

test("every line carries the request id of its own invocation, in the first and in later ones", async () => {
  await deploy();
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  try {
    const telemetry = new Telemetry("images");
    for (const awsRequestId of ["first", "second"]) {
      telemetry.begin({ awsRequestId, functionName: "start-build" } as Context);
      telemetry.logger.info("hello");
    }
  } finally {
    write.mockRestore();
  }
  const ids = lines.map((line) => (JSON.parse(line) as { function_request_id: string }).function_request_id);
  expect(ids).toStrictEqual(["first", "second"]);
});
