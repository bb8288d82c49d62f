import type { Drop } from "../drop";
import { excerpt, UnreadableEventError } from "../errors";

/** What an event amounts to. An event of ours may well hold no drop: then it says why. */
export interface EventContents {
  readonly drops: readonly Drop[];
  /** One sentence for each part of the event that is no drop. */
  readonly ignored: readonly string[];
}

/** One of the forms in which AWS reports a finished upload. */
export interface EventShape {
  /** Names the shape in messages: "an S3 event notification". */
  readonly name: string;
  /** Whether the event claims to have this shape. `read` then holds it to the claim. */
  matches(event: JsonObject): boolean;
  /** @throws UnreadableEventError or InvalidDropError */
  read(event: JsonObject): EventContents;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws UnreadableEventError naming the path of what is no object. */
export function expectObject(value: unknown, path: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw new UnreadableEventError(`${path} = ${excerpt(value)}`, `an object at ${path}`);
}

/** @throws UnreadableEventError naming the path of what is no string. */
export function expectString(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw new UnreadableEventError(`${path} = ${excerpt(value)}`, `a string at ${path}`);
}
