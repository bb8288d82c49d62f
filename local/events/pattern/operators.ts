import { BlockList, isIP } from "node:net";

import { InvalidEventPatternException } from "../errors";
import { isArray, isObject, type Json, type JsonObject, type Leaf } from "../json";
import { checkedNumber, numeric } from "./numeric";
import { wildcard } from "./wildcard";

/** One alternative of a field: it looks at a value that is there, or matches where there is none. */
export type Matcher = { readonly absent: true } | { readonly absent: false; readonly matches: Test };

export type Test = (value: Leaf) => boolean;

/** @throws InvalidEventPatternException */
export function parseMatcher(pattern: Json): Matcher {
  if (isArray(pattern)) {
    throw new InvalidEventPatternException("Match value must be String, number, true, false, or null");
  }
  if (!isObject(pattern)) return { absent: false, matches: (value) => value === pattern };
  const [operator, operand] = onlyMember(pattern, "Match expression name not found", ONE_KEY);
  if (operator === "exists") {
    if (typeof operand !== "boolean") {
      throw new InvalidEventPatternException("exists match pattern must be either true or false.");
    }
    return operand ? { absent: false, matches: () => true } : { absent: true };
  }
  return { absent: false, matches: parseTest(operator, operand) };
}

const ONE_KEY = "Only one key allowed in match expression";

function parseTest(operator: string, operand: Json): Test {
  switch (operator) {
    case "prefix":
      if (isObject(operand)) return prefix(ignoringCase("prefix", operand), lowerCase);
      return prefix(expectString(operand, "prefix match pattern"));
    case "suffix":
      if (isObject(operand)) return suffix(ignoringCase("suffix", operand), lowerCase);
      return suffix(expectString(operand, "suffix match pattern"));
    case "equals-ignore-case":
      return equalsIgnoreCase(expectString(operand, "equals-ignore-case match pattern"));
    case "wildcard":
      return wildcard(expectString(operand, "wildcard match pattern"));
    case "numeric":
      return numeric(operand);
    case "cidr":
      return cidr(expectString(operand, "cidr match pattern"));
    case "anything-but":
      return anythingBut(operand);
    default:
      throw new InvalidEventPatternException(`Unrecognized match type ${operator}`);
  }
}

function prefix(expected: string, spelling = asIs): Test {
  return (value) => typeof value === "string" && spelling(value).startsWith(spelling(expected));
}

function suffix(expected: string, spelling = asIs): Test {
  return (value) => typeof value === "string" && spelling(value).endsWith(spelling(expected));
}

function equalsIgnoreCase(expected: string): Test {
  return (value) => typeof value === "string" && lowerCase(value) === lowerCase(expected);
}

function ignoringCase(operator: "prefix" | "suffix", operand: JsonObject): string {
  const missing = `${operator === "prefix" ? "Prefix" : "Suffix"} expression name not found`;
  const [inner, expected] = onlyMember(operand, missing, ONE_KEY);
  if (inner !== "equals-ignore-case") {
    throw new InvalidEventPatternException(`Unsupported ${operator} pattern: ${inner}`);
  }
  return expectString(expected, "equals-ignore-case match pattern");
}

function cidr(range: string): Test {
  const [network = "", bits, ...more] = range.split("/");
  if (bits === undefined || more.length > 0) {
    throw new InvalidEventPatternException("Malformed CIDR, one '/' required");
  }
  if (!/^-?\d+$/.test(bits)) throw new InvalidEventPatternException("Malformed CIDR, mask bits must be an integer");
  if (Number(bits) < 0) throw new InvalidEventPatternException("Malformed CIDR, mask bits must not be negative");
  const version = isIP(network);
  if (version === 0) throw new InvalidEventPatternException(`Nonstandard IP address: ${network}`);
  const most = version === 4 ? 32 : 128;
  if (Number(bits) >= most) throw new InvalidEventPatternException(`IPv${version} mask bits must be < ${most}`);
  const family = version === 4 ? "ipv4" : "ipv6";
  const addresses = new BlockList();
  addresses.addSubnet(network, Number(bits), family);
  return (value) => typeof value === "string" && isIP(value) === version && addresses.check(value, family);
}

/** Matches any value but those given: null and numbers too, where strings are given. It does not match where no value is. */
function anythingBut(operand: Json): Test {
  const tests = isObject(operand) ? anythingButTests(operand) : exactTests(operand);
  return (value) => !tests.some((test) => test(value));
}

function exactTests(operand: Json): Test[] {
  const values = isArray(operand) ? operand : [expectScalar(operand)];
  const types = new Set(values.map((value) => typeof value));
  if ([...types].some((type) => type !== "string" && type !== "number")) {
    throw new InvalidEventPatternException("Inside anything but list, start|null|boolean is not supported.");
  }
  if (types.size !== 1) {
    throw new InvalidEventPatternException(
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    );
  }
  return values.map((expected) => {
    if (typeof expected === "number") checkedNumber(expected);
    return (value) => value === expected;
  });
}

function anythingButTests(operand: JsonObject): Test[] {
  const tooMany = "Too many elements in numeric expression";
  const [operator, values] = onlyMember(operand, "Anything-But expression name not found", tooMany);
  const test = ANYTHING_BUT.get(operator);
  if (test === undefined) throw new InvalidEventPatternException(`Unsupported anything-but pattern: ${operator}`);
  return (isArray(values) ? values : [expectScalar(values)]).map(test);
}

const ANYTHING_BUT: ReadonlyMap<string, (value: Json) => Test> = new Map([
  ["prefix", (value) => prefix(expectAffix(value))],
  ["suffix", (value) => suffix(expectAffix(value))],
  ["wildcard", (value) => wildcard(expectString(value, "wildcard match pattern"))],
  ["equals-ignore-case", (value) => equalsIgnoreCase(expectWord(value))],
]);

function expectWord(value: Json): string {
  if (typeof value === "string") return value;
  throw new InvalidEventPatternException(
    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
  );
}

function expectAffix(value: Json): string {
  const affix = expectString(value, "prefix/suffix match pattern");
  if (affix === "") throw new InvalidEventPatternException("Null prefix/suffix not allowed");
  return affix;
}

function expectScalar(value: Json): Json {
  if (typeof value === "string" || typeof value === "number") return value;
  throw new InvalidEventPatternException("Value of anything-but must be an array or single string/number value.");
}

function expectString(value: Json, what: string): string {
  if (typeof value !== "string") throw new InvalidEventPatternException(`${what} must be a string`);
  return value;
}

function onlyMember(object: JsonObject, none: string, many: string): readonly [string, Json] {
  const [member, ...more] = Object.entries(object);
  if (member === undefined) throw new InvalidEventPatternException(none);
  if (more.length > 0) throw new InvalidEventPatternException(many);
  return member;
}

function asIs(value: string): string {
  return value;
}

function lowerCase(value: string): string {
  return value.toLowerCase();
}
