import { readText } from "./files";
import { findingsOrOutput, toProblem } from "./findings";
import { type BucketNotifications, othersSchema } from "./notifications";

/** What others have the bucket report, or why it cannot be told. */
type Others = { readonly others: BucketNotifications } | { readonly fault: string };

/** Reads a file that the preflight wrote. */
export function readOthers(file: string): Others {
  const read = readText(file);
  if (read.text === undefined) {
    return { fault: read.reason === "missing" ? "which is missing" : "which cannot be read" };
  }
  const json = parse(read.text);
  if (json === undefined) return { fault: "which is not JSON" };
  const result = findingsOrOutput(othersSchema, json);
  if ("output" in result) return { others: result.output };
  const [first] = result.findings;
  if (first === undefined) return { fault: "which is not what it wrote" };
  const { path, message } = toProblem(first);
  return { fault: `in which ${path === "" ? "the whole" : path} ${message}` };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
