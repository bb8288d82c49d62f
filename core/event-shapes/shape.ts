import type { Drop } from "../drop";
import { excerpt, UnreadableEventError } from "../errors";

/** What an event amounts to. An event of ours may well hold no drop: then it says why. */
export interface EventContents {
  readonly drops: readonly Drop[];
  /** One sentence for each part of the event that is no drop. */
  readonly ignored: readonly string[];
}

interface Shape {
  /** Names the shape in messages: "an S3 event notification". */
  readonly name: string;
  /** Whether the event claims to have this shape. `read` or `open` then hold it to the claim. */
  matches(event: JsonObject): boolean;
}

/** One of the forms in which AWS reports a finished upload. */
export interface Report extends Shape {
  /** @throws UnreadableEventError or InvalidDropError */
  read(event: JsonObject): EventContents;
}

/** One of the forms in which AWS passes on what another service reported. */
export interface Envelope extends Shape {
  /**
   * The events inside.
   * @throws UnreadableEventError
   */
  open(event: JsonObject): readonly unknown[];
}

export type EventShape = Report | Envelope;

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

/** @throws UnreadableEventError naming the path of what is no version, or one that may have changed the meaning of fields. */
export function expectVersion(value: unknown, path: string, major: number): void {
  if (typeof value === "string" && value.startsWith(`${major}.`)) return;
  throw new UnreadableEventError(`${path} = ${excerpt(value)}`, `version ${major}.x`);
}

/** @throws UnreadableEventError naming the path of what is no text of JSON. */
export function expectJson(value: unknown, path: string): unknown {
  try {
    return JSON.parse(expectString(value, path));
  } catch (cause) {
    if (cause instanceof UnreadableEventError) throw cause;
    throw new UnreadableEventError(`${path} = ${excerpt(value)}`, `JSON at ${path}`, { cause });
  }
}
