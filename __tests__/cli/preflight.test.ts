import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { preflightCommand } from "../../cli/preflight";
import { findImports, importLine } from "../../cli/preflight/imports";
import { type Account, describeFailure } from "../../cli/preflight/account";
import { findLosses, isOwn, othersOf } from "../../cli/preflight/notifications";
import { PlanError, readPlan, type ResourceChange } from "../../cli/preflight/plan";
import type { BucketNotifications, NotificationEntry } from "../../config/notifications";
import { LoopbackServer } from "../support/loopback";
import { thrownBy } from "../support/thrown";

const THUMBNAILS: NotificationEntry = {
  kind: "queue",
  id: "thumbnails",
  arn: "arn:aws:sqs:us-east-1:111122223333:thumbnails",
  events: ["s3:ObjectCreated:Put"],
  prefix: "photos/",
  suffix: ".jpg",
};
const OURS: NotificationEntry = {
  kind: "queue",
  id: "images_drops",
  arn: "arn:aws:sqs:us-east-1:111122223333:images_drops",
  events: ["s3:ObjectCreated:*"],
  suffix: ".zip",
};
const CURRENT: BucketNotifications = { bucket: "theirs", eventbridge: false, entries: [THUMBNAILS, OURS] };
const CONFIG = {
  name: "images",
  bucket: {
    name: "theirs",
    existing: true,
    notifications: "adopt",
    versionsExpireAfterDays: 30,
    uploadsExpireAfterDays: 7,
  },
  trigger: { kind: "queue" },
} as const;
const THEIRS_PLANNED = {
  id: "thumbnails",
  queue_arn: THUMBNAILS.arn,
  events: ["s3:ObjectCreated:Put"],
  filter_prefix: "photos/",
  filter_suffix: ".jpg",
};

function change(actions: string[], after: Record<string, unknown> | null): ResourceChange {
  const address = "aws_s3_bucket_notification.it";
  return { address, mode: "managed", type: "aws_s3_bucket_notification", change: { actions, after } };
}
const planned = (queue: object[], more: object = {}) => change(["update"], { bucket: "theirs", queue, ...more });

const AGAIN = "run npm run preflight -- --adopt images, synthesise and plan again";
const ADD = "have its owner take it away, or set bucket.notifications: none and let them hold both";
const REMOVES =
  'would remove the notification "thumbnails" (s3:ObjectCreated:Put of photos/*.jpg to arn:aws:sqs:us-east-1:111122223333:thumbnails), which is not this pipeline\'s: ';

