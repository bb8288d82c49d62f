import { JsonPathError } from "./errors";
import { isArray, isObject, type Json } from "./json";

/** Dot notation and indices; EventBridge takes no quotes in brackets. Wildcards, which it takes, are left out. */
const PATH = /^\$(?:\.[\w/-]+|\[\d+\])*$/;
const STEP = /\.([\w/-]+)|\[(\d+)\]/g;

/**
 * What a path leads to; undefined where there is nothing.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 *
 * @throws JsonPathError
 */
export function follow(path: string, event: Json): Json | undefined {
  if (!PATH.test(path)) throw new JsonPathError(path);
  let value: Json | undefined = event;
  for (const [, name, index] of path.matchAll(STEP)) value = step(value, name, index);
  return value;
}

function step(value: Json | undefined, name: string | undefined, index: string | undefined): Json | undefined {
  if (value === undefined) return undefined;
  if (name === undefined) return isArray(value) ? value[Number(index)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
