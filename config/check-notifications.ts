import { basename } from "node:path";
import { endingsOf } from "./key-endings";
import type { Finding } from "./findings";
import { describeEntry, entriesOverlap, othersFile } from "./notifications";
import { readOthers } from "./others";
import type { PipelineConfig } from "./schema";

/** What S3 reports of drops, in its own names of events. */
export const DROP_EVENTS: readonly string[] = ["s3:ObjectCreated:*"];

/** Whether the bucket's notifications can be whose they are said to be. */
export function checkNotifications(config: PipelineConfig): Finding[] {
  const rule = config.bucket.existing ? ruleForExisting(config) : ruleForCreated(config);
  return rule === undefined ? [] : [{ path: ["bucket", "notifications"], rule, value: config.bucket.notifications }];
}

function ruleForCreated({ bucket: { notifications } }: PipelineConfig): string | undefined {
  return notifications === "own" || notifications === "none"
    ? undefined
    : "must be own or none for a bucket that the pipeline creates: nobody else has notifications there yet";
}

function ruleForExisting(config: PipelineConfig): string | undefined {
  const { bucket, trigger, backend } = config;
  if (bucket.notifications === "none") return undefined;
  if (bucket.notifications === "own") {
    return "must not be own for an existing bucket, where it would remove everyone else's notifications: take none with trigger eventbridge or topic, or adopt, which keeps them";
  }
  if (bucket.account !== undefined) {
    return "must be none for a bucket of another account, whose notifications are only for its owner to change: leave it out";
  }
  if (trigger.kind === "cloudtrail") {
    return "must be none with trigger cloudtrail, which needs no notification: leave it out";
  }
  if (backend.kind === "cloud" && backend.vcs) {
    return "must not stand beside backend.cloud.vcs, where nothing compares the plan with the bucket before the apply: take none with trigger eventbridge, or vcs: false";
  }
  return ruleOfOthers(config);
}

function ruleOfOthers({ name, bucket, services }: PipelineConfig): string | undefined {
  const file = basename(bucket.othersFile ?? othersFile(name));
  const remedy = `run npm run preflight -- --adopt ${name}`;
  const read = readOthers(bucket.othersFile ?? file);
  if ("fault" in read) return `needs the file ${file} beside this one, ${read.fault}: ${remedy}`;
  const { others } = read;
  if (others.bucket !== bucket.name) {
    return `needs the notifications of ${bucket.name} in ${file}, which holds those of ${others.bucket}: ${remedy}`;
  }
  if (bucket.notifications === "leaving") return undefined;
  const mine = endingsOf(services.map(({ key }) => key)).map((suffix) => ({ events: DROP_EVENTS, suffix }));
  const [clash] = others.entries.flatMap((entry) =>
    mine.filter((own) => entriesOverlap(entry, own)).map((own) => ({ entry, own })),
  );
  if (clash === undefined) return undefined;
  return `must be none: S3 reports an object to one place only, and uploads of *${clash.own.suffix} go to ${describeEntry(clash.entry)} already; take trigger eventbridge, or topic where that is one`;
}
