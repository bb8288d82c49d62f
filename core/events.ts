import { excerpt, UnreadableEventError } from "./errors";
import { cloudTrailCall } from "./event-shapes/cloudtrail";
import { eventBridgeEvent } from "./event-shapes/eventbridge";
import { failedInvocation } from "./event-shapes/failed-invocation";
import { s3Notification, s3TestEvent } from "./event-shapes/s3-notification";
import { type EventContents, type EventShape, isJsonObject } from "./event-shapes/shape";
import { snsMessage, snsRecords } from "./event-shapes/sns";

export type { EventContents } from "./event-shapes/shape";

/** Every form in which a finished upload may be reported; the first that matches reads the event. */
const shapes: readonly EventShape[] = [
  s3TestEvent,
  snsRecords,
  s3Notification,
  snsMessage,
  cloudTrailCall,
  eventBridgeEvent,
  failedInvocation,
];

/**
 * Envelopes around an event: a topic's message is one, the record of a failed invocation another, and each replay that fails again
 * adds to them.
 */
const MAX_ENVELOPES = 8;

/**
 * Reads the body of a queue's message.
 * @throws UnreadableEventError, TopicConfirmationError or InvalidDropError; a message is read whole or not at all.
 */
export function parseMessage(body: string): EventContents {
  return parse(parseJson(body), 0);
}

/**
 * Reads an event of any known shape into drops.
 * @throws UnreadableEventError, TopicConfirmationError or InvalidDropError; an event is read whole or not at all.
 */
export function parseEvent(event: unknown): EventContents {
  return parse(event, 0);
}

function parse(event: unknown, envelopes: number): EventContents {
  if (!isJsonObject(event)) throw new UnreadableEventError(excerpt(event), EXPECTED);
  const shape = shapes.find((candidate) => candidate.matches(event));
  if (shape === undefined) throw new UnreadableEventError(`an object with ${keysOf(event)}`, EXPECTED);
  if ("read" in shape) return shape.read(event);
  if (envelopes === MAX_ENVELOPES) {
    throw new UnreadableEventError(`an event in more than ${MAX_ENVELOPES} envelopes`, `at most ${MAX_ENVELOPES}`);
  }
  const contents = shape.open(event).map((inner) => parse(inner, envelopes + 1));
  return { drops: contents.flatMap(({ drops }) => drops), ignored: contents.flatMap(({ ignored }) => ignored) };
}

const EXPECTED = list(shapes.map((shape) => shape.name));

function list(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1) ?? ""}`;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new UnreadableEventError(`no JSON but ${excerpt(body)}`, EXPECTED, { cause });
  }
}

function keysOf(event: object): string {
  const keys = Object.keys(event);
  return keys.length === 0 ? "no fields" : `the fields ${excerpt(keys.join(", "))}`;
}
