import type { Target } from "@aws-sdk/client-eventbridge";

import type { EventBridgeEvent } from "../../local/delivery/s3-event";
import { startEventBus, type EventBus, type BusEvent } from "../../local/events";
import type { Json } from "../../local/events/json";
import { until } from "../support/until";
import { denial, FakeIam } from "../support/fake-iam";
import { ACCOUNT, arn, FakeApis, REGION, ROLE, type FakeRule } from "./events-support";

const EVENT: EventBridgeEvent = {
  version: "0",
  id: "2ee9cc15-d022-99ea-1fb8-1b1bac4850f9",
  "detail-type": "Object Created",
  source: "aws.s3",
  account: ACCOUNT,
  time: "2026-01-02T03:04:05Z",
  region: REGION,
  resources: ["arn:aws:s3:::drops"],
  detail: { bucket: { name: "drops" }, object: { key: "a.zip", "version-id": "v1" } },
};
const RULE = arn("events", "rule/r");
const QUEUE: Target = { Id: "queue", Arn: arn("sqs", "q") };
const PROJECT: Target = { Id: "build", Arn: arn("codebuild", "project/p"), RoleArn: ROLE };
const BUILD: Target = { ...PROJECT, Input: "{}" };
const FUNCTION: Target = { Id: "function", Arn: arn("lambda", "function:f") };
const DEAD_LETTERS = { DeadLetterConfig: { Arn: arn("sqs", "dlq") } };
const DELIVERY = { eventId: EVENT.id, ruleArn: RULE };
const LEFT_OUT =
  "; local/ delivers events to standard SQS queues, CodeBuild projects, Lambda functions and, once, to other buses: it is left out";

let apis: FakeApis;
let iam: FakeIam;
let bus: EventBus;
const invoked: [string, Json][] = [];
const events: BusEvent[] = [];

beforeAll(async () => {
  apis = await new FakeApis().start();
  iam = new FakeIam();
  bus = await startBus();
});

beforeEach(() => {
  iam.reset();
  for (const state of [apis.rules, apis.queues, apis.functions, apis.failures]) state.clear();
  for (const list of [apis.builds, invoked, events]) list.length = 0;
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await bus.close();
  await apis.close();
});

function startBus(): Promise<EventBus> {
  return startEventBus({
    endpoint: apis.endpoint,
    codebuild: apis.endpoint,
    region: REGION,
    iam,
    asyncInvoke: (functionArn, event) => invoked.push([functionArn, event]),
    minuteInMilliseconds: 60,
    onEvent: (event) => events.push(event),
  });
}

function apply(targets: readonly Target[], rule: FakeRule = {}): void {
  apis.rules.set("r", { pattern: { source: ["aws.s3"] }, targets, ...rule });
}

function queue(name: string, key?: string): void {
  apis.queues.set(name, { sent: [], ...(key !== undefined && { key }) });
}

/** Puts the event and waits until so many things have happened. */
async function put(count: number): Promise<readonly BusEvent[]> {
  bus.put(EVENT);
  await until(`${count} things have happened`, () => events.length >= count);
  return events;
}

function problems(): string[] {
  return events.flatMap((event) => (event.type === "problem" ? [event.error.message] : []));
}

