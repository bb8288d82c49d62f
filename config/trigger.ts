import * as z from "zod";
import * as field from "./fields";
import { hasUnknownKey, mappingOf, oneOf } from "./findings";
import * as identifier from "./identifiers";
import * as limits from "./limits";

/** The way from the finished upload to the build, with every default filled in. */
export type TriggerConfig =
  | { readonly kind: "queue" }
  | { readonly kind: "lambda" }
  | {
      readonly kind: "topic";
      /** Name of a topic of the same account and region that is taken as it is; absent where the pipeline makes its own. */
      readonly existing?: string;
      /** SQS gets what S3 wrote, without SNS's envelope. */
      readonly rawDelivery: boolean;
    }
  | {
      readonly kind: "eventbridge";
      /** Straight to CodeBuild, a rule for each service; else through queue and function. */
      readonly direct: boolean;
      /** Name of an event bus that is taken as it is; absent for the default one of account and region. */
      readonly bus?: string;
    }
  | {
      readonly kind: "cloudtrail";
      /** The pipeline makes a trail of its own for the bucket's data events; else one of the account records them. */
      readonly trail: boolean;
      /** Minutes that a build waits for an upload to finish. */
      readonly maxWait: number;
      /** Seconds between two looks at the upload. */
      readonly checkInterval: number;
    };

const KINDS = ["queue", "lambda", "topic", "eventbridge", "cloudtrail"] as const;

const topic = z
  .strictObject(
    {
      existing: field.topicName
        .meta({
          description:
            "Name of a topic of the same account and region to take as it is: its policy stays its owner's. Default: a topic is made.",
        })
        .optional(),
      rawDelivery: z
        .boolean()
        .meta({ description: "The queue gets what S3 wrote; false wraps it in SNS's envelope." })
        .default(true),
    },
    { error: mappingOf("existing") },
  )
  .meta({ description: "S3, SNS, SQS, Lambda: for a bucket whose events fan out." });

const eventbridge = z
  .strictObject({
    direct: z
      .boolean()
      .meta({
        description: "Straight to CodeBuild, a rule for each service and no function; keys must be exact.",
      })
      .default(false),
    bus: identifier.busName
      .meta({
        description:
          "Name of an event bus of the same account and region that the bucket's events are forwarded to. Default: the default bus.",
      })
      .optional(),
  })
  .meta({ description: "S3, EventBridge, SQS, Lambda: for a bucket of somebody who switches EventBridge on." });

const cloudtrail = z
  .strictObject({
    trail: z
      .boolean()
      .meta({
        description:
          "Make a trail that records the calls that write objects to the bucket; false: a trail of the account does so already.",
      })
      .default(false),
    maxWait: field
      .count("minutes", limits.MAX_WAIT_MINUTES)
      .meta({
        description: `Minutes that a build waits for an upload to finish, ${limits.MAX_WAIT_MINUTES.min} to ${limits.MAX_WAIT_MINUTES.max} and at least ${limits.BUILD_AFTER_WAIT_MINUTES} below every buildTimeout.`,
      })
      .default(20),
    checkInterval: field
      .count("seconds", limits.CHECK_INTERVAL_SECONDS)
      .meta({
        description: `Seconds between two looks at the upload, ${limits.CHECK_INTERVAL_SECONDS.min} to ${limits.CHECK_INTERVAL_SECONDS.max}.`,
      })
      .default(15),
  })
  .meta({
    description: "CloudTrail, EventBridge, CodeBuild: for accounts that only have a trail; keys must be exact.",
  });

/** A word that stands alone, known to be told so. */
const withoutOptions = (kind: (typeof KINDS)[number]) =>
  z
    .never({ error: `has no options: write trigger: ${kind}` })
    .meta({ description: `Refused: ${kind} has no options, and stands as a word.` })
    .optional();

const options = z
  .strictObject({
    queue: withoutOptions("queue"),
    lambda: withoutOptions("lambda"),
    topic: topic.optional(),
    eventbridge: eventbridge.optional(),
    cloudtrail: cloudtrail.optional(),
  })
  .check((context) => {
    const { topic: ownTopic, eventbridge: ownEvents, cloudtrail: ownTrail } = context.value;
    const kinds = [ownTopic, ownEvents, ownTrail].filter((kind) => kind !== undefined);
    if (kinds.length === 1 || hasUnknownKey(context)) return;
    const message = "must have exactly one of topic, eventbridge and cloudtrail";
    context.issues.push({ code: "custom", message, input: context.value });
  })
  .meta({ minProperties: 1, maxProperties: 1 });

function kindRule(input: unknown): string {
  const rule = oneOf(KINDS, input);
  return typeof input === "string" ? rule : `${rule}, or a mapping with the options of one`;
}

/** One word, or a mapping of the one word to its options. */
export const triggerSchema = z
  .union([z.enum(KINDS), options], { error: ({ input }) => kindRule(input) })
  .meta({
    description:
      "The way from the finished upload to the build: queue (S3, SQS, Lambda), lambda (S3, Lambda), topic, eventbridge or cloudtrail; the last three are a word, or a mapping with their options. Default: queue; eventbridge where an existing bucket's notifications are its owner's.",
  })
  .optional();

export function resolveTrigger(written: NonNullable<z.output<typeof triggerSchema>>): TriggerConfig {
  if (written === "queue" || written === "lambda") return { kind: written };
  const chosen = typeof written === "string" ? options.parse({ [written]: {} }) : written;
  if (chosen.topic) {
    const { existing, rawDelivery } = chosen.topic;
    return { kind: "topic", ...(existing !== undefined && { existing }), rawDelivery };
  }
  if (chosen.eventbridge) {
    const { direct, bus } = chosen.eventbridge;
    return { kind: "eventbridge", direct, ...(bus !== undefined && { bus }) };
  }
  return { kind: "cloudtrail", ...cloudtrail.parse(chosen.cloudtrail) };
}

/** True where the rules of a trigger start the builds themselves, so that every key must be exact. */
export function isDirect(trigger: TriggerConfig): boolean {
  return trigger.kind === "cloudtrail" || (trigger.kind === "eventbridge" && trigger.direct);
}
