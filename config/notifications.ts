import * as z from "zod";

/** What a bucket reports to one place. https://docs.aws.amazon.com/AmazonS3/latest/API/API_NotificationConfiguration.html */
export interface NotificationEntry {
  readonly kind: "queue" | "topic" | "function";
  readonly id: string;
  /** Of the queue, the topic or the function. */
  readonly arn: string;
  /** S3's names of events, such as `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  readonly prefix?: string;
  readonly suffix?: string;
}

/** The notification configuration of a bucket, which it has one of. */
export interface BucketNotifications {
  readonly bucket: string;
  /** Whatever happens goes to the account's default event bus. */
  readonly eventbridge: boolean;
  readonly entries: readonly NotificationEntry[];
}

const KINDS = ["own", "adopt", "leaving", "none"] as const;

/**
 * Whose a bucket's notification configuration is: the stack's alone (`own`); the stack's, with what others have there (`adopt`); the
 * same without the pipeline's own entries (`leaving`); somebody else's (`none`).
 */
export type NotificationsKind = (typeof KINDS)[number];

export const notificationsSchema = z.enum(KINDS).meta({
  description:
    "Whose the bucket's notifications are. own: the pipeline's alone. none: their owner adds what an output prints. adopt: the pipeline's, together with what others have there already (docs/notifications.md). leaving: what adopt becomes before none. Default: own for a bucket that is created, none for an existing one.",
});

export function defaultNotifications(existing: boolean): NotificationsKind {
  return existing ? "none" : "own";
}

/** Name of the file beside the configuration that holds what others have the bucket report. */
export function othersFile(pipeline: string): string {
  return `notifications.${pipeline}.json`;
}

const entrySchema = z.strictObject({
  kind: z.enum(["queue", "topic", "function"]),
  id: z.string().min(1),
  arn: z.string().regex(/^arn:/, "must be an ARN"),
  events: z.array(z.string().regex(/^s3:/, "must be an event of S3")).min(1),
  prefix: z.string().optional(),
  suffix: z.string().optional(),
});

/** What {@link renderOthers} writes. */
export const othersSchema = z.strictObject({
  bucket: z.string(),
  eventbridge: z.boolean(),
  entries: z.array(entrySchema),
});

/** The same text for the same configuration, in whatever order S3 lists it. */
export function renderOthers({ bucket, eventbridge, entries }: BucketNotifications): string {
  const sorted = entries
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ kind, id, arn, events, prefix, suffix }) => ({
      kind,
      id,
      arn,
      events: events.toSorted(),
      ...(prefix !== undefined && { prefix }),
      ...(suffix !== undefined && { suffix }),
    }));
  return `${JSON.stringify({ bucket, eventbridge, entries: sorted }, undefined, 2)}\n`;
}

/**
 * Begins the ids of a pipeline's entries among those of others. The underscore ends the pipeline's name, so that no id of
 * pipeline `a` is one of pipeline `a-b`.
 */
export function entryIdPrefix(pipeline: string): string {
  return `${pipeline}_drops`;
}

/** Begins the ids of the entries on a bucket that the pipeline creates, where nobody else's can be meant. */
export const OWN_ENTRY_ID_PREFIX = "drops";

/** For people: `"thumbnails" (s3:ObjectCreated:Put of uploads/*.jpg to arn:aws:sqs:...)`. */
export function describeEntry({ id, events, prefix = "", suffix = "", arn }: NotificationEntry): string {
  return `"${id}" (${events.join(", ")} of ${prefix}*${suffix} to ${arn})`;
}

/**
 * Whether one object could be reported by both, which S3 refuses whatever the destinations.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
 */
export function entriesOverlap(
  a: Pick<NotificationEntry, "events" | "prefix" | "suffix">,
  b: Pick<NotificationEntry, "events" | "prefix" | "suffix">,
): boolean {
  const { prefix: aPrefix = "", suffix: aSuffix = "" } = a;
  const { prefix: bPrefix = "", suffix: bSuffix = "" } = b;
  return (
    a.events.some((one) => b.events.some((other) => eventsOverlap(one, other))) &&
    (aPrefix.startsWith(bPrefix) || bPrefix.startsWith(aPrefix)) &&
    (aSuffix.endsWith(bSuffix) || bSuffix.endsWith(aSuffix))
  );
}

/** `s3:ObjectCreated:*` is every event that begins so. */
function eventsOverlap(a: string, b: string): boolean {
  const covers = (pattern: string, event: string) =>
    pattern.endsWith("*") ? event.startsWith(pattern.slice(0, -1)) : pattern === event;
  return covers(a, b) || covers(b, a);
}
