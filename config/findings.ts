import * as z from "zod";
import { didYouMean } from "../core/spelling";
import type { Problem } from "./errors";

/** A broken rule, before it is known where in which file it stands. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  /** What must hold: `must be a list`. */
  readonly rule: string;
  /** The value that broke the rule; absent where the rule says it all. */
  readonly value?: unknown;
  /** A string was wanted, so that quotes may be what is missing. */
  readonly wantsString?: boolean;
  /** `api.yml:3:9`, where the rule is broken by another file, which stands at the path. */
  readonly position?: string;
}

/** What the schema has against the input: one finding for each place, or the output. */
export function findingsOrOutput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): { findings: Finding[] } | { output: z.output<Schema> } {
  const result = schema.safeParse(input, { reportInput: true, error: ruleOf });
  if (result.success) return { output: result.data };
  const findings = result.error.issues.flatMap((issue) => toFindings(issue));
  const first = new Map(findings.toReversed().map((finding) => [formatPath(finding.path), finding]));
  return { findings: findings.filter((finding) => first.get(formatPath(finding.path)) === finding) };
}

/** The first rule of a schema that a value breaks. */
export function brokenRule(schema: z.ZodType, value: unknown): string | undefined {
  const result = findingsOrOutput(schema, value);
  return "findings" in result ? result.findings[0]?.rule : undefined;
}

/** `services[2].environment["A-B"]` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    const key = String(segment);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** As it is shown; its place in the file is still to be added, unless it stands in another one. */
export function toProblem(finding: Finding, source?: string): Problem {
  const { path, position } = finding;
  const message = formatMessage(finding, source);
  return position === undefined ? { path: formatPath(path), message } : { position, path: "", message };
}

/** The rule and the value; `source` is how YAML spells the value, where it comes from a file. */
function formatMessage({ rule, value, wantsString }: Finding, source?: string): string {
  if (value === undefined) return rule;
  if (wantsString && source && (typeof value === "number" || typeof value === "boolean")) {
    const text = String(value);
    const read = text === source ? `a ${typeof value}` : `the ${typeof value} ${text}`;
    return `${rule}, got ${source}, which YAML reads as ${read}: quote it, "${source}"`;
  }
  return `${rule}, got ${show(value)}`;
}

const SHOWN_CHARACTERS = 100;

function show(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  switch (typeof value) {
    case "string":
      if (value.length <= SHOWN_CHARACTERS) return JSON.stringify(value);
      return `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}... (${value.length} characters)`;
    case "object":
      return Object.keys(value).length === 0 ? "an empty mapping" : "a mapping";
    case "number":
    case "boolean":
      return String(value);
    default:
      return `a ${typeof value}`;
  }
}

/** A misspelt key is already reported; that the right one is missing follows from it. */
export function hasUnknownKey({
  issues,
}: {
  readonly issues: readonly { readonly code?: string | undefined }[];
}): boolean {
  return issues.some(({ code }) => code === "unrecognized_keys");
}

const REQUIRED = "is required";

const TYPES: Readonly<Record<string, string>> = {
  string: "a string",
  int: "a whole number",
  number: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** For a mapping in whose place a word is written: how the word is written as that option. */
export const mappingOf =
  (option: string) =>
  ({ code, input }: z.core.$ZodRawIssue): string | undefined =>
    code === "invalid_type" && typeof input === "string"
      ? `must be a mapping: write { ${option}: ${input} }`
      : undefined;

const TEXT_RULE = "must be a string";

/** Words for the issues that the schema leaves to zod. */
function ruleOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") {
    const known = issue.inst instanceof z.ZodObject ? keysOf(issue.inst) : [];
    return issue.keys.map((key) => unknownKey(key, known)).join("\n");
  }
  if (issue.input === undefined) return REQUIRED;
  if (issue.code === "invalid_type") return `must be ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === "invalid_value") return oneOf(issue.values.map(String), issue.input);
  return undefined;
}

/** Those that may stand there: some are known only to be refused with a reason. */
function keysOf({ shape }: z.ZodObject): string[] {
  return Object.entries<unknown>(shape)
    .filter(([, schema]) => !(schema instanceof z.ZodOptional && schema.unwrap() instanceof z.ZodNever))
    .map(([key]) => key);
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = didYouMean(key, known);
  return meant === undefined
    ? `is not a known key; known here: ${known.join(", ")}`
    : `is not a known key, did you mean ${meant}?`;
}

/** The choices, and the one that was probably meant. */
export function oneOf(values: readonly string[], input: unknown): string {
  const meant = typeof input === "string" ? didYouMean(input, values) : undefined;
  const rule = values.length === 1 ? `must be ${values.join()}` : `must be one of ${values.join(", ")}`;
  return meant === undefined || values.length === 1 ? rule : `${rule} (did you mean ${meant}?)`;
}

function toFindings(issue: z.core.$ZodIssue, parents: readonly PropertyKey[] = []): Finding[] {
  const path = [...parents, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const rules = issue.message.split("\n");
    return issue.keys.map((key, index) => ({ path: [...path, key], rule: rules[index] ?? "is not a known key" }));
  }
  if (issue.code === "invalid_key") {
    return issue.issues.slice(0, 1).map((inner) => ({ path, rule: inner.message, value: inner.input }));
  }
  if (issue.code === "invalid_union") {
    if (issue.input === undefined) return [{ path, rule: REQUIRED }];
    const entered = issue.errors.find((branch) => !branch.some(isOfAnotherKind));
    if (entered) return entered.flatMap((inner) => toFindings(inner, path));
  }
  const wantsString = issue.code === "invalid_union" ? issue.errors.flat().some(isNoString) : isNoString(issue);
  return [{ path, rule: issue.message, value: issue.input, wantsString }];
}

/** The value itself is not what this branch of a union takes, so that the branch has nothing to say about it. */
function isOfAnotherKind({ code, path }: z.core.$ZodIssue): boolean {
  return (code === "invalid_type" || code === "invalid_value") && path.length === 0;
}

function isNoString(issue: z.core.$ZodIssue): boolean {
  // Where a schema says more than that, quotes would not be enough.
  return issue.code === "invalid_type" && issue.expected === "string" && issue.message === TEXT_RULE;
}