describe("a plan", () => {
  test("that keeps the notifications of others is accepted, whatever becomes of the pipeline's", () => {
    expect(findLosses(planned([THEIRS_PLANNED]), CURRENT, CONFIG)).toStrictEqual([]);
    expect(findLosses(planned([{ id: "images_drops", events: [] }, THEIRS_PLANNED]), CURRENT, CONFIG)).toStrictEqual(
      [],
    );
  });

  test.each([["update"], ["create"], ["delete", "create"]])("of %j that drops one is refused", (...actions) => {
    const dropping = change(actions, { bucket: "theirs", queue: [] });
    expect(findLosses(dropping, CURRENT, CONFIG)).toStrictEqual([`${REMOVES}${AGAIN}`]);
  });

  test("that changes one is refused", () => {
    const changed = planned([{ ...THEIRS_PLANNED, filter_suffix: ".jpeg" }]);
    expect(findLosses(changed, CURRENT, CONFIG)).toStrictEqual([`${REMOVES.replace("remove", "change")}${AGAIN}`]);
  });

  test("that destroys the whole is refused", () => {
    expect(findLosses(change(["delete"], null), { ...CURRENT, eventbridge: true }, CONFIG)).toStrictEqual([
      `${REMOVES}set bucket.notifications: leaving and apply, then none`,
      "would switch EventBridge off, which others may rely on: set bucket.notifications: leaving and apply, then none",
    ]);
  });

  test.each([[["no-op"]], [["forget"]], [["read"]]])("of %j touches nothing", (actions) => {
    expect(findLosses(change(actions, null), CURRENT, CONFIG)).toStrictEqual([]);
  });

  test("on a bucket of the pipeline's own may drop what the pipeline put there, and nothing else", () => {
    const topic = { ...OURS, kind: "topic", arn: "arn:aws:sns:us-east-1:111122223333:image-events" } as const;
    const entries = [THUMBNAILS, { ...topic, id: "drops" }, { ...topic, id: "drops-tar-gz" }];
    const created = { ...CONFIG, bucket: { ...CONFIG.bucket, existing: false, notifications: "own" as const } };
    expect(findLosses(planned([]), { ...CURRENT, entries }, created)).toStrictEqual([`${REMOVES}${ADD}`]);
  });

  test("that switches EventBridge off is refused, unless it was the pipeline's that leaves", () => {
    const current = { ...CURRENT, eventbridge: true };
    const leaving = { ...CONFIG, bucket: { ...CONFIG.bucket, notifications: "leaving" as const } };
    const events = { kind: "eventbridge", direct: false } as const;
    const off = [`would switch EventBridge off, which others may rely on: ${AGAIN}`];
    expect(findLosses(planned([THEIRS_PLANNED]), current, CONFIG)).toStrictEqual(off);
    expect(findLosses(planned([THEIRS_PLANNED]), current, leaving)).toStrictEqual(off);
    expect(findLosses(planned([THEIRS_PLANNED]), current, { ...leaving, trigger: events })).toStrictEqual([]);
    expect(findLosses(planned([THEIRS_PLANNED], { eventbridge: true }), current, CONFIG)).toStrictEqual([]);
  });
});

test.each<[Partial<NotificationEntry>, boolean]>([
  [{}, true],
  [{ id: "images_drops-tar-gz", arn: "arn:aws:sns:us-east-1:111122223333:events" }, true],
  [{ id: "whatever" }, true],
  [{ id: "images_dropsy", arn: THUMBNAILS.arn }, false],
  [{ id: "thumbnails", arn: "arn:aws:sqs:us-east-1:111122223333:images-cn_drops" }, false],
])("of pipeline images is %j: %p", (entry, expected) => {
  expect(isOwn({ ...OURS, ...entry }, "images")).toBe(expected);
  expect(othersOf({ ...CURRENT, entries: [{ ...OURS, ...entry }] }, "images").entries).toHaveLength(expected ? 0 : 1);
});

test("an import is a line for a shell", () => {
  const line = importLine({ address: "aws_sqs_queue.it", id: "http://127.0.0.1/1/images_drops" });
  expect(line).toBe("terraform import 'aws_sqs_queue.it' 'http://127.0.0.1/1/images_drops'");
});

describe("a rule that the plan would create", () => {
  /** Has one rule, on one bus. */
  class FakeEvents extends LoopbackServer {
    constructor(private readonly rule: { readonly Name: string; readonly EventBusName: string }) {
      super();
    }

    protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const there = JSON.stringify(await json(request)) === JSON.stringify(this.rule);
      response.writeHead(there ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(there ? this.rule : { __type: "ResourceNotFoundException" }));
    }
  }

  async function found(there: string, planned: object) {
    const fake = await new FakeEvents({ Name: "images_drops", EventBusName: there }).start();
    const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
    const events = new EventBridgeClient({ region: "us-east-1", endpoint: fake.endpoint, credentials });
    try {
      const rule = {
        address: "aws_cloudwatch_event_rule.it",
        mode: "managed",
        type: "aws_cloudwatch_event_rule",
      } as const;
      const after = { name: "images_drops", ...planned };
      const plan = { format_version: "1.2", resource_changes: [{ ...rule, change: { actions: ["create"], after } }] };
      return await findImports(plan, { events } as unknown as Account);
    } finally {
      events.destroy();
      await fake.close();
    }
  }

  test.each([
    ["default", {}, "default"],
    ["default", { event_bus_name: "default" }, "default"],
    ["partners", { event_bus_name: "partners" }, "partners"],
    ["default", { event_bus_name: "partners" }, undefined],
    ["partners", {}, undefined],
  ])("and that is on bus %s is imported for %j from %p", async (there, planned, bus) => {
    const imports = bus === undefined ? [] : [{ address: "aws_cloudwatch_event_rule.it", id: `${bus}/images_drops` }];
    expect(await found(there, planned)).toStrictEqual(imports);
  });
});

