import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Invoker, type Invocation, type LambdaEvent } from "../../local/lambda";
import { FakeLambdaApis, type FakeFunction } from "../support/fake-lambda-apis";
import { until } from "../support/until";

jest.setTimeout(30_000);

/** Seconds. AWS takes whole ones. */
const TIMEOUT = 0.2;

let apis: FakeLambdaApis;
let invoker: Invoker;
let directory: string;
let events: LambdaEvent[];

beforeEach(async () => {
  apis = await new FakeLambdaApis().start();
  directory = mkdtempSync(join(tmpdir(), "invoke-"));
  events = [];
  invoker = new Invoker({
    endpoint: apis.endpoint,
    region: "us-east-1",
    directory,
    environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:1" },
    onEvent: (event) => events.push(event),
  });
});

afterEach(async () => {
  await invoker.close();
  await apis.close();
  rmSync(directory, { recursive: true });
});

function apply(code: string, configuration: FakeFunction["configuration"] = {}): void {
  apis.apply("f", { files: { "index.js": code }, configuration });
}

function run(
  code: string,
  event: unknown = {},
  configuration: FakeFunction["configuration"] = {},
): Promise<Invocation> {
  apply(code, configuration);
  return invoker.invoke("f", event);
}

function coldStarts(): boolean[] {
  return events.flatMap((event) => (event.type === "invocation-started" ? [event.coldStart] : []));
}

describe("what the function sees", () => {
  test("the event, and Lambda's context", async () => {
    const { payload, requestId, error } = await run(
      `exports.handler = async (event, context) => ({ event, ...context, left: context.getRemainingTimeInMillis() })`,
      { key: "a+b" },
    );

    expect(error).toBeUndefined();
    expect(payload).toEqual({
      event: { key: "a+b" },
      awsRequestId: requestId,
      callbackWaitsForEmptyEventLoop: true,
      functionName: "f",
      functionVersion: "$LATEST",
      invokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:f",
      logGroupName: "/aws/lambda/f",
      logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/) as string,
      memoryLimitInMB: "128",
      left: expect.any(Number) as number,
    });
    const { left } = payload as { left: number };
    expect(left).toBeLessThanOrEqual(10_000);
    expect(left).toBeGreaterThan(5_000);
  });

  test("the environment that Lambda defines, its own variables and the endpoints of this machine: nothing else", async () => {
    const { payload } = await run(
      `exports.handler = async () => process.env`,
      {},
      {
        Environment: { Variables: { LOG_LEVEL: "DEBUG", AWS_REGION: "eu-west-1" } },
      },
    );

    const folder = readdirSync(join(directory, "functions"))[0]!;
    expect(payload).toEqual({
      LANG: "en_US.UTF-8",
      PATH: "/usr/local/bin:/usr/bin:/bin",
      TZ: ":UTC",
      HOME: "/home/sbx_user1051",
      LOG_LEVEL: "DEBUG",
      _HANDLER: "index.handler",
      AWS_REGION: "us-east-1",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_SESSION_TOKEN: "test",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x",
      AWS_LAMBDA_FUNCTION_NAME: "f",
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
      AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/f",
      AWS_LAMBDA_LOG_STREAM_NAME: expect.any(String) as string,
      LAMBDA_TASK_ROOT: join(directory, "functions", folder),
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    });
  });

  test("the log format and level that are applied, and the memory as the limit of its heap", async () => {
    const { payload } = await run(
      `exports.handler = async () => [process.env.AWS_LAMBDA_LOG_FORMAT, process.env.AWS_LAMBDA_LOG_LEVEL, process.execArgv]`,
      {},
      { MemorySize: 256, LoggingConfig: { LogFormat: "JSON", ApplicationLogLevel: "WARN", LogGroup: "/aws/lambda/f" } },
    );

    expect(payload).toEqual(["JSON", "WARN", ["--max-old-space-size=230"]]);
  });

  test("files beside the handler, from its folder", async () => {
    apis.apply("f", {
      files: {
        "index.js": `exports.handler = async () => [require("./routes.json"), process.cwd() === __dirname]`,
        "routes.json": `{"a":1}`,
      },
    });

    expect((await invoker.invoke("f", {})).payload).toEqual([{ a: 1 }, true]);
  });

  test("no module that its zip lacks, though this checkout has it", async () => {
    const { error } = await run(`exports.handler = async () => require("zod") && "found"`);

    expect(error?.errorMessage).toMatch(/^Cannot find module 'zod'\n/);
  });
});

