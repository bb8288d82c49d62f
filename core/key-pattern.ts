/**
 * Keys of drops that hold `{anything}`, which stands for one or more characters, slashes too. A key without it means itself.
 * What a pattern matches never depends on what else a key holds: nothing of it is a regular expression.
 */

/** What stands for one or more characters. */
export const ANYTHING = "{anything}";

export function isPattern(key: string): boolean {
  return key.includes(ANYTHING);
}

/** True where `key` is what `pattern` describes. */
export function matchesKey(pattern: string, key: string): boolean {
  const [prefix = "", ...rest] = pattern.split(ANYTHING);
  const suffix = rest.pop();
  if (suffix === undefined) return pattern === key;
  if (!key.startsWith(prefix) || !key.endsWith(suffix)) return false;
  // The first place of each literal leaves the most room for those after it.
  let end = prefix.length;
  for (const literal of rest) {
    const start = key.indexOf(literal, end + 1);
    if (start < 0) return false;
    end = start + literal.length;
  }
  return end + 1 <= key.length - suffix.length;
}

/**
 * True where one key could match both. Cheap for those that differ soon, whatever their length: a configuration compares all of
 * its keys with each other.
 */
export function overlap(a: string, b: string): boolean {
  if (!beginAlike(a, b) || !endAlike(a, b)) return false;
  if (!isPattern(a)) return matchesKey(b, a);
  // Two patterns: each has a gap that takes whatever the other holds between its ends.
  return isPattern(b) || matchesKey(a, b);
}

/** A key that matches both of two that {@link overlap}. */
export function commonKey(a: string, b: string): string {
  if (!isPattern(a)) return a;
  if (!isPattern(b)) return b;
  const middles = [...a.split(ANYTHING).slice(1, -1), ...b.split(ANYTHING).slice(1, -1)];
  return [longer(prefixOf(a), prefixOf(b)), ...middles, longer(suffixOf(a), suffixOf(b))].join(FILLER);
}

/** A key in a language of patterns such as that of IAM: each literal part escaped, `anything` for what stands for one or more characters. */
export function renderPattern(
  key: string,
  { literal, anything }: { readonly literal: (text: string) => string; readonly anything: string },
): string {
  return key.split(ANYTHING).map(literal).join(anything);
}

/** Braces stand nowhere else in a key. */
const OPENING = "{";
const CLOSING = "}";

/** What one `{anything}` may be. */
const FILLER = "x";

function prefixOf(pattern: string): string {
  return pattern.slice(0, pattern.indexOf(ANYTHING));
}

function suffixOf(pattern: string): string {
  return pattern.slice(pattern.lastIndexOf(ANYTHING) + ANYTHING.length);
}

/** False where the literal beginnings differ. */
function beginAlike(a: string, b: string): boolean {
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] === OPENING || b[at] === OPENING) return true;
    if (a[at] !== b[at]) return false;
  }
  return true;
}

/** False where the literal ends differ. */
function endAlike(a: string, b: string): boolean {
  for (let at = 1; at <= a.length && at <= b.length; at++) {
    const [one, other] = [a[a.length - at], b[b.length - at]];
    if (one === CLOSING || other === CLOSING) return true;
    if (one !== other) return false;
  }
  return true;
}

function longer(a: string, b: string): string {
  return a.length < b.length ? b : a;
}
