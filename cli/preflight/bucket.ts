import { GetBucketLocationCommand } from "@aws-sdk/client-s3";
import type { Finding } from "../../config/findings";
import { type BucketNotifications, entryIdPrefix } from "../../config/notifications";
import { readOthers } from "../../config/others";
import type { PipelineConfig } from "../../config/schema";
import { type Account, type BucketSight, lookAt, unlessMissing } from "./account";
import { isOwn, othersOf, readNotifications } from "./notifications";
import type { Report } from "./report";

const UNUSABLE: Readonly<Record<Exclude<BucketSight, "there">, (region: string) => string>> = {
  missing: () => "must exist: have its owner create it, or take bucket.name",
  forbidden: () => "must be of this account, and these credentials may not look at it: ask its owner, or take others",
  elsewhere: (region) => `must lie in ${region}, the pipeline's region`,
};

/** Whether the existing bucket is there, in the right region, and reports what the trigger waits for. */
export async function checkBucket(config: PipelineConfig, account: Account): Promise<Report> {
  const { bucket, region, trigger } = config;
  if (!bucket.existing) return { errors: [], notes: [] };
  const at = (rule: string): Finding => ({ path: ["bucket", "existing"], rule, value: bucket.name });
  const unseen = (rule: string): Report => ({ errors: [], notes: [at(rule)] });
  // What another account's owner does not show may well be as it must.
  const shown = <T>(asked: Promise<T>) => (bucket.account === undefined ? asked : unlessMissing(asked, "AccessDenied"));
  const sight = await lookAt(account.s3, bucket.name);
  if (sight === "forbidden" && bucket.account !== undefined) {
    return unseen(
      `was not looked at, since account ${bucket.account} owns it and lets nobody here look: ask its owner whether it is there, in ${region}, and reports`,
    );
  }
  if (sight !== "there") return { errors: [at(UNUSABLE[sight](region))], notes: [] };
  const location = await shown(account.s3.send(new GetBucketLocationCommand({ Bucket: bucket.name })));
  const found = location === undefined ? region : regionOf(location.LocationConstraint);
  if (found !== region) {
    return { errors: [at(`must lie in ${region}, the pipeline's region, and lies in ${found}`)], notes: [] };
  }
  if (trigger.kind === "cloudtrail") return { errors: [], notes: [] };
  const current = await shown(readNotifications(account.s3, bucket.name));
  if (current === undefined) {
    return unseen("was not asked what it reports, since its owner lets nobody here look: ask whether it does");
  }
  return bucket.othersFile === undefined
    ? checkOwners(config, current, at)
    : checkAdopted(config, bucket.othersFile, current);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
function regionOf(constraint: string | undefined): string {
  if (constraint === undefined) return "us-east-1";
  return constraint === "EU" ? "eu-west-1" : constraint;
}

/** Whether the owner has done their part. */
function checkOwners(
  { name, trigger }: PipelineConfig,
  current: BucketNotifications,
  at: (rule: string) => Finding,
): Report {
  if (trigger.kind === "eventbridge") {
    const rule =
      "must report to EventBridge and does not, so that no drop is noticed: its owner must add eventbridge = true to its aws_s3_bucket_notification, and where it was there, find out who replaced it";
    return { errors: current.eventbridge ? [] : [at(rule)], notes: leftovers(name, current, at) };
  }
  const existing = trigger.kind === "topic" ? trigger.existing : undefined;
  const reports = current.entries.some(
    (entry) =>
      isOwn(entry, name) || (existing !== undefined && entry.kind === "topic" && entry.arn.endsWith(`:${existing}`)),
  );
  const rule = `does not report to this pipeline yet: after the first apply, its owner adds what the output bucket_owner_must_add prints`;
  return { errors: [], notes: reports ? [] : [at(rule)] };
}

/** Entries of ours where none are wanted: adopt went to none without leaving between. */
function leftovers(name: string, { entries }: BucketNotifications, at: (rule: string) => Finding): Finding[] {
  return entries
    .filter(({ id }) => id.startsWith(entryIdPrefix(name)))
    .map(({ id }) =>
      at(
        `still holds the notification "${id}" of this pipeline: its owner removes it, or set bucket.notifications: leaving and apply first`,
      ),
    );
}

/** Whether the file still says what others have there. */
function checkAdopted({ name }: PipelineConfig, file: string, current: BucketNotifications): Report {
  const read = readOthers(file);
  if ("fault" in read) return { errors: [], notes: [] };
  const known = new Set(read.others.entries.map((entry) => JSON.stringify(entry)));
  const unknown = othersOf(current, name).entries.filter((entry) => !known.has(JSON.stringify(normal(entry))));
  return {
    errors: unknown.map(({ id }) => ({
      path: ["bucket", "notifications"],
      rule: `must be adopted again: the bucket has the notification "${id}" by now, which the file does not hold; run npm run preflight -- --adopt ${name}`,
    })),
    notes: [],
  };
}

/** In the order in which the file holds it. */
function normal({ kind, id, arn, events, prefix, suffix }: BucketNotifications["entries"][number]): object {
  return { kind, id, arn, events, ...(prefix !== undefined && { prefix }), ...(suffix !== undefined && { suffix }) };
}
