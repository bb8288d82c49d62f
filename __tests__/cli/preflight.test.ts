import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preflightCommand } from "../../cli/preflight";
import { importLine } from "../../cli/preflight/imports";
import { findLosses, isOwn, othersOf } from "../../cli/preflight/notifications";
import { PlanError, readPlan, type ResourceChange } from "../../cli/preflight/plan";
import type { BucketNotifications, NotificationEntry } from "../../config/notifications";
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
