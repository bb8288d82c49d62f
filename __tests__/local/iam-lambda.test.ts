import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGate, type Gate } from "../../local/iam/gate";
import { Invoker, startEventSourceMappings, type LambdaEvent } from "../../local/lambda";
import { denial, FakeIam } from "../support/fake-iam";
import { FakeLambdaApis } from "../support/fake-lambda-apis";
import { until } from "../support/until";

const ROLE = "arn:aws:iam::123456789012:role/start-build";
const QUEUE = "arn:aws:sqs:us-east-1:123456789012:drops";
const GROUP = "/aws/lambda/f";
const VARIABLES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"];
const HANDLER = `exports.handler = async () => ${JSON.stringify(VARIABLES)}.map((name) => process.env[name]);`;

let apis: FakeLambdaApis;
let iam: FakeIam;
let gate: Gate;
let directory: string;
let events: LambdaEvent[];

beforeEach(async () => {
  apis = await new FakeLambdaApis().start();
  apis.apply("f", { files: { "index.js": HANDLER }, configuration: { Role: ROLE } });
  iam = new FakeIam();
  gate = await startGate({ endpoint: apis.endpoint, codebuild: () => apis.endpoint, iam });
  directory = mkdtempSync(join(tmpdir(), "iam-lambda-"));
  events = [];
});
afterEach(async () => {
  await gate.close();
  await apis.close();
  rmSync(directory, { recursive: true });
});

const options = () => ({
  endpoint: apis.endpoint,
  region: "us-east-1",
  directory,
  environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:1" },
  permissions: { iam, gate: gate.url },
  onEvent: (event: LambdaEvent) => events.push(event),
});
const problems = () => events.flatMap((event) => (event.type === "problem" ? [event.error.message] : []));

describe("a function", () => {
  let invoker: Invoker;
  beforeEach(() => {
    invoker = new Invoker(options());
  });
  afterEach(() => invoker.close());

  test("runs with credentials of its role, which Lambda assumes once for an execution environment", async () => {
    const [first, second] = [await invoker.invoke("f", {}), await invoker.invoke("f", {})];
    const accessKeyId = "ASIA0000000000000001";
    const variables = [accessKeyId, `secret-${accessKeyId}`, `token-${accessKeyId}`, gate.url];
    expect([first.payload, second.payload]).toStrictEqual([variables, variables]);
    expect(iam.assumed).toStrictEqual([`${ROLE} lambda.amazonaws.com - - f`]);
  });

  test("has no way past the gate among its own variables, and its log says so", async () => {
    const elsewhere = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CODEBUILD", "HTTPS_PROXY"];
    apis.apply("f", {
      files: {
        "index.js": `exports.handler = async () => Object.entries(process.env).filter(([, value]) => value === "http://elsewhere.test")`,
      },
      configuration: {
        Role: ROLE,
        Environment: { Variables: Object.fromEntries(elsewhere.map((name) => [name, "http://elsewhere.test"])) },
      },
    });
    expect((await invoker.invoke("f", {})).payload).toStrictEqual([]);
    expect(events.flatMap((event) => (event.type === "log" ? [event.line] : []))).toStrictEqual(
      elsewhere.map(
        (name) => `${name} is not used as configured: on this machine the platform decides where requests go`,
      ),
    );
  });

  test("writes its log as its role", async () => {
    await invoker.invoke("f", {});
    await invoker.close();
    expect(apis.logs.get(GROUP)).toHaveLength(3);
    const asked = iam.asked.map(({ principal, action, resource }) => {
      expect(principal).toStrictEqual({ roleArn: ROLE, sessionName: "f" });
      return `${action} ${resource.replace(/log-stream:.*/, "log-stream:...")}`;
    });
    const stream = `arn:aws:logs:us-east-1:123456789012:log-group:${GROUP}:log-stream:...`;
    expect([...new Set(asked)]).toStrictEqual([`logs:CreateLogStream ${stream}`, `logs:PutLogEvents ${stream}`]);
    expect(problems()).toStrictEqual([]);
  });

  test.each(["logs:CreateLogStream", "logs:PutLogEvents"])(
    "runs on without %s, and its lines are lost",
    async (action) => {
      iam.denied.add(action);
      const { error } = await invoker.invoke("f", {});
      await invoker.close();
      expect(error).toBeUndefined();
      expect(apis.logs.get(GROUP)).toStrictEqual([]);
      const resource = iam.asked.find((asked) => asked.action === action)?.resource ?? "";
      expect(problems()[0]).toBe(
        `Log group ${GROUP} cannot be written: AccessDeniedException: ${denial(action, resource)}: the function's log lines are lost`,
      );
    },
  );

  test("is not run where Lambda may not assume its role", async () => {
    iam.denied.add("sts:AssumeRole");
    await expect(invoker.invoke("f", {})).rejects.toMatchObject({
      name: "RoleNotAssumedError",
      message:
        `The role defined for the function f cannot be assumed by Lambda: ${denial("sts:AssumeRole", ROLE)}. ` +
        "Let its trust policy allow lambda.amazonaws.com",
    });
  });
});

test("a queue is read as the function's role, or not at all", async () => {
  iam.denied.add("sqs:DeleteMessage");
  const uuid = apis.map("drops", "f");
  apis.send("drops", "one");
  const mappings = await startEventSourceMappings(options());
  try {
    await until("the refusal is reported", () => problems().length > 0);
    expect(problems()).toStrictEqual([
      `Event source mapping ${uuid} does not poll ${QUEUE}: ${denial("sqs:DeleteMessage", QUEUE)}`,
    ]);
    expect(apis.receives).toStrictEqual([]);

    iam.denied.clear();
    iam.asked.length = 0;
    await until("the message is handled", () => apis.bodiesIn("drops").length === 0);
    expect(problems()).toHaveLength(1);
    const principal = { roleArn: ROLE, sessionName: "f" };
    expect(iam.asked.slice(0, 3)).toStrictEqual([
      { principal, action: "sqs:ReceiveMessage", resource: QUEUE },
      { principal, action: "sqs:DeleteMessage", resource: QUEUE },
      { principal, action: "sqs:GetQueueAttributes", resource: QUEUE },
    ]);
  } finally {
    await mappings.close();
  }
});