describe("rules", () => {
  test("lead an event that matches to all of their targets, whatever page they are on", async () => {
    for (const name of ["q", "q2", "q3"]) queue(name);
    apply([QUEUE, { Id: "2", Arn: arn("sqs", "q2") }]);
    apis.rules.set("other", { pattern: { source: ["aws.s3"] }, targets: [{ Id: "3", Arn: arn("sqs", "q3") }] });

    await put(3);

    expect(events.map(({ type }) => type)).toEqual(["delivered", "delivered", "delivered"]);
    expect(["q", "q2", "q3"].map((name) => apis.sentTo(name))).toEqual(
      Array(3).fill([{ body: JSON.stringify(EVENT), attributes: undefined }]),
    );
  });

  test("lead it nowhere where they are disabled, do not match, have a schedule or an invalid pattern", async () => {
    for (const name of ["q", "wrong"]) queue(name);
    const wrong = [{ Id: "wrong", Arn: arn("sqs", "wrong") }];
    const pattern = { source: ["aws.s3"] };
    apis.rules.set("disabled", { pattern, targets: wrong, State: "DISABLED" });
    apis.rules.set("other", { pattern: { source: ["aws.ec2"] }, targets: wrong });
    apis.rules.set("schedule", { targets: wrong });
    apis.rules.set("invalid", { pattern: { source: [{ regex: "a" }] }, targets: wrong });
    apply([QUEUE], { State: "ENABLED" });

    await put(2);

    expect(problems()).toEqual([
      "Rule invalid matches nothing, since AWS would refuse it: Event pattern is not valid. Reason: Unrecognized match type regex",
    ]);
    expect([apis.sentTo("q").length, apis.sentTo("wrong")]).toEqual([1, []]);
  });

  test("are looked up for each event", async () => {
    const other = await startBus();
    queue("q");
    apply([QUEUE]);
    other.put(EVENT);
    await until("it is delivered", () => events.length === 1);

    apis.rules.clear();
    other.put(EVENT);
    await other.close();

    expect(apis.sentTo("q")).toHaveLength(1);
    expect(problems()).toEqual([]);
  });
});

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html */
describe("another bus", () => {
  const THEIR_ACCOUNT = "444455556666";
  const STORAGE = arn("events", "event-bus/storage");
  const FORWARDER = `arn:aws:iam::${THEIR_ACCOUNT}:role/forwarder`;
  const FORWARD: Target = { Id: "bus", Arn: STORAGE, RoleArn: FORWARDER };

  /** A rule of theirs that forwards to our bus, from which a rule leads on. */
  function forward(target: Target, next: Target = QUEUE): void {
    const pattern = { source: ["aws.s3"] };
    apis.rules.set("theirs", { pattern, targets: [target], place: `${THEIR_ACCOUNT}/default` });
    apis.rules.set("ours", { pattern, targets: [next], place: `${ACCOUNT}/storage` });
    queue("q");
  }

  const putTheirs = async (count: number): Promise<void> => {
    bus.put({ ...EVENT, account: THEIR_ACCOUNT });
    await until(`${count} things have happened`, () => events.length >= count);
  };

  test("of another account gets the event as it came, by the role of the rule that forwards", async () => {
    forward(FORWARD);
    await putTheirs(2);
    expect(apis.sentTo("q")).toEqual([
      { body: JSON.stringify({ ...EVENT, account: THEIR_ACCOUNT }), attributes: undefined },
    ]);
    expect(iam.assumed).toEqual([
      `${FORWARDER} events.amazonaws.com ${arn("events", "rule/theirs")} ${THEIR_ACCOUNT} session`,
    ]);
    expect(iam.asked).toMatchObject([
      { principal: { roleArn: FORWARDER }, action: "events:PutEvents", resource: STORAGE },
      { principal: { sourceAccount: ACCOUNT }, action: "sqs:SendMessage" },
    ]);
    expect(problems()).toEqual([]);
  });

  test("gets nothing where the role may not put events there, or is not given", async () => {
    forward(FORWARD);
    iam.denied.add("events:PutEvents");
    await putTheirs(1);
    expect(events).toMatchObject([{ type: "dropped", code: "NO_PERMISSIONS" }]);
    iam.reset();
    forward({ Id: "bus", Arn: STORAGE });
    await putTheirs(2);
    expect(problems()).toEqual([`Target ${STORAGE} has no role to put events with${LEFT_OUT}`]);
    expect(apis.sentTo("q")).toEqual([]);
  });

  test("forwards to no third one", async () => {
    const third = arn("events", "event-bus/third");
    forward(FORWARD, { Id: "third", Arn: third, RoleArn: ROLE });
    await putTheirs(2);
    expect(problems()).toEqual([`Target ${third} has a target of events${LEFT_OUT}`]);
  });
});

describe("a queue", () => {
  test("gets what the transformer makes, by the rule's permission", async () => {
    queue("q");
    apply([
      {
        ...QUEUE,
        InputTransformer: {
          InputPathsMap: { key: "$.detail.object.key" },
          InputTemplate: '"<key> by <aws.events.rule-arn>"',
        },
      },
    ]);

    expect(await put(1)).toEqual([{ type: "delivered", ...DELIVERY, targetArn: QUEUE.Arn }]);

    expect(apis.sentTo("q")).toEqual([{ body: `"a.zip by ${RULE}"`, attributes: undefined }]);
    expect(iam.asked).toEqual([
      {
        principal: { service: "events.amazonaws.com", sourceArn: RULE, sourceAccount: ACCOUNT },
        action: "sqs:SendMessage",
        resource: QUEUE.Arn,
      },
    ]);
  });
});

describe("a function", () => {
  test("is invoked with the event, by the rule's permission", async () => {
    apis.functions.add("f");
    apply([FUNCTION]);

    expect(await put(1)).toEqual([{ type: "delivered", ...DELIVERY, targetArn: FUNCTION.Arn }]);

    expect(invoked).toEqual([[FUNCTION.Arn, EVENT]]);
    expect(iam.asked).toEqual([
      {
        principal: { service: "events.amazonaws.com", sourceArn: RULE, sourceAccount: ACCOUNT },
        action: "lambda:InvokeFunction",
        resource: FUNCTION.Arn,
      },
    ]);
  });
});

