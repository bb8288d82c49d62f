import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEventSourceMappings, type EventSourceMappings, type LambdaEvent } from "../../local/lambda";
import { FakeLambdaApis } from "../support/fake-lambda-apis";
import { until } from "../support/until";

/** Answers with the bodies that it got, fails those that say so. */
const HANDLER = `
  exports.handler = async ({ Records }) => {
    const bodies = Records.map(({ body }) => body);
    console.log(JSON.stringify(bodies));
    if (bodies.includes("throw")) throw new Error("no");
    if (bodies.includes("slow")) await new Promise((done) => setTimeout(done, 400));
    return { batchItemFailures: Records.filter(({ body }) => body === "bad").map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
`;
const REPORTS = { FunctionResponseTypes: ["ReportBatchItemFailures"] };

jest.setTimeout(30_000);

let apis: FakeLambdaApis;
let directory: string;
let events: LambdaEvent[];
let mappings: EventSourceMappings;

beforeEach(async () => {
  apis = await new FakeLambdaApis().start();
  directory = mkdtempSync(join(tmpdir(), "mappings-"));
  events = [];
  apis.apply("f", { files: { "index.js": HANDLER } });
  mappings = await startEventSourceMappings({
    endpoint: apis.endpoint,
    region: "us-east-1",
    directory,
    interval: 20,
    onEvent: (event) => events.push(event),
  });
});

afterEach(async () => {
  await mappings.close();
  await apis.close();
  rmSync(directory, { recursive: true });
});

function of<T extends LambdaEvent["type"]>(type: T): Extract<LambdaEvent, { type: T }>[] {
  return events.filter((event): event is Extract<LambdaEvent, { type: T }> => event.type === type);
}

function batches(): unknown[] {
  return of("log").map(({ line }) => JSON.parse(line) as unknown);
}

async function batch(number = 1) {
  await until(`batch ${number} is finished`, () => of("batch-finished").length >= number);
  return of("batch-finished")[number - 1]!;
}

/** Time in which whatever polls would have polled. */
async function severalLooks(): Promise<void> {
  const before = apis.mappingLists;
  await until("mappings were looked for several times", () => apis.mappingLists >= before + 3);
}

describe("a batch", () => {
  test("is the event that Lambda makes of the messages, and is deleted when the function returns", async () => {
    apis.apply("f", { files: { "index.js": `exports.handler = async (event) => console.log(JSON.stringify(event))` } });
    apis.map("drops", "f");
    const ids = apis.send("drops", "one");

    const { deleted, failed } = await batch();

    expect([deleted, failed]).toEqual([ids, []]);
    expect(apis.bodiesIn("drops")).toEqual([]);
    expect(batches()).toEqual([
      {
        Records: [
          {
            messageId: ids[0],
            receiptHandle: `handle-${ids[0]!}`,
            body: "one",
            attributes: { ApproximateReceiveCount: "1" },
            messageAttributes: {
              sender: { stringValue: "test", stringListValues: [], binaryListValues: [], dataType: "String" },
            },
            md5OfBody: "f97c5d29941bfb1b2fdab0874906ab82",
            eventSource: "aws:sqs",
            eventSourceARN: "arn:aws:sqs:us-east-1:123456789012:drops",
            awsRegion: "us-east-1",
          },
        ],
      },
    ]);
  });

  test("holds at most the applied batch size", async () => {
    apis.map("drops", "f", { BatchSize: 2, State: "Disabled" });
    apis.send("drops", "1", "2", "3");
    for (const [uuid] of apis.mappings) apis.change(uuid, { State: "Enabled" });

    await batch(2);

    expect(batches()).toEqual(expect.arrayContaining([["1", "2"], ["3"]]));
  });

  test("is gathered for the batching window, up to its size", async () => {
    apis.map("drops", "f", { BatchSize: 3, MaximumBatchingWindowInSeconds: 5 });
    apis.send("drops", "1");
    await until("the first is received", () => apis.receives.length === 1);
    apis.send("drops", "2");
    await until("the second is received", () => apis.receives.length === 2);
    expect(batches()).toEqual([]);
    apis.send("drops", "3", "4");

    await batch(1);

    expect(batches()[0]).toEqual(["1", "2", "3"]);
    expect(apis.receives.slice(0, 3)).toEqual([3, 2, 1]);
  });

  test("loses only the messages that did not fail, where the mapping reports item failures", async () => {
    apis.map("drops", "f", REPORTS);
    const [good, bad] = apis.send("drops", "good", "bad");

    const { deleted, failed } = await batch();

    expect([deleted, failed]).toEqual([[good], [bad]]);
    expect(apis.bodiesIn("drops")).toEqual(["bad"]);
  });

  test("is deleted whole, whatever the function answers, where the mapping does not report item failures", async () => {
    apis.map("drops", "f");
    const ids = apis.send("drops", "good", "bad");

    expect((await batch()).deleted).toEqual(ids);
    expect(apis.bodiesIn("drops")).toEqual([]);
  });

  test("stays whole when the function throws", async () => {
    apis.map("drops", "f", REPORTS);
    const ids = apis.send("drops", "good", "throw");

    expect(await batch()).toMatchObject({ deleted: [], failed: ids });
    expect(of("invocation-finished")[0]?.error).toMatchObject({ errorType: "Error", errorMessage: "no" });
  });

  test("stays whole when the function cannot be run, and that is told", async () => {
    apis.apply("f", { files: { "index.js": HANDLER }, configuration: { Runtime: "python3.13" } });
    apis.map("drops", "f");
    const ids = apis.send("drops", "one");

    expect(await batch()).toMatchObject({ deleted: [], failed: ids });
    expect(of("problem").map(({ error }) => error.message)).toEqual([
      "Function arn:aws:lambda:us-east-1:123456789012:function:f has the runtime python3.13; local/ runs zipped functions on a Node.js runtime, without layers",
    ]);
  });
});

