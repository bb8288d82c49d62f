import { AsyncInvoker, type DeliveryEvent, type Invoke } from "../../local/delivery";
import { ThrottledError } from "../../local/lambda";
import { until } from "../support/until";
import { denial, FakeIam } from "../support/fake-iam";
import { arnOf, DeliveryApis, FUNCTION_ARN, ROLE_ARN } from "./delivery-apis";

/** So short that nothing is waited for, and yet whole at a sixtieth. */
const MINUTE_MS = 6;
const EVENT = { Records: [{ key: "a.zip" }] };
const FAILURE = { errorType: "Error", errorMessage: "no such service", trace: ["Error: no such service"] };

let apis: DeliveryApis;
let invoker: AsyncInvoker;
const iam = new FakeIam();
const events: DeliveryEvent[] = [];
const requestIds: string[] = [];

beforeAll(async () => {
  apis = await new DeliveryApis().start();
});

afterEach(async () => {
  await invoker.close();
  apis.reset();
  iam.reset();
  for (const list of [events, requestIds]) list.length = 0;
});

afterAll(() => apis.close());

const succeeds: Invoke = (_arn, _event, requestId) => Promise.resolve({ requestId, payload: { started: 1 } });
const fails: Invoke = (_arn, _event, requestId) => Promise.resolve({ requestId, payload: null, error: FAILURE });
const throttles: Invoke = () => Promise.reject(new ThrottledError("start-build", 1));

/** Each run has the next outcome, and the last one comes again and again. */
function enqueue(...outcomes: [Invoke, ...Invoke[]]): void {
  invoker = new AsyncInvoker({
    endpoint: apis.endpoint,
    region: "us-east-1",
    iam,
    minuteInMilliseconds: MINUTE_MS,
    onEvent: (event) => events.push(event),
    invoke: (functionArn, event, requestId) => {
      expect([functionArn, event]).toEqual([FUNCTION_ARN, EVENT]);
      requestIds.push(requestId);
      const outcome = outcomes.length > 1 ? outcomes.shift()! : outcomes[0];
      return outcome(functionArn, event, requestId);
    },
  });
  invoker.enqueue(FUNCTION_ARN, EVENT);
}

function apply(settings: object = {}, reservedConcurrency?: number): void {
  apis.functions.set(FUNCTION_ARN, {
    eventInvokeConfig: { FunctionArn: `${FUNCTION_ARN}:$LATEST`, ...settings },
    ...(reservedConcurrency !== undefined && { reservedConcurrency }),
  });
}

function onFailure(queueArn: string) {
  return { DestinationConfig: { OnFailure: { Destination: queueArn } } };
}

/** The one event of this kind, once it is there. */
async function end(type: DeliveryEvent["type"]): Promise<DeliveryEvent> {
  return until(type, () => events.find((event) => event.type === type));
}

function waits(): number[] {
  return events.flatMap((event) => (event.type === "retried" ? [event.waitMs] : []));
}

function recordIn(queue: string): unknown {
  const [body = "null", ...more] = apis.messagesIn(queue);
  expect(more).toEqual([]);
  return JSON.parse(body);
}

function record(condition: string, runs: number, response: object) {
  return {
    version: "1.0",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    requestContext: {
      requestId: requestIds[0],
      functionArn: `${FUNCTION_ARN}:$LATEST`,
      condition,
      approximateInvokeCount: runs,
    },
    requestPayload: EVENT,
    ...response,
  };
}

const failed = {
  responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
  responsePayload: FAILURE,
};

test("a function that fails runs again after one minute and after two, and then the record goes to its destination as its role", async () => {
  const queue = apis.makeQueue("failures");
  apply(onFailure(queue));
  enqueue(fails);

  const reason = "Error: no such service";
  expect(await end("dead-lettered")).toEqual({
    type: "dead-lettered",
    source: FUNCTION_ARN,
    destination: queue,
    subject: `invocation ${requestIds[0]!}`,
    reason,
  });
  const retried = { type: "retried", functionArn: FUNCTION_ARN, requestId: requestIds[0], reason };
  expect(events.slice(0, -1)).toEqual([
    { ...retried, waitMs: MINUTE_MS },
    { ...retried, waitMs: 2 * MINUTE_MS },
  ]);
  expect(requestIds).toEqual(Array(3).fill(requestIds[0]));
  expect(recordIn("failures")).toEqual(record("RetriesExhausted", 3, failed));
  expect(iam.asked).toEqual([
    {
      principal: { roleArn: ROLE_ARN, sessionName: "start-build" },
      action: "sqs:SendMessage",
      resource: queue,
    },
  ]);
});

test.each([
  [0, []],
  [1, [MINUTE_MS]],
])("with %i retry attempts at most, it waits %j", async (MaximumRetryAttempts, expected) => {
  const queue = apis.makeQueue("failures");
  apply({ MaximumRetryAttempts, ...onFailure(queue) });
  enqueue(fails);

  await end("dead-lettered");
  expect(waits()).toEqual(expected);
  expect(recordIn("failures")).toEqual(record("RetriesExhausted", MaximumRetryAttempts + 1, failed));
});

