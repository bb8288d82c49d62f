import { en } from "zod/locales";
import * as z from "zod/mini";
import { InvalidJsonError } from "./errors";
import type { ArchiveLimits } from "./limits";

// The words for what is wrong, which zod/mini leaves out.
z.config(en());

/**
 * A JSON document of an archive.
 * @param what names it in messages.
 * @throws InvalidJsonError for what is no JSON, has too many values or levels, or does not fit the schema.
 */
export function parseJson<T>(
  schema: z.ZodMiniType<T>,
  bytes: Buffer,
  what: string,
  limits: Pick<ArchiveLimits, "jsonDepth" | "jsonValues">,
): T {
  const excess = findExcess(bytes, limits.jsonDepth, limits.jsonValues);
  if (excess !== undefined) throw new InvalidJsonError(what, excess);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new InvalidJsonError(what, `no JSON (${(error as Error).message})`, { cause: error });
  }
  return checkJson(schema, value, what);
}

/** A value of a document that has been parsed already. */
export function checkJson<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new InvalidJsonError(what, `${issue?.message ?? "a wrong value"} at ${where === "" ? "its root" : where}`);
}

/** A list whose items are looked at only if there are not too many: each wrong one would cost an issue. */
export function boundedArray<T>(item: z.ZodMiniType<T>, maximum: number): z.ZodMiniType<T[]> {
  return z.pipe(z.array(z.unknown()).check(z.maxLength(maximum)), z.array(item));
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Looks before anything is parsed, since then it would be in memory. */
function findExcess(bytes: Buffer, maximumDepth: number, maximumValues: number): string | undefined {
  let depth = 0;
  let values = 1;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === COMMA) values++;
    else if (OPENING.has(byte)) {
      values++;
      depth++;
      if (depth > maximumDepth) return `JSON that is more than ${maximumDepth} levels deep`;
    } else if (CLOSING.has(byte)) depth--;
    if (values > maximumValues) return `JSON of more than ${maximumValues} values`;
  }
  return undefined;
}
