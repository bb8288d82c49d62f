import { InvalidEventPatternException } from "../errors";
import type { Test } from "./operators";

/**
 * `*` stands for any characters, also for none; `\*` and `\\` stand for themselves.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
 *
 * @throws InvalidEventPatternException
 */
export function wildcard(pattern: string): Test {
  const [first = "", ...others] = literals(pattern);
  const last = others.pop();
  if (last === undefined) return (value) => value === first;
  return (value) => {
    if (typeof value !== "string" || !value.startsWith(first) || !value.endsWith(last)) return false;
    // The first place of each literal leaves the most room for those after it.
    let end = first.length;
    for (const literal of others) {
      const start = value.indexOf(literal, end);
      if (start < 0) return false;
      end = start + literal.length;
    }
    return end <= value.length - last.length;
  };
}

/** What stands between the wildcards. */
function literals(pattern: string): string[] {
  const parts: string[] = [];
  let literal = "";
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index);
    const next = pattern.charAt(index + 1);
    if (character === "*") {
      if (next === "*") throw refused("Consecutive wildcard characters", pattern, index);
      parts.push(literal);
      literal = "";
    } else if (character === "\\") {
      if (next !== "*" && next !== "\\") throw refused("Invalid escape character", pattern, index);
      literal += next;
      index++;
    } else {
      literal += character;
    }
  }
  return [...parts, literal];
}

/** EventBridge counts bytes, and the quote before the pattern. */
function refused(what: string, pattern: string, index: number): InvalidEventPatternException {
  return new InvalidEventPatternException(`${what} at pos ${Buffer.byteLength(pattern.slice(0, index)) + 1}`);
}