describe("what an account shows", () => {
  /** Answers by `METHOD path?query` of S3, with its statuses and names of errors. */
  class FakeS3 extends LoopbackServer {
    answers: Readonly<Record<string, readonly [status: number, body?: string]>> = {};
    readonly asked: string[] = [];

    protected override answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
      const line = `${method} ${url}`;
      this.asked.push(line);
      const [status, body] = this.answers[line] ?? [500];
      response.writeHead(status, { "content-type": "application/xml" }).end(body);
      return Promise.resolve();
    }
  }

  const folder = mkdtempSync(join(tmpdir(), "preflight-account-"));
  const fake = new FakeS3();
  const before = process.env;
  beforeAll(async () => {
    await fake.start();
    const keys = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_MAX_ATTEMPTS: "1" };
    process.env = { ...before, ...keys, AWS_ENDPOINT_URL: fake.endpoint };
  });
  afterAll(async () => {
    process.env = before;
    rmSync(folder, { recursive: true });
    await fake.close();
  });

  async function look(answers: FakeS3["answers"], ...lines: readonly string[]) {
    fake.answers = answers;
    fake.asked.length = 0;
    const file = join(folder, "pipeline.yaml");
    writeFileSync(file, ["name: images", "region: eu-west-1", "services: [api]", ...lines].join("\n"));
    let err = "";
    const code = await preflightCommand(["--file", file], { out: () => undefined, err: (text) => (err += text) });
    return { code, err: err.replaceAll(`${folder}/`, ""), asked: [...fake.asked] };
  }

  const DENIED = [403, "<Error><Code>AccessDenied</Code></Error>"] as const;
  const HEAD = "HEAD /theirs/";
  const LOCATION = "GET /theirs/?location=";
  const NOTIFICATION = "GET /theirs/?notification=";
  const at = (constraint: string) =>
    [
      200,
      `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${constraint}</LocationConstraint>`,
    ] as const;
  const THEIRS = 'bucket: { existing: theirs, account: "444455556666" }';
  const NOTE = "note: pipeline.yaml:4:11 bucket.existing:";

  test("of a bucket of another account may be nothing, which is no error", async () => {
    expect(await look({ [HEAD]: [403] }, THEIRS)).toStrictEqual({
      code: 0,
      err: `${NOTE} was not looked at, since account 444455556666 owns it and lets nobody here look: ask its owner whether it is there, in eu-west-1, and reports, got "theirs"\n`,
      asked: [HEAD],
    });
  });

  test("of a bucket of this account must be all", async () => {
    expect(await look({ [HEAD]: [403] }, "bucket: { existing: theirs }")).toStrictEqual({
      code: 1,
      err: 'pipeline.yaml:4:11 bucket.existing: must be of this account, and these credentials may not look at it: ask its owner, or take others, got "theirs"\n',
      asked: [HEAD],
    });
    const denied = await look({ [HEAD]: [200], [LOCATION]: DENIED }, "bucket: { existing: theirs }");
    expect(denied).toMatchObject({ code: 2, err: expect.stringMatching(/^AWS could not be asked: /) as unknown });
  });

  test("of a bucket of another account is checked as far as it is shown", async () => {
    const UNASKED = `${NOTE} was not asked what it reports, since its owner lets nobody here look: ask whether it does, got "theirs"\n`;
    const asked = [HEAD, LOCATION, NOTIFICATION];
    for (const location of [DENIED, at("eu-west-1")]) {
      const answers = { [HEAD]: [200], [LOCATION]: location, [NOTIFICATION]: DENIED } as const;
      expect(await look(answers, THEIRS)).toStrictEqual({ code: 0, err: UNASKED, asked });
    }
    expect(await look({ [HEAD]: [200], [LOCATION]: at("eu-central-1") }, THEIRS)).toMatchObject({
      code: 1,
      err: 'pipeline.yaml:4:11 bucket.existing: must lie in eu-west-1, the pipeline\'s region, and lies in eu-central-1, got "theirs"\n',
    });
    expect(await look({ [HEAD]: [404] }, THEIRS)).toMatchObject({
      code: 1,
      err: 'pipeline.yaml:4:11 bucket.existing: must exist: have its owner create it, or take bucket.name, got "theirs"\n',
    });
  });

  test("with trigger cloudtrail it is not asked what it reports", async () => {
    const trigger = "trigger: { cloudtrail: { trail: false } }";
    const answers = { [HEAD]: [200], [LOCATION]: at("eu-west-1") } as const;
    expect(await look(answers, "bucket: { existing: theirs }", trigger)).toStrictEqual({
      code: 0,
      err: "",
      asked: [HEAD, LOCATION],
    });
  });
});

