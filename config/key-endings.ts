/** What the key of a drop ends in. None ends in another, so that a bucket can report each by a filter of its own. */
export const KEY_ENDINGS = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst"] as const;

export type KeyEnding = (typeof KEY_ENDINGS)[number];

/** The endings of these keys, each once, in a fixed order. */
export function endingsOf(keys: readonly string[]): KeyEnding[] {
  return KEY_ENDINGS.filter((ending) => keys.some((key) => key.endsWith(ending)));
}
