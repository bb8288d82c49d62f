import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, formatProblem } from "../../config/errors";
import { loadPipelines } from "../../config/load";
import { type BucketNotifications, entriesOverlap, renderOthers } from "../../config/notifications";
import { pipeline, problemsOf } from "./make";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "notifications-"))));
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const THUMBNAILS = {
  kind: "queue",
  id: "thumbnails",
  arn: "arn:aws:sqs:us-east-1:111122223333:thumbnails",
  events: ["s3:ObjectCreated:Put"],
  prefix: "photos/",
  suffix: ".jpg",
} as const;
const THEIRS: BucketNotifications = { bucket: "theirs", eventbridge: false, entries: [THUMBNAILS] };

/** What is said of a pipeline on the bucket `theirs`, with this beside it. */
function problems(lines: string, others?: string): string[] {
  const file = join(folder, "pipeline.yaml");
  writeFileSync(file, `name: images\nregion: us-east-1\nservices: [api]\n${lines}\n`);
  if (others !== undefined) writeFileSync(join(folder, "notifications.images.json"), others);
  try {
    loadPipelines(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(formatProblem).map((line) => line.replaceAll(`${folder}/`, ""));
  }
  return [];
}

const BUCKET = "bucket: { existing: theirs, notifications: adopt }";
const AT = "pipeline.yaml:4:29 bucket.notifications";
const AGAIN = "run npm run preflight -- --adopt images";

test.each(["adopt", "leaving"])("%s on a bucket that is created is refused", (notifications) => {
  expect(problemsOf(pipeline({ bucket: { name: "ours", notifications } }))).toStrictEqual([
    `bucket.notifications: must be own or none for a bucket that the pipeline creates: nobody else has notifications there yet, got "${notifications}"`,
  ]);
});

test.each(["own", "none"])("%s on a bucket that is created is accepted", (notifications) => {
  expect(problemsOf(pipeline({ bucket: { name: "ours", notifications } }))).toStrictEqual([]);
});

test("adopt is accepted where the file says what others have there", () => {
  expect(problems(BUCKET, renderOthers(THEIRS))).toStrictEqual([]);
});

test.each<[string, string | undefined, string]>([
  ["no file", undefined, `needs the file notifications.images.json beside this one, which is missing: ${AGAIN}`],
  ["no JSON", "queue: []", `needs the file notifications.images.json beside this one, which is not JSON: ${AGAIN}`],
  [
    "something else",
    '{"bucket":"theirs","eventbridge":false,"entries":[{"kind":"queue","id":"a","arn":"a","events":["s3:Test"]}]}',
    `needs the file notifications.images.json beside this one, in which entries[0].arn must be an ARN, got "a": ${AGAIN}`,
  ],
  [
    "another bucket",
    renderOthers({ ...THEIRS, bucket: "other" }),
    `needs the notifications of theirs in notifications.images.json, which holds those of other: ${AGAIN}`,
  ],
  [
    "an entry for the same uploads",
    renderOthers({ ...THEIRS, entries: [{ ...THUMBNAILS, prefix: "in/", suffix: "p" }] }),
    'must be none: S3 reports an object to one place only, and uploads of *.zip go to "thumbnails" (s3:ObjectCreated:Put of in/*p to arn:aws:sqs:us-east-1:111122223333:thumbnails) already; take trigger eventbridge, or topic where that is one',
  ],
])("adopt with %s is refused", (_, others, rule) => {
  expect(problems(BUCKET, others)).toStrictEqual([`${AT}: ${rule}, got "adopt"`]);
});

test("adopt is refused where nothing runs between plan and apply", () => {
  const backend = (vcs: boolean) => `${BUCKET}\nbackend: { cloud: { organization: acme, vcs: ${String(vcs)} } }`;
  expect(problems(backend(true), renderOthers(THEIRS))).toStrictEqual([
    `${AT}: must not stand beside backend.cloud.vcs, where nothing compares the plan with the bucket before the apply: take none with trigger eventbridge, or vcs: false, got "adopt"`,
  ]);
  expect(problems(backend(false), renderOthers(THEIRS))).toStrictEqual([]);
});

test("adopt is refused on a bucket of another account", () => {
  const bucket = 'bucket: { existing: theirs, notifications: adopt, account: "444455556666" }';
  expect(problems(bucket, renderOthers(THEIRS))).toStrictEqual([
    `${AT}: must be none for a bucket of another account, whose notifications are only for its owner to change: leave it out, got "adopt"`,
  ]);
});

test("adopt is refused with a trigger that needs no notification", () => {
  expect(problems(`${BUCKET}\ntrigger: { cloudtrail: { trail: true } }`, renderOthers(THEIRS))).toStrictEqual([
    `${AT}: must be none with trigger cloudtrail, which needs no notification: leave it out, got "adopt"`,
  ]);
});

test("the file's bytes do not depend on the order in which S3 lists", () => {
  const second = { ...THUMBNAILS, id: "audit", events: ["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"] };
  const reversed = { ...second, events: second.events.toReversed() };
  expect(renderOthers({ ...THEIRS, entries: [THUMBNAILS, second] })).toBe(
    renderOthers({ ...THEIRS, entries: [reversed, THUMBNAILS] }),
  );
});

describe("two entries could report the same object", () => {
  const created = { events: ["s3:ObjectCreated:*"], suffix: ".zip" };
  test.each([
    [{ events: ["s3:ObjectCreated:Put"] }, true],
    [{ events: ["s3:ObjectRemoved:*"] }, false],
    [{ events: ["s3:ObjectCreated:*"], suffix: ".jpg" }, false],
    [{ events: ["s3:ObjectCreated:*"], suffix: "p" }, true],
    [{ events: ["s3:ObjectCreated:*"], prefix: "in/", suffix: ".zip" }, true],
  ])("%j: %p", (other, expected) => {
    expect(entriesOverlap(created, other)).toBe(expected);
    expect(entriesOverlap(other, created)).toBe(expected);
  });
  test("not under prefixes of which none begins the other", () => {
    expect(entriesOverlap({ ...created, prefix: "a/" }, { ...created, prefix: "b/" })).toBe(false);
  });
});
