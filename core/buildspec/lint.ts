import { readCommands } from "./commands";
import type { Finding } from "./finding";
import { readBuildspec } from "./read";
import { checkShell } from "./shell-rules";
import { readSource, Report, type Source } from "./source";
import { checkSyntax } from "./syntax";

/** Everything that is wrong with a buildspec, in the order of the file; an empty list where nothing is. */
export function lintBuildspec(text: string): readonly Finding[] {
  return inspect(readSource(text)).findings;
}

/** The findings, and the buildspec in one form whatever its spelling where YAML can read it. */
export function inspect(source: Source): { readonly findings: readonly Finding[]; readonly value?: unknown } {
  const report = new Report(source.lines);
  if (!checkSyntax(source, report) || !source.root) return { findings: report.findings() };
  const value = readBuildspec(source, source.root, report);
  checkShell(readCommands(source, report), source, report);
  return { findings: report.findings(), value };
}