describe("handlers", () => {
  test.each([
    ["async", "index.js", "index.handler", `exports.handler = async () => "answer"`],
    [
      "with a callback",
      "index.js",
      "index.handler",
      `exports.handler = (event, context, done) => setTimeout(() => done(null, "answer"), 5)`,
    ],
    ["synchronous", "index.js", "index.handler", `exports.handler = () => "answer"`],
    ["an ES module", "index.mjs", "index.handler", `export const handler = async () => "answer"`],
    [
      "in a folder, by another name",
      "src/main.cjs",
      "src/main.drop.run",
      `exports.drop = { run: async () => "answer" }`,
    ],
  ])("%s", async (_name, file, Handler, code) => {
    apis.apply("f", { files: { [file]: code }, configuration: { Handler } });

    expect(await invoker.invoke("f", {})).toEqual({ requestId: expect.any(String) as string, payload: "answer" });
  });

  test("undefined is answered as null", async () => {
    expect(await run(`exports.handler = async () => {}`)).toEqual({
      requestId: expect.any(String) as string,
      payload: null,
    });
  });

  test.each([
    [
      "a file that is not there",
      "missing.handler",
      `exports.handler = 1`,
      "Runtime.ImportModuleError",
      "Error: Cannot find module 'missing'",
    ],
    [
      "an export that is not there",
      "index.other",
      `exports.handler = 1`,
      "Runtime.HandlerNotFound",
      "index.other is undefined or not exported",
    ],
    [
      "a syntax error",
      "index.handler",
      `exports.handler = (`,
      "Runtime.UserCodeSyntaxError",
      "SyntaxError: Unexpected end of input",
    ],
    ["an error while loading", "index.handler", `throw new TypeError("no routes")`, "TypeError", "no routes"],
  ])("%s is an error of the function", async (_name, Handler, code, errorType, errorMessage) => {
    const { payload, error } = await run(code, {}, { Handler });

    expect(payload).toBeNull();
    expect(error).toMatchObject({ errorType, errorMessage });
  });
});

describe("warm environments", () => {
  const counter = `let count = 0; exports.handler = async () => [process.pid, ++count]`;

  test("one process handles invocations that follow each other", async () => {
    const first = (await run(counter)).payload as [number, number];
    const second = (await invoker.invoke("arn:aws:lambda:us-east-1:123456789012:function:f", {})).payload;

    expect(first[1]).toBe(1);
    expect(second).toEqual([first[0], 2]);
    expect(coldStarts()).toEqual([true, false]);
  });

  test("invocations at the same time have a process each", async () => {
    apply(
      `let count = 0; exports.handler = async () => { await new Promise((r) => setTimeout(r, 300)); return ++count; }`,
    );

    const both = await Promise.all([invoker.invoke("f", {}), invoker.invoke("f", {})]);

    expect(both.map(({ payload }) => payload)).toEqual([1, 1]);
    expect(coldStarts()).toEqual([true, true]);
  });

  test("a thrown error leaves the process warm", async () => {
    await run(
      `let count = 0; exports.handler = async () => { if (++count === 1) throw new Error("first"); return count; }`,
    );

    expect((await invoker.invoke("f", {})).payload).toBe(2);
  });

  test.each([
    ["code", { files: { "index.js": `exports.handler = async () => "changed"` } }],
    [
      "variable",
      {
        files: { "index.js": `exports.handler = async () => process.env.MODE` },
        configuration: { Environment: { Variables: { MODE: "changed" } } },
      },
    ],
  ])(
    "changed %s takes effect on the next invocation, and the old process ends",
    async (_what, changed: FakeFunction) => {
      const [pid] = (await run(counter)).payload as [number];

      apis.apply("f", changed);

      expect((await invoker.invoke("f", {})).payload).toBe("changed");
      expect(coldStarts()).toEqual([true, true]);
      await until("the old process has ended", () => !isRunning(pid));
    },
  );

  test("closing ends them", async () => {
    const [pid] = (await run(counter)).payload as [number];

    await invoker.close();

    expect(isRunning(pid)).toBe(false);
  });
});

describe("failures", () => {
  test("a thrown error is reported as Lambda reports it", async () => {
    const { payload, error } = await run(`exports.handler = async () => { throw new RangeError("too big") }`);

    expect(payload).toBeNull();
    expect(error).toEqual({ errorType: "RangeError", errorMessage: "too big", trace: expect.any(Array) as string[] });
    expect(error?.trace?.[0]).toBe("RangeError: too big");
  });

  test("the applied timeout ends the process, and the next invocation has another", async () => {
    const { requestId, error } = await run(
      `console.log("pid=" + process.pid); exports.handler = (event) => event.hang ? new Promise(() => {}) : "answer"`,
      { hang: true },
      { Timeout: TIMEOUT },
    );

    expect(error).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: `RequestId: ${requestId} Error: Task timed out after 0.20 seconds`,
    });
    const line = events
      .flatMap((event) => (event.type === "log" ? [event.line] : []))
      .find((text) => text.startsWith("pid="));
    expect(isRunning(Number(line?.slice(4)))).toBe(false);
    expect((await invoker.invoke("f", {})).payload).toBe("answer");
    expect(coldStarts()).toEqual([true, true]);
  });

  test("a busy loop is ended by the timeout too", async () => {
    const { error } = await run(`exports.handler = async () => { for (;;); }`, {}, { Timeout: TIMEOUT });

    expect(error?.errorType).toBe("Sandbox.Timedout");
  });

  test.each([
    [
      "process.exit(3)",
      "Runtime.ExitError",
      /^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$/,
    ],
    [
      "process.kill(process.pid, 'SIGKILL')",
      "Runtime.ExitError",
      /^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: signal: SIGKILL$/,
    ],
    ["setTimeout(() => { throw new TypeError('late') })", "TypeError", /^late$/],
    ["void Promise.reject(new Error('lost'))", "Runtime.UnhandledPromiseRejection", /^Error: lost$/],
  ])("%s ends the process, and the next invocation has another", async (statement, errorType, message) => {
    const { error } = await run(
      `exports.handler = (event) => { if (!event.crash) return "answer"; ${statement}; return new Promise(() => {}); }`,
      {
        crash: true,
      },
    );

    expect(error?.errorType).toBe(errorType);
    expect(error?.errorMessage).toMatch(message);
    expect((await invoker.invoke("f", {})).payload).toBe("answer");
  });

  test("an answer that is no JSON", async () => {
    const { error } = await run(`exports.handler = async () => 1n`);

    expect(error).toMatchObject({
      errorType: "Runtime.MarshalError",
      errorMessage: "Unable to stringify response body",
    });
  });
});