describe("a CodeBuild project", () => {
  test("builds with what the transformer makes, as the target's role", async () => {
    const variables = [{ name: "DROP_VERSION_ID", value: "<v>", type: "PLAINTEXT" }];
    apply([
      {
        ...PROJECT,
        InputTransformer: {
          InputPathsMap: { v: "$.detail.object.version-id" },
          InputTemplate: JSON.stringify({ environmentVariablesOverride: variables }),
        },
      },
    ]);

    expect(await put(1)).toEqual([{ type: "delivered", ...DELIVERY, targetArn: BUILD.Arn }]);

    expect(apis.builds).toEqual([
      {
        input: {
          projectName: "p",
          environmentVariablesOverride: [{ name: "DROP_VERSION_ID", value: "v1", type: "PLAINTEXT" }],
        },
        accessKeyId: "ASIA0000000000000001",
      },
    ]);
    expect(iam.assumed).toEqual([`${ROLE} events.amazonaws.com ${RULE} ${ACCOUNT} session`]);
    expect(iam.asked).toEqual([{ principal: { roleArn: ROLE }, action: "codebuild:StartBuild", resource: BUILD.Arn }]);
  });

  test("of the target's ARN is built, whatever the input says, and members that StartBuild lacks are told", async () => {
    apply([{ ...BUILD, Input: '{"projectName":"other","sourceVersion":"1","EnvironmentVariablesOverride":[]}' }]);

    await put(2);

    expect(apis.builds.map(({ input }) => input)).toEqual([{ projectName: "p", sourceVersion: "1" }]);
    expect(problems()).toEqual([
      `The input of target ${BUILD.Arn ?? ""} has projectName, EnvironmentVariablesOverride, which StartBuild does not take: left out`,
    ]);
  });

  test("builds as it is with an event that is not transformed", async () => {
    apply([PROJECT, { ...PROJECT, Id: "2", Input: '"text"' }]);

    await put(3);

    expect(apis.builds.map(({ input }) => input)).toEqual([{ projectName: "p" }, { projectName: "p" }]);
  });
});

