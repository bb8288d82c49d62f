import type { S3BucketNotificationConfig } from "@cdktf/provider-aws/lib/s3-bucket-notification";
import type { ITerraformDependable } from "cdktf";
import { DROP_EVENTS } from "../config/check-notifications";
import type { KeyEnding } from "../config/key-endings";
import type { NotificationEntry } from "../config/notifications";
import { literal } from "./policies";

/** Where a bucket must report finished uploads of what may be a drop. */
export type BucketNotification = (
  | { readonly kind: NotificationEntry["kind"]; readonly arn: string }
  /** To the account's default event bus, whatever happens in the bucket. */
  | { readonly kind: "eventbridge" }
) & {
  /** What must be there before the bucket reports: what S3 checks, and what no event may miss. */
  readonly dependsOn?: readonly ITerraformDependable[];
};

/** A filter takes one ending, so there is one entry for each that services use. */
export function dropEntries(
  notification: BucketNotification,
  endings: readonly KeyEnding[],
  idPrefix: string,
): NotificationEntry[] {
  if (notification.kind === "eventbridge") return [];
  const { kind, arn } = notification;
  return endings.map((suffix) => ({
    kind,
    arn,
    id: suffix === ".zip" ? idPrefix : `${idPrefix}${suffix.replaceAll(".", "-")}`,
    events: DROP_EVENTS,
    suffix,
  }));
}

/** As arguments of `aws_s3_bucket_notification`. */
export function renderNotifications(
  entries: readonly NotificationEntry[],
  eventbridge: boolean,
): Omit<S3BucketNotificationConfig, "bucket"> {
  const ofKind = (kind: NotificationEntry["kind"]) => {
    const own = entries.filter((entry) => entry.kind === kind);
    return own.length === 0 ? undefined : own;
  };
  return {
    ...(eventbridge && { eventbridge }),
    queue: ofKind("queue")?.map((entry) => ({ ...renderEntry(entry), queueArn: entry.arn })),
    topic: ofKind("topic")?.map((entry) => ({ ...renderEntry(entry), topicArn: entry.arn })),
    lambdaFunction: ofKind("function")?.map((entry) => ({ ...renderEntry(entry), lambdaFunctionArn: entry.arn })),
  };
}

function renderEntry({ id, events, prefix, suffix }: NotificationEntry) {
  return {
    id: literal(id),
    events: [...events],
    filterPrefix: prefix === undefined ? undefined : literal(prefix),
    filterSuffix: suffix === undefined ? undefined : literal(suffix),
  };
}

const BLOCKS = {
  queue: ["queue", "queue_arn"],
  topic: ["topic", "topic_arn"],
  function: ["lambda_function", "lambda_function_arn"],
} as const;

/** The lines that the owner of a bucket puts into the `aws_s3_bucket_notification` that is there, in HCL as `terraform fmt` has it. */
export function renderForOwner(notification: BucketNotification, endings: readonly KeyEnding[]): string {
  if (notification.kind === "eventbridge") return "eventbridge = true";
  const [block, argument] = BLOCKS[notification.kind];
  const { arn } = notification;
  return endings
    .map((suffix) => {
      const lines = Object.entries({ [argument]: arn, events: DROP_EVENTS, filter_suffix: suffix }).map(
        ([name, value]) =>
          `  ${name.padEnd(Math.max(argument.length, "filter_suffix".length))} = ${renderValue(value)}`,
      );
      return [`${block} {`, ...lines, "}"].join("\n");
    })
    .join("\n\n");
}

function renderValue(value: string | readonly string[]): string {
  return typeof value === "string" ? `"${value}"` : `[${value.map((each) => `"${each}"`).join(", ")}]`;
}