describe("what is refused", () => {
  test("code whose hash is not the applied one", async () => {
    const other = "A".repeat(43) + "=";

    await expect(run(`exports.handler = 1`, {}, { CodeSha256: other })).rejects.toThrow(
      new RegExp(
        `^The code of function f has SHA-256 [A-Za-z0-9+/]{43}=, but its configuration says ${other}: it is not run\\. Apply the stack again$`,
      ),
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each(["../escaped.js", "/escaped.js", "a/../../escaped.js", "..\\escaped.js"])(
    "a zip with the member %s",
    async (member) => {
      apis.apply("f", { files: { [member]: "" } });

      await expect(invoker.invoke("f", {})).rejects.toThrow(
        `The code of function f holds the member "${member}", which leads out of its folder: it is not unpacked`,
      );
      expect(readdirSync(join(directory, "functions"))).toEqual([]);
      expect(existsSync(join(directory, "escaped.js"))).toBe(false);
    },
  );

  test.each([
    [{ Runtime: "python3.13" }, "the runtime python3.13"],
    [{ PackageType: "Image", Runtime: undefined }, "a container image"],
    [{ Layers: [{ Arn: "arn:aws:lambda:us-east-1:123456789012:layer:a:1" }] }, "layers"],
  ])("%j", async (configuration, found) => {
    await expect(run(`exports.handler = 1`, {}, configuration)).rejects.toThrow(
      `Function f has ${found}; local/ runs zipped functions on a Node.js runtime, without layers`,
    );
  });

  test("more at once than the reserved concurrency", async () => {
    apis.apply("f", {
      files: { "index.js": `exports.handler = () => new Promise((r) => setTimeout(() => r("done"), 300))` },
      reservedConcurrency: 1,
    });
    const first = invoker.invoke("f", {});
    await until("the first runs", () => coldStarts().length === 1);

    await expect(invoker.invoke("f", {})).rejects.toThrow("Function f is throttled: its reserved concurrency is 1");
    expect((await first).payload).toBe("done");
  });

  test("a function that does not exist", async () => {
    await expect(invoker.invoke("nobody", {})).rejects.toThrow("ResourceNotFoundException");
  });
});

describe("logs", () => {
  test("lines of both streams are in the function's log group before the end of the invocation", async () => {
    const { requestId } = await run(`exports.handler = async () => { console.log("one"); console.error("two"); }`);

    const lines = apis.logs.get("/aws/lambda/f")!;
    await until("the lines are there", () => lines.length === 5);
    expect(lines.slice(0, 4)).toEqual([
      `START RequestId: ${requestId} Version: $LATEST`,
      "one",
      "two",
      `END RequestId: ${requestId}`,
    ]);
    expect(lines[4]).toMatch(
      /^REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms$/,
    );
  });

  test("in the JSON format only the function's own lines", async () => {
    apis.logs.set("/drops", []);
    await run(
      `exports.handler = async () => { console.log('{"a":1}') }`,
      {},
      {
        LoggingConfig: { LogFormat: "JSON", LogGroup: "/drops" },
      },
    );

    const lines = apis.logs.get("/drops")!;
    await until("the line is there", () => lines.length > 0);
    expect(lines).toEqual(['{"a":1}']);
  });

  test("a missing log group is a problem, not a failure", async () => {
    apply(`exports.handler = async () => "answer"`);
    apis.logs.clear();

    expect((await invoker.invoke("f", {})).payload).toBe("answer");
    const problem = await until("it is told", () => events.find((event) => event.type === "problem"));
    expect(problem.error.message).toBe("Log group /aws/lambda/f does not exist: the function's log lines are lost");
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