describe("the applied mapping", () => {
  test("is not polled while it is disabled", async () => {
    const uuid = apis.map("drops", "f", { State: "Disabled" });
    apis.send("drops", "one");
    await severalLooks();
    expect(apis.receives).toEqual([]);

    apis.change(uuid, { State: "Enabled" });

    await batch();
    expect(batches()).toEqual([["one"]]);
  });

  test.each(["disabled", "deleted"])("is no longer polled once it is %s", async (how) => {
    const uuid = apis.map("drops", "f");
    await until("it is polled", () => of("mapping-started").length === 1);

    if (how === "disabled") apis.change(uuid, { State: "Disabled" });
    else apis.mappings.delete(uuid);
    await until("polling has stopped", () => of("mapping-stopped").length === 1);
    apis.send("drops", "one");
    await severalLooks();

    expect(apis.receives).toEqual([]);
    expect(apis.bodiesIn("drops")).toEqual(["one"]);
    expect(of("mapping-stopped")[0]).toEqual({
      type: "mapping-stopped",
      mapping: uuid,
      queueArn: "arn:aws:sqs:us-east-1:123456789012:drops",
      functionArn: "arn:aws:lambda:us-east-1:123456789012:function:f",
    });
  });

  test("leads to another function once it is changed", async () => {
    const uuid = apis.map("drops", "f");
    apis.send("drops", "one");
    await batch(1);
    apis.apply("g", { files: { "index.js": `exports.handler = async () => console.log('"g"')` } });

    apis.change(uuid, { FunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:g" });
    const reads = apis.mappingReads;
    await until("the change is seen", () => apis.mappingReads > reads);
    apis.send("drops", "two");
    await batch(2);

    expect(batches()).toEqual([["one"], "g"]);
  });

  test("bounds the invocations at the same time", async () => {
    apis.map("drops", "f", { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    apis.send("drops", "slow", "slow", "slow");

    await batch(3);

    let running = 0;
    const most = Math.max(
      ...events.map(({ type }) => {
        if (type === "invocation-started") running++;
        if (type === "invocation-finished") running--;
        return running;
      }),
    );
    expect(most).toBe(2);
  });

  test.each([
    [{ FilterCriteria: { Filters: [{ Pattern: "{}" }] } }, 'the filter criteria {"Filters":[{"Pattern":"{}"}]}'],
    [
      { EventSourceArn: "arn:aws:sqs:us-east-1:123456789012:drops.fifo" },
      "the FIFO queue arn:aws:sqs:us-east-1:123456789012:drops.fifo",
    ],
    [
      { EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:stream/s" },
      "the source arn:aws:kinesis:us-east-1:123456789012:stream/s",
    ],
  ])("is refused, once, with %j", async (configuration, found) => {
    const uuid = apis.map("drops", "f", configuration);
    apis.send("drops", "one");
    await until("it is refused", () => of("problem").length > 0);
    await severalLooks();

    expect(of("problem").map(({ error }) => error.message)).toEqual([
      `Event source mapping ${uuid} has ${found}; local/ polls standard SQS queues without filter criteria: it is not polled`,
    ]);
    expect(apis.bodiesIn("drops")).toEqual(["one"]);
    expect(apis.receives).toEqual([]);
  });
});

test("a queue that is not there is told of once, until it is there", async () => {
  const uuid = apis.map("drops", "f");
  apis.queues.delete("drops");
  await until("it was looked for again", () => apis.mappingReads >= 3);
  const queue = "arn:aws:sqs:us-east-1:123456789012:drops";
  expect(events).toMatchObject([
    { type: "problem", error: { message: `Event source mapping ${uuid} does not poll ${queue}: QueueDoesNotExist` } },
  ]);

  apis.queues.set("drops", []);
  apis.send("drops", "one");
  expect((await batch()).deleted).toHaveLength(1);
});

test("closing kills a function that runs and leaves its message in the queue", async () => {
  apis.apply("f", { files: { "index.js": `exports.handler = () => new Promise(() => {})` } });
  apis.map("drops", "f");
  apis.send("drops", "one");
  await until("it runs", () => of("invocation-started").length === 1);

  await mappings.close();

  expect(apis.bodiesIn("drops")).toEqual(["one"]);
});
