import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from "yaml";
import { excerpt } from "../errors";
import { meant } from "./hints";
import { buildspecSchema, isCommandList } from "./schema";
import { entry, keyOf, resolve, startOf, textOf, type Report, type Source } from "./source";

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  boolean: "yes or no",
  number: "a number",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** What the model has against the value, at the place where it is written. */
export function checkModel(value: unknown, source: Source, root: YAMLMap, report: Report): void {
  const result = buildspecSchema.safeParse(value, { reportInput: true });
  if (result.success) return;
  for (const { code, path, input, message, ...issue } of result.error.issues) {
    const keys = path.map(String);
    // A rule of their own each.
    if (isCommand(keys) || keys[0] === "version") continue;
    const name = keys.join(".");
    const offset = locate(source, root, keys);
    if (code === "invalid_value") {
      const values = (issue as { readonly values: readonly string[] }).values.map(String);
      // /bin/bash means bash.
      const near = meant(String(input).replace(/^.*\//, ""), values);
      const hint = near ? `did you mean ${near}?` : `known: ${values.join(", ")}`;
      report.add(
        "unknown-value",
        "warning",
        offset,
        `${name} is ${excerpt(input)}; ${hint}`,
        near && `${keys.at(-1) ?? ""}: ${near}`,
      );
    } else if (code === "invalid_type" || code === "invalid_union") {
      const { expected } = issue as { readonly expected?: string };
      const wanted = TYPES[expected ?? "string"] ?? expected ?? "";
      // A scalar of the wrong kind may still be read; a list for a mapping is not.
      const severity = expected === "boolean" || expected === "number" || keys[0] === "batch" ? "warning" : "error";
      report.add("wrong-type", severity, offset, `${name} must be ${wanted}, YAML reads ${describe(input)}`);
    } else {
      report.add("unknown-value", "warning", offset, `${name} ${message}, got ${excerpt(input)}`);
    }
  }
}

/** The version, whose spelling counts. */
export function checkVersion(source: Source, root: YAMLMap, report: Report): void {
  const node = resolve(entry(root, "version"), source);
  const text = textOf(node);
  if (!node || text === undefined) {
    // Seen to work where all that a batch does is in the buildspecs of its tasks.
    const alone = entry(root, "batch") !== undefined && entry(root, "phases") === undefined;
    const offset = node ? startOf(node) : startOf(root);
    const message = `version is missing, ${alone ? "the reference requires it" : "CodeBuild refuses the file"}`;
    report.add("version", alone ? "warning" : "error", offset, message, "version: 0.2");
  } else if (text !== "0.1" && text !== "0.2") {
    const number = isScalar(node) && typeof node.value === "number" ? node.value : undefined;
    const alike = number === 0.1 || number === 0.2;
    const message = alike
      ? `YAML reads ${text} as the number ${number}; write it the way the reference does`
      : `there is no version ${text}, CodeBuild refuses the file ("invalid buildspec version specified")`;
    report.add(
      "version",
      alike ? "warning" : "error",
      startOf(node),
      message,
      `version: ${number === 0.1 ? "0.1" : "0.2"}`,
    );
  } else if (isScalar(node) && typeof node.value === "string" && entry(root, "batch") !== undefined) {
    // https://github.com/aws/aws-cdk/issues/29592
    const message = `YAML reads the text "${text}" because of the quotes, and a batch refuses it ("cannot unmarshal !!str into float64")`;
    report.add("version", "warning", startOf(node), message, `version: ${text}`);
  }
}

function isCommand(path: readonly string[]): boolean {
  return isCommandList(path) && path.length > 3;
}

/** Where a path stands, or the nearest thing around it that is written. */
function locate(source: Source, root: YAMLMap, path: readonly string[]): number {
  let node: Node | undefined = root;
  let offset = startOf(root);
  for (const key of path) {
    const pair: Pair | undefined = isMap(node) ? node.items.find((candidate) => keyOf(candidate) === key) : undefined;
    const next: unknown = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    if (pair) offset = startOf(pair.key);
    node = resolve(next, source);
    if (!node) break;
    if (!pair) offset = startOf(next);
  }
  return offset;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return value === null ? "nothing" : "a mapping";
  return `the text ${excerpt(value)}`;
}
