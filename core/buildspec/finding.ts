import type { RuleName } from "./rules";

/** `error` is what CodeBuild refuses or what surely breaks; everything else is a `warning`. */
export type Severity = "error" | "warning";

/** One thing wrong with a buildspec. */
export interface Finding {
  readonly rule: RuleName;
  readonly severity: Severity;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** What YAML or the shell makes of it, and what is wrong with that. */
  readonly message: string;
  /** The lines as they should be written; absent where only the author can know. */
  readonly correction?: string;
}

/** `buildspec.yml:12:9 error command-not-string: ...`, with the corrected lines indented below it. */
export function formatFinding(file: string, { rule, severity, line, column, message, correction }: Finding): string {
  const head = `${file}:${line}:${column} ${severity} ${rule}: ${message}`;
  return correction === undefined ? head : `${head}\n${indent(correction)}`;
}

function indent(lines: string): string {
  return lines.replace(/^(?=.)/gm, "    ");
}