describe("a target that failed for good", () => {
  test.each<[string, Target, () => void, string, string]>([
    [
      "a queue that does not let the rule in",
      QUEUE,
      () => {
        queue("q");
        iam.denied.add(`sqs:SendMessage ${QUEUE.Arn ?? ""}`);
      },
      "NO_PERMISSIONS",
      denial("sqs:SendMessage", QUEUE.Arn),
    ],
    [
      "a queue with AWS's own key",
      QUEUE,
      () => {
        queue("q", "alias/aws/sqs");
      },
      "NO_PERMISSIONS",
      `The queue ${QUEUE.Arn ?? ""} is encrypted by alias/aws/sqs`,
    ],
    ["a queue that is not there", QUEUE, () => undefined, "NO_RESOURCE", "QueueDoesNotExist it is"],
    ["a function that is not there", FUNCTION, () => undefined, "NO_RESOURCE", "ResourceNotFoundException it is"],
    [
      "a function that does not let the rule in",
      FUNCTION,
      () => {
        apis.functions.add("f");
        iam.denied.add(`lambda:InvokeFunction ${FUNCTION.Arn ?? ""}`);
      },
      "NO_PERMISSIONS",
      denial("lambda:InvokeFunction", FUNCTION.Arn),
    ],
    [
      "a role that does not trust the rule",
      BUILD,
      () => iam.denied.add(`sts:AssumeRole ${ROLE}`),
      "FAILED_TO_ASSUME_ROLE",
      denial("sts:AssumeRole", ROLE),
    ],
    [
      "a role that may not start the build",
      BUILD,
      () => iam.denied.add(`codebuild:StartBuild ${BUILD.Arn ?? ""}`),
      "NO_PERMISSIONS",
      denial("codebuild:StartBuild", BUILD.Arn),
    ],
    [
      "a project that is not there",
      BUILD,
      () => apis.failures.set("StartBuild", { answers: [{ status: 400, error: "ResourceNotFoundException" }] }),
      "NO_RESOURCE",
      "ResourceNotFoundException it is",
    ],
    [
      "input that CodeBuild refuses",
      BUILD,
      () => apis.failures.set("StartBuild", { answers: [{ status: 400, error: "InvalidInputException" }] }),
      "INVALID_PARAMETER",
      "InvalidInputException it is",
    ],
    [
      "an error of the caller",
      BUILD,
      () => apis.failures.set("StartBuild", { answers: [{ status: 403, error: "OddException" }] }),
      "ERROR_FROM_TARGET",
      "OddException it is",
    ],
    [
      "input that is not JSON",
      { ...PROJECT, InputTransformer: { InputTemplate: "<x>", InputPathsMap: { x: "$.absent" } } },
      () => undefined,
      "INVALID_JSON",
      "The input of the target is not JSON: ",
    ],
  ])("%s: the event is kept at once, as it came", async (_name, target, prepare, code, reason) => {
    queue("dlq");
    prepare();
    apply([{ ...target, ...DEAD_LETTERS }]);

    expect(await put(1)).toEqual([
      { type: "dead-lettered", ...DELIVERY, targetArn: target.Arn, code, reason, queueArn: arn("sqs", "dlq") },
    ]);

    expect(apis.sentTo("dlq")).toEqual([
      {
        body: JSON.stringify(EVENT),
        attributes: {
          RULE_ARN: RULE,
          TARGET_ARN: target.Arn,
          ERROR_CODE: code,
          ERROR_MESSAGE: reason,
          RETRY_ATTEMPTS: "0",
        },
      },
    ]);
    expect(iam.asked.at(-1)).toEqual({
      principal: { service: "events.amazonaws.com", sourceArn: RULE, sourceAccount: ACCOUNT },
      action: "sqs:SendMessage",
      resource: arn("sqs", "dlq"),
    });
    expect([apis.builds, invoked, apis.sentTo("q")]).toEqual([[], [], []]);
  });

  test("without a dead letter queue loses the event", async () => {
    apply([QUEUE]);

    expect(await put(1)).toEqual([
      { type: "dropped", ...DELIVERY, targetArn: QUEUE.Arn, code: "NO_RESOURCE", reason: "QueueDoesNotExist it is" },
    ]);
  });

  test("loses it where the dead letter queue does not let the rule in", async () => {
    queue("dlq");
    iam.denied.add(`sqs:SendMessage ${arn("sqs", "dlq")}`);
    apply([{ ...QUEUE, ...DEAD_LETTERS }]);

    expect(await put(1)).toEqual([
      {
        type: "dropped",
        ...DELIVERY,
        targetArn: QUEUE.Arn,
        code: "NO_RESOURCE",
        reason:
          `QueueDoesNotExist it is; nor did the dead letter queue take it: ` +
          denial("sqs:SendMessage", arn("sqs", "dlq")),
      },
    ]);
    expect(apis.sentTo("dlq")).toEqual([]);
  });

  test("does not stop the others", async () => {
    queue("q");
    apply([BUILD, { Id: "topic", Arn: arn("sns", "t") }, { ...QUEUE, Id: "missing", Arn: arn("sqs", "none") }, QUEUE]);
    iam.denied.add(`sts:AssumeRole ${ROLE}`);

    await put(4);

    expect(events.map(({ type }) => type).sort()).toEqual(["delivered", "dropped", "dropped", "problem"]);
    expect(apis.sentTo("q")).toHaveLength(1);
  });
});

