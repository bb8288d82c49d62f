import { excerpt, UnreadableEventError } from "./errors";
import { s3Notification, s3TestEvent } from "./event-shapes/s3-notification";
import { type EventContents, type EventShape, isJsonObject } from "./event-shapes/shape";

export type { EventContents } from "./event-shapes/shape";

/** Every form in which a finished upload may be reported; the first that matches reads the event. */
const shapes: readonly EventShape[] = [s3TestEvent, s3Notification];

/**
 * Reads the body of a queue's message.
 * @throws UnreadableEventError or InvalidDropError; a message is read whole or not at all.
 */
export function parseMessage(body: string): EventContents {
  return parseEvent(parseJson(body));
}

/**
 * Reads an event of any known shape into drops.
 * @throws UnreadableEventError or InvalidDropError; an event is read whole or not at all.
 */
export function parseEvent(event: unknown): EventContents {
  if (!isJsonObject(event)) throw new UnreadableEventError(excerpt(event), EXPECTED);
  const shape = shapes.find((candidate) => candidate.matches(event));
  if (shape === undefined) throw new UnreadableEventError(`an object with ${keysOf(event)}`, EXPECTED);
  return shape.read(event);
}

const EXPECTED = shapes.map((shape) => shape.name).join(" or ");

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