test("a function that is to fail and then does not leaves no record", async () => {
  const queue = apis.makeQueue("failures");
  apply(onFailure(queue));
  enqueue(fails, succeeds);

  await until("it ran twice", () => requestIds.length === 2);
  await until("it is retried", () => waits().length === 1);
  await invoker.close();
  expect([waits(), apis.messagesIn("failures"), iam.asked]).toEqual([[MINUTE_MS], [], []]);
});

test("a success is recorded where that is asked for", async () => {
  const queue = apis.makeQueue("successes");
  apply({ DestinationConfig: { OnSuccess: { Destination: queue }, OnFailure: {} } });
  enqueue(succeeds);

  await end("delivered");
  const responseContext = { statusCode: 200, executedVersion: "$LATEST" };
  expect(recordIn("successes")).toEqual(record("Success", 1, { responseContext, responsePayload: { started: 1 } }));
});

test("an event that will be too old at its next run is given up", async () => {
  const queue = apis.makeQueue("failures");
  apply({ MaximumEventAgeInSeconds: 60, ...onFailure(queue) });
  enqueue(fails);

  await end("dead-lettered");
  expect(waits()).toEqual([]);
  expect(recordIn("failures")).toEqual(record("EventAgeExceeded", 1, failed));
});

test("a throttled function is tried again after 1, 2, 4 ... seconds, which counts as no run, until the event is too old", async () => {
  const queue = apis.makeQueue("failures");
  apply({ MaximumEventAgeInSeconds: 6000, MaximumRetryAttempts: 0, ...onFailure(queue) });
  enqueue(throttles, throttles, throttles, fails);

  await end("dead-lettered");
  const second = MINUTE_MS / 60;
  expect(waits()).toEqual([second, 2 * second, 4 * second]);
  expect(recordIn("failures")).toEqual(record("RetriesExhausted", 1, failed));
  await invoker.close();

  for (const list of [events, requestIds, apis.messagesIn("failures")]) list.length = 0;
  enqueue(throttles);
  await end("dead-lettered");
  expect(Math.max(...waits())).toBe(300 * second);
  expect(recordIn("failures")).toEqual(record("EventAgeExceeded", 0, {}));
});

test("the events of a function that is switched off are given up at once", async () => {
  const queue = apis.makeQueue("failures");
  apply(onFailure(queue), 0);
  enqueue(throttles);

  await end("dead-lettered");
  expect(waits()).toEqual([]);
  expect(recordIn("failures")).toEqual(record("ZeroReservedConcurrency", 0, {}));
});

test("without a destination, what is given up is discarded", async () => {
  apis.functions.set(FUNCTION_ARN, {});
  enqueue(fails);

  expect(await end("discarded")).toEqual({
    type: "discarded",
    functionArn: FUNCTION_ARN,
    requestId: requestIds[0],
    reason: "Error: no such service",
  });
  expect(waits()).toEqual([MINUTE_MS, 2 * MINUTE_MS]);
});

test("a record that the function's role may not send is lost", async () => {
  const queue = apis.makeQueue("failures");
  apply({ MaximumRetryAttempts: 0, ...onFailure(queue) });
  iam.denied.add(queue);
  enqueue(fails);

  expect(await end("refused")).toEqual({
    type: "refused",
    source: FUNCTION_ARN,
    destination: queue,
    subject: `invocation ${requestIds[0]!}`,
    reason: denial("sqs:SendMessage", queue),
  });
  expect(apis.messagesIn("failures")).toEqual([]);
});

test.each([
  ["the destination", { DestinationConfig: { OnFailure: { Destination: arnOf("sns", "failures") } } }, {}],
  ["the dead-letter queue", {}, { DeadLetterConfig: { TargetArn: arnOf("sns", "failures") } }],
])("%s of another kind is told to be unsupported", async (what, settings, configuration) => {
  apis.functions.set(FUNCTION_ARN, { eventInvokeConfig: settings, configuration });
  enqueue(fails);

  expect(await end("problem")).toMatchObject({
    error: {
      name: "UnsupportedDestinationError",
      message: `Function ${FUNCTION_ARN} has ${what} ${arnOf("sns", "failures")}; local/ sends the records of asynchronous invocations to standard SQS queues: it gets nothing`,
    },
  });
});

test("a function that is gone is told", async () => {
  enqueue(throttles);

  expect(await end("problem")).toMatchObject({ error: { name: "ResourceNotFoundException" } });
});

test("closing waits for no function, and forgets what would run again", async () => {
  apply();
  enqueue(() => new Promise(() => undefined));
  await until("it runs", () => requestIds.length === 1);
  await invoker.close();

  apply({ MaximumEventAgeInSeconds: 21_600 });
  invoker = new AsyncInvoker({
    endpoint: apis.endpoint,
    region: "us-east-1",
    iam,
    invoke: fails,
    onEvent: (event) => events.push(event),
  });
  invoker.enqueue(FUNCTION_ARN, EVENT);
  await end("retried");
  await invoker.close();
  expect(waits()).toEqual([60_000]);
  expect(events.map(({ type }) => type)).toEqual(["retried"]);
});
