import { InvalidEventPatternException } from "../errors";
import { isArray, type Json } from "../json";
import type { Test } from "./operators";

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#filtering-numeric-matching */
const MOST = 5e9;

const COMPARISONS: ReadonlyMap<string, (value: number, bound: number) => boolean> = new Map([
  ["=", (value, bound) => value === bound],
  ["<", (value, bound) => value < bound],
  ["<=", (value, bound) => value <= bound],
  [">", (value, bound) => value > bound],
  [">=", (value, bound) => value >= bound],
]);

/**
 * One comparison, or a range: a lower bound, then an upper one.
 * @throws InvalidEventPatternException
 */
export function numeric(operand: Json): Test {
  if (!isArray(operand)) throw new InvalidEventPatternException("Value of numeric must be an array.");
  const [operator, bound, upper, top, ...more] = operand;
  if (typeof operator !== "string") {
    throw new InvalidEventPatternException(`Invalid member in numeric match: ${shown(operator)}`);
  }
  const first = comparison(operator, bound);
  if (upper === undefined) return first;
  if (!operator.startsWith(">")) throw new InvalidEventPatternException("Too many elements in numeric expression");
  if (typeof upper !== "string") {
    throw new InvalidEventPatternException(`Bad value in numeric range: ${shown(upper)}`);
  }
  if (upper !== "<" && upper !== "<=") {
    throw new InvalidEventPatternException(`Bad numeric range operator: ${upper}`);
  }
  const second = comparison(upper, top);
  if (more.length > 0) throw new InvalidEventPatternException("Too many terms in numeric range expression");
  if (Number(bound) >= Number(top)) throw new InvalidEventPatternException("Bottom must be less than top");
  return (value) => first(value) && second(value);
}

/** @throws InvalidEventPatternException for a number that EventBridge does not compare */
export function checkedNumber(value: number): number {
  if (Math.abs(value) <= MOST) return value;
  throw new InvalidEventPatternException("Value must be between -5.0E9 and 5.0E9, inclusive");
}

function comparison(operator: string, bound: Json | undefined): Test {
  const compare = COMPARISONS.get(operator);
  if (compare === undefined) {
    throw new InvalidEventPatternException(`Unrecognized numeric range operator: ${operator}`);
  }
  if (typeof bound !== "number") {
    throw new InvalidEventPatternException(`Value of ${operator === "=" ? "equals" : operator} must be numeric`);
  }
  const checked = checkedNumber(bound);
  return (value) => typeof value === "number" && compare(value, checked);
}

/** As EventBridge repeats what it read. */
function shown(value: Json | undefined): string {
  if (value === undefined) return "]";
  return typeof value === "string" ? value : JSON.stringify(value);
}
