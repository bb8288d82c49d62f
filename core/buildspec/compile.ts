import { InvalidBuildspecError } from "./errors";
import type { Finding } from "./finding";
import { inspect } from "./lint";
import { readSource } from "./source";

/** A buildspec as JSON, which is YAML that nothing misreads. */
export interface CompiledBuildspec {
  /** The same bytes for the same content, whatever the order of keys, quotes, anchors and comments. Ends with a line break. */
  readonly json: string;
  readonly warnings: readonly Finding[];
}

/**
 * Compiles YAML to canonical JSON: keys in the reference's order, scalars as texts, flags as booleans, version and parallelism as numbers, a command in one string each.
 * @param file names the buildspec in messages.
 * @throws InvalidBuildspecError with every error at once.
 */
export function compileBuildspec(text: string, file: string): CompiledBuildspec {
  const { findings, value } = inspect(readSource(text));
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new InvalidBuildspecError(file, errors);
  return { json: `${JSON.stringify(value, undefined, 2)}\n`, warnings: findings };
}
