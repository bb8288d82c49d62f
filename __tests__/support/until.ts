import { setTimeout as delay } from "node:timers/promises";

/** Looks again and again until there is something, and fails with what was awaited after the limit. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 10_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await delay(20);
  }
}
