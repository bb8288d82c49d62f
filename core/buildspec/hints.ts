import * as z from "zod";
import { didYouMean } from "../spelling";
import { buildspecSchema, unwrap } from "./schema";

/** The known word that was probably meant; the beginning of one counts, too. */
export function meant(word: string, known: readonly string[]): string | undefined {
  const plain = word.toLowerCase();
  const begun = plain.length >= MIN_BEGINNING ? known.find((name) => name.toLowerCase().startsWith(plain)) : undefined;
  return begun ?? didYouMean(word, known);
}

const MIN_BEGINNING = 4;

/** "under phases" for a key that the model has elsewhere. */
export function homeOf(key: string): string | undefined {
  homes ??= collectHomes();
  const home = homes.get(key);
  return home === undefined ? undefined : home === "" ? "at the top level" : `under ${home}`;
}

let homes: Map<string, string> | undefined;

/** The first place of each key, from the outside to the inside. */
function collectHomes(): Map<string, string> {
  const found = new Map<string, string>();
  let level: { readonly model: unknown; readonly path: string }[] = [{ model: buildspecSchema, path: "" }];
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { model, path } of level) {
      const inner = unwrap(model);
      if (inner instanceof z.ZodRecord) next.push({ model: inner.valueType, path: `${path}.*` });
      if (!(inner instanceof z.ZodObject) || path.startsWith("batch.")) continue;
      for (const [key, value] of Object.entries(inner.shape)) {
        if (!found.has(key)) found.set(key, path);
        next.push({ model: value, path: path === "" ? key : `${path}.${key}` });
      }
    }
    level = next;
  }
  return found;
}
