import { InvalidEventPatternException } from "../errors";
import { isArray, isObject, type Json, type JsonObject, type Leaf } from "../json";
import { parseMatcher, type Matcher } from "./operators";

/** What decides whether a rule gets an event. */
export interface EventPattern {
  /** True where all of the pattern's fields match. */
  matches(event: JsonObject): boolean;
}

/** A quota that AWS can raise: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const MOST_CHARACTERS = 2048;
/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or */
const MOST_COMBINATIONS = 1000;

/** The alternatives of each field, by the field's path: all fields must match. */
type Combination = ReadonlyMap<string, readonly Matcher[]>;

/**
 * Reads an event pattern as PutRule does, with the reasons that it gives, and matches events as EventBridge does.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 *
 * Not checked: the limit on how complex several wildcards together may be.
 *
 * @throws InvalidEventPatternException
 */
export function parsePattern(text: string): EventPattern {
  if (text.length > MOST_CHARACTERS) {
    throw new InvalidEventPatternException(
      `it has ${text.length} characters, and at most ${MOST_CHARACTERS} are allowed`,
    );
  }
  const pattern = parseJson(text);
  if (!isObject(pattern)) throw new InvalidEventPatternException("Filter is not an object");
  const combinations = combine([new Map()], pattern, "", false);
  return {
    matches: (event) => {
      const fields = leavesOf(event);
      return combinations.some((combination) => matchesAll([...combination], fields, new Map()));
    },
  };
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidEventPatternException((error as Error).message);
  }
}

/**
 * Each `$or` multiplies the combinations. A field that stands both inside and outside of one does not have to match twice: the later
 * one counts, as EventBridge has it.
 */
function combine(
  combinations: readonly Combination[],
  pattern: JsonObject,
  path: string,
  insideOr: boolean,
): readonly Combination[] {
  const members = Object.entries(pattern);
  if (members.length === 0) throw new InvalidEventPatternException("Empty objects are not allowed");
  let result = combinations;
  for (const [name, value] of members) {
    if (name === "$or") {
      result = combineAlternatives(result, value, path);
      continue;
    }
    if (insideOr && RESERVED.has(name)) {
      throw new InvalidEventPatternException(`${name} is Ruler reserved fieldName which cannot be used inside $or.`);
    }
    const field = `${path}${name}`;
    if (isObject(value)) result = combine(result, value, `${field}.`, insideOr);
    else if (isArray(value)) result = withField(result, field, value);
    else throw new InvalidEventPatternException(`"${name}" must be an object or an array`);
  }
  return result;
}

function combineAlternatives(
  combinations: readonly Combination[],
  alternatives: Json,
  path: string,
): readonly Combination[] {
  if (!isArray(alternatives)) throw new InvalidEventPatternException("It must be an Array followed with $or.");
  const objects = alternatives.map((alternative) => {
    if (isObject(alternative)) return alternative;
    throw new InvalidEventPatternException("Only JSON object is allowed in array of $or relationship.");
  });
  if (objects.length < 2) {
    throw new InvalidEventPatternException("There must have at least 2 Objects in $or relationship.");
  }
  const result = objects.flatMap((alternative) => combine(combinations, alternative, path, true));
  if (result.length > MOST_COMBINATIONS) {
    throw new InvalidEventPatternException(
      `its $or make ${result.length} rule combinations, and at most ${MOST_COMBINATIONS} are allowed`,
    );
  }
  return result;
}

function withField(combinations: readonly Combination[], field: string, values: readonly Json[]): Combination[] {
  if (values.length === 0) throw new InvalidEventPatternException("Empty arrays are not allowed");
  const matchers = values.map(parseMatcher);
  return combinations.map((combination) => new Map(combination).set(field, matchers));
}

/** Names that mean something else inside of `$or`. https://github.com/aws/event-ruler#the-or-primitive */
const RESERVED: ReadonlySet<string> = new Set([
  "exactly",
  "equals-ignore-case",
  "prefix",
  "suffix",
  "anything-but",
  "exists",
  "wildcard",
  "numeric",
  "cidr",
  "regex",
]);

/** A value of an event, and which element of which array it stands in. */
interface Field {
  readonly value: Leaf;
  readonly elements: ReadonlyMap<readonly Json[], number>;
}

/** An event's values by path. Arrays leave no trace in a path: any of their elements may match. */
function leavesOf(event: JsonObject): ReadonlyMap<string, readonly Field[]> {
  const fields = new Map<string, Field[]>();
  const visit = (value: Json, path: string, elements: Field["elements"]): void => {
    if (isArray(value)) {
      for (const [index, element] of value.entries()) {
        // A value that is an element itself goes with every other element: https://github.com/aws/event-ruler (Event.java)
        const hasPlace = isArray(element) || isObject(element);
        visit(element, path, hasPlace ? new Map(elements).set(value, index) : elements);
      }
    } else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) visit(member, path ? `${path}.${name}` : name, elements);
    } else {
      fields.set(path, [...(fields.get(path) ?? []), { value, elements }]);
    }
  };
  visit(event, "", new Map());
  return fields;
}

/** Looks for a value of each field such that no two of them are in different elements of one array. */
function matchesAll(
  [first, ...others]: readonly (readonly [string, readonly Matcher[]])[],
  fields: ReadonlyMap<string, readonly Field[]>,
  chosen: Field["elements"],
): boolean {
  if (first === undefined) return true;
  const [path, matchers] = first;
  const candidates = fields.get(path);
  if (candidates === undefined) {
    return matchers.some(({ absent }) => absent) && matchesAll(others, fields, chosen);
  }
  return candidates.some(
    ({ value, elements }) =>
      [...elements].every(([array, index]) => (chosen.get(array) ?? index) === index) &&
      matchers.some((matcher) => !matcher.absent && matcher.matches(value)) &&
      matchesAll(others, fields, new Map([...chosen, ...elements])),
  );
}