test("AWS that cannot be asked is told with what may help", () => {
  expect(describeFailure(new Error("no"))).toBe("AWS could not be asked: Error: no");
  const error = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  expect(describeFailure(error)).toBe(
    "AWS could not be asked: Error: self-signed certificate; set NODE_EXTRA_CA_CERTS to the certificate of the authority that signed it",
  );
});

describe("the command line", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "preflight-"));
    const two = "{ name: a, region: us-east-1, bucket: ab, services: [api] }";
    writeFileSync(
      join(folder, "pipeline.yaml"),
      `${two.replace("ab", "aab")}\n---\n${two.replace(": a,", ": b,").replace("ab", "abb").replace("[api]", "[web]")}\n`,
    );
    writeFileSync(join(folder, "text"), "Terraform will perform");
    writeFileSync(join(folder, "list"), "[]");
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  async function run(...args: readonly string[]): Promise<{ code: number; err: string }> {
    let err = "";
    const output = { out: () => undefined, err: (text: string) => (err += text) };
    const code = await preflightCommand(["--file", join(folder, "pipeline.yaml"), ...args], output);
    return { code, err: err.replaceAll(`${folder}/`, "") };
  }

  test.each([
    [["a", "b"], "expected one pipeline, got: a b\n"],
    [["--frob"], "Unknown option '--frob'; --help lists the options\n"],
    [["c"], "pipeline.yaml has no pipeline c, it has a, b\n"],
    [["--plan", "p"], "--plan is of one pipeline: name one of a, b\n"],
    [["--adopt", "--plan", "p"], "--adopt reads the bucket and takes no --plan\n"],
    [
      ["--adopt"],
      "pipeline.yaml has no pipeline with a name, a region and bucket.existing: only an existing bucket has notifications to adopt\n",
    ],
  ])("%j is refused", async (args, err) => {
    expect(await run(...args)).toStrictEqual({ code: 2, err });
  });

  test.each([
    ["missing", "no file that can be read"],
    ["text", "no JSON"],
    ["list", "other JSON"],
  ])("a plan that is %s is told from one", (name, found) => {
    const file = join(folder, name);
    const error = thrownBy(() => readPlan(file));
    expect(error).toBeInstanceOf(PlanError);
    expect((error as Error).message).toBe(
      `${file} is no plan: found ${found}, expected the output of terraform show -json; write it with terraform plan -out plan.tfplan and terraform show -json plan.tfplan > ${file}`,
    );
  });
});