describe("a target that may take it later", () => {
  test.each<[string, { readonly status?: number; readonly error?: string }, string]>([
    ["an error of the server", { status: 500, error: "InternalFailure" }, "ERROR_FROM_TARGET"],
    ["too many requests", { status: 429, error: "SlowDown" }, "ERROR_FROM_TARGET"],
    ["throttling", { status: 400, error: "ThrottlingException" }, "THROTTLING"],
    ["a limit of the account", { status: 400, error: "AccountLimitExceededException" }, "RESOURCE_LIMIT_EXCEEDED"],
    ["a connection that breaks", {}, "CONNECTION_FAILURE"],
  ])("after %s is tried again, each time later", async (_name, failure, code) => {
    jest.spyOn(Math, "random").mockReturnValueOnce(0).mockReturnValueOnce(1);
    apis.failures.set("StartBuild", { answers: [failure, failure] });
    apply([{ ...BUILD }]);

    const all = await put(3);

    const retried = { type: "retried", ...DELIVERY, targetArn: BUILD.Arn, code };
    expect(all).toEqual([
      { ...retried, reason: expect.any(String) as string, waitMs: 1 },
      { ...retried, reason: expect.any(String) as string, waitMs: 1 },
      { type: "delivered", ...DELIVERY, targetArn: BUILD.Arn },
    ]);
    expect(apis.builds).toHaveLength(1);
  });

  test.each([0, 2])("gets at most %i retries where the policy says so, then the event is kept", async (retries) => {
    queue("dlq");
    apis.failures.set("StartBuild", { answers: [{ status: 500, error: "InternalFailure" }], always: true });
    apply([{ ...BUILD, ...DEAD_LETTERS, RetryPolicy: { MaximumRetryAttempts: retries } }]);

    await put(retries + 1);

    expect(events.map(({ type }) => type)).toEqual([...Array<string>(retries).fill("retried"), "dead-lettered"]);
    expect(apis.sentTo("dlq")).toEqual([
      {
        body: JSON.stringify(EVENT),
        attributes: {
          RULE_ARN: RULE,
          TARGET_ARN: BUILD.Arn,
          ERROR_CODE: "ERROR_FROM_TARGET",
          ERROR_MESSAGE: "InternalFailure it is",
          RETRY_ATTEMPTS: String(retries),
          EXHAUSTED_RETRY_CONDITION: "MaximumRetryAttempts",
        },
      },
    ]);
  });

  test.each([
    ["60 seconds where the policy says so", { MaximumEventAgeInSeconds: 60 }, 60],
    ["24 hours otherwise", undefined, 24 * 60 * 60],
  ])("gets it for at most %s", async (_name, RetryPolicy, seconds) => {
    queue("dlq");
    apis.failures.set("StartBuild", { answers: [{ status: 500, error: "InternalFailure" }], always: true });
    apply([{ ...BUILD, ...DEAD_LETTERS, ...(RetryPolicy && { RetryPolicy }) }]);
    jest.spyOn(Math, "random").mockReturnValue(0);
    // A second takes a millisecond. The first retry comes after one, just in time, the next after two more.
    jest
      .spyOn(performance, "now")
      .mockReturnValueOnce(0)
      .mockReturnValue(seconds - 1);

    await put(2);

    expect(events.map(({ type }) => type)).toEqual(["retried", "dead-lettered"]);
    expect(apis.sentTo("dlq")[0]?.attributes).toMatchObject({
      RETRY_ATTEMPTS: "1",
      EXHAUSTED_RETRY_CONDITION: "MaximumEventAgeInSeconds",
    });
  });

  test("is forgotten when the bus is closed", async () => {
    apis.failures.set("StartBuild", { answers: [{ status: 500, error: "InternalFailure" }], always: true });
    apply([{ ...BUILD }]);
    const other = await startBus();
    other.put(EVENT);
    await until("it is tried again", () => events.length >= 8);

    await other.close();
    const happened = events.map(({ type }) => type);
    other.put(EVENT);

    expect(new Set(happened)).toEqual(new Set(["retried"]));
    expect(events).toHaveLength(happened.length);
  });
});

describe("what local/ does not do is told", () => {
  test.each<[Target, string]>([
    [{ Id: "t", Arn: arn("sns", "t") }, `Target ${arn("sns", "t")} has a target of sns${LEFT_OUT}`],
    [
      { Id: "t", Arn: arn("codebuild", "report-group/g"), RoleArn: ROLE },
      `Target ${arn("codebuild", "report-group/g")} has a target of codebuild${LEFT_OUT}`,
    ],
    [{ Id: "t", Arn: BUILD.Arn }, `Target ${BUILD.Arn ?? ""} has no role to start builds with${LEFT_OUT}`],
    [{ ...QUEUE, SqsParameters: { MessageGroupId: "g" } }, `Target ${QUEUE.Arn ?? ""} has SqsParameters${LEFT_OUT}`],
    [{ Id: "t", Arn: arn("sqs", "q.fifo") }, `Rule ${RULE} has a FIFO queue, ${arn("sqs", "q.fifo")}${LEFT_OUT}`],
    [
      { ...QUEUE, Arn: arn("sqs", "none"), DeadLetterConfig: { Arn: arn("sqs", "d.fifo") } },
      `Rule ${RULE} has a FIFO queue, ${arn("sqs", "d.fifo")}${LEFT_OUT}`,
    ],
    [
      { ...QUEUE, InputPath: "$.absent" },
      "The InputPath $.absent leads to nothing in the event, and AWS does not say what the target gets then",
    ],
  ])("%j", async (target, message) => {
    queue("q");
    apply([target]);

    await put(1);

    expect(problems()).toEqual([message]);
    expect([apis.builds, apis.sentTo("q")]).toEqual([[], []]);
  });

  test("and what the emulator does not answer", async () => {
    apis.failures.set("ListRules", { answers: [{ status: 400, error: "OddException" }] });

    await put(1);

    expect(problems()).toEqual(["OddException it is"]);
  });
});
