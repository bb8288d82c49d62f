import {
  type Event,
  GetBucketNotificationConfigurationCommand,
  type NotificationConfigurationFilter,
  type S3Client,
} from "@aws-sdk/client-s3";
import { names } from "../../config/names";
import {
  type BucketNotifications,
  describeEntry,
  entryIdPrefix,
  type NotificationEntry,
  OWN_ENTRY_ID_PREFIX,
} from "../../config/notifications";
import type { PipelineConfig } from "../../config/schema";
import type { ResourceChange } from "./plan";

/** What the bucket reports now. */
export async function readNotifications(s3: S3Client, bucket: string): Promise<BucketNotifications> {
  const answer = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket }));
  const { QueueConfigurations = [], TopicConfigurations = [], LambdaFunctionConfigurations = [] } = answer;
  return {
    bucket,
    eventbridge: answer.EventBridgeConfiguration !== undefined,
    entries: [
      ...QueueConfigurations.map((each) => entryOf("queue", each.QueueArn, each)),
      ...TopicConfigurations.map((each) => entryOf("topic", each.TopicArn, each)),
      ...LambdaFunctionConfigurations.map((each) => entryOf("function", each.LambdaFunctionArn, each)),
    ],
  };
}

interface Configuration {
  readonly Id?: string;
  readonly Events: Event[] | undefined;
  readonly Filter?: NotificationConfigurationFilter;
}

function entryOf(
  kind: NotificationEntry["kind"],
  arn = "",
  { Id: id = "", Events: events = [], Filter }: Configuration,
): NotificationEntry {
  // S3 writes Prefix and Suffix, whatever was put.
  const rule = (name: string) => Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value;
  return {
    kind,
    id,
    arn,
    events: events.toSorted(),
    ...withoutEmpty({ prefix: rule("prefix"), suffix: rule("suffix") }),
  };
}

/** An empty filter is none. */
function withoutEmpty(filter: Readonly<Record<"prefix" | "suffix", string | undefined>>): object {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined && value !== ""));
}

/** Whether an entry is the pipeline's: it leads to what the pipeline made, or its id begins like those that it gives. */
export function isOwn({ id, arn }: NotificationEntry, pipeline: string, idPrefix = entryIdPrefix(pipeline)): boolean {
  const { queue, function: startBuild, topic } = names(pipeline);
  const destination = arn.slice(arn.lastIndexOf(":") + 1);
  return [queue, startBuild, topic].includes(destination) || id === idPrefix || id.startsWith(`${idPrefix}-`);
}

/** What of the bucket's notifications are others'. */
export function othersOf(
  { bucket, eventbridge, entries }: BucketNotifications,
  pipeline: string,
  idPrefix?: string,
): BucketNotifications {
  return { bucket, eventbridge, entries: entries.filter((entry) => !isOwn(entry, pipeline, idPrefix)) };
}

/**
 * What a plan would do to notifications of others, a sentence each.
 * @param current what the bucket reports now
 */
export function findLosses(
  change: ResourceChange,
  current: BucketNotifications,
  config: Pick<PipelineConfig, "name" | "bucket" | "trigger">,
): string[] {
  const { actions } = change.change;
  // What is forgotten or left alone stays as it is.
  if (!actions.some((action) => ["create", "update", "delete"].includes(action))) return [];
  const planned = actions.includes("create") || actions.includes("update") ? plannedOf(change) : undefined;
  const remedy = remedyFor(config, planned !== undefined);
  const idPrefix = config.bucket.existing ? undefined : OWN_ENTRY_ID_PREFIX;
  const lost = othersOf(current, config.name, idPrefix).entries.flatMap((entry) => {
    if (planned?.entries.some((each) => isSame(each, entry))) return [];
    const verb = planned?.entries.some(({ id }) => id === entry.id) ? "change" : "remove";
    return [`would ${verb} the notification ${describeEntry(entry)}, which is not this pipeline's: ${remedy}`];
  });
  if (!current.eventbridge || planned?.eventbridge || maySwitchOff(config)) return lost;
  return [...lost, `would switch EventBridge off, which others may rely on: ${remedy}`];
}

function remedyFor({ name, bucket }: Pick<PipelineConfig, "name" | "bucket">, kept: boolean): string {
  if (!bucket.existing) return "have its owner take it away, or set bucket.notifications: none and let them hold both";
  if (kept) return `run npm run preflight -- --adopt ${name}, synthesise and plan again`;
  return "set bucket.notifications: leaving and apply, then none";
}

/** Where it was the pipeline that had it switched on. */
function maySwitchOff({ bucket, trigger }: Pick<PipelineConfig, "bucket" | "trigger">): boolean {
  return !bucket.existing || (bucket.notifications === "leaving" && trigger.kind === "eventbridge");
}

function isSame(a: NotificationEntry, b: NotificationEntry): boolean {
  const text = ({ kind, arn, events, prefix = "", suffix = "" }: NotificationEntry) =>
    JSON.stringify([kind, arn, events.toSorted(), prefix, suffix]);
  return text(a) === text(b);
}

/** The configuration after the apply, as far as the plan knows it: what is not known yet leads to what the pipeline makes. */
function plannedOf({ change: { after } }: ResourceChange): BucketNotifications {
  const blocks = (name: string) => (Array.isArray(after?.[name]) ? (after[name] as Record<string, unknown>[]) : []);
  const entries = (kind: NotificationEntry["kind"], block: string) =>
    blocks(block).map((each): NotificationEntry => {
      const filter = { prefix: textOf(each.filter_prefix), suffix: textOf(each.filter_suffix) };
      const events = Array.isArray(each.events) ? each.events.map(String) : [];
      return { kind, id: textOf(each.id) ?? "", arn: textOf(each[`${block}_arn`]) ?? "", events, ...filter };
    });
  return {
    bucket: textOf(after?.bucket) ?? "",
    eventbridge: after?.eventbridge === true,
    entries: [...entries("queue", "queue"), ...entries("topic", "topic"), ...entries("function", "lambda_function")],
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
