import type { PipelineConfig } from "../schema";
import type { Statement } from "./statement";

/** Lets a role use keys, as far as there are some. */
export function mayUseKeys(
  Sid: string,
  Action: string | readonly string[],
  keys: readonly (string | undefined)[],
): Statement[] {
  const Resource = [...new Set(keys.filter((key) => key !== undefined))].toSorted();
  return Resource.length === 0 ? [] : [{ Sid, Effect: "Allow", Action, Resource }];
}

/** Keys that drops and tools are encrypted by. */
export function keysOfObjects({ bucket, tools, encryption }: PipelineConfig): readonly (string | undefined)[] {
  return [
    bucket.existing ? bucket.kmsKey : encryption.kmsKey,
    tools.existing === undefined ? encryption.kmsKey : tools.kmsKey,
  ];
}
