import type { YAMLError } from "yaml";
import { asItem } from "./quote";
import type { Report, Source } from "./source";

/** Reports what YAML has against the text. False where the rest of the file cannot be trusted. */
export function checkSyntax(source: Source, report: Report): boolean {
  const { document, root } = source;
  const fatal = document.errors.filter(({ code }) => code !== "MULTIPLE_DOCS");
  const seen = new Set<number>();
  for (const error of fatal) {
    // What follows in the same line follows from it.
    const { line } = source.lines.linePos(error.pos[0]);
    if (!seen.has(line)) reportFault(error, source, report);
    seen.add(line);
  }
  for (const { code, pos } of document.errors) {
    if (code !== "MULTIPLE_DOCS") continue;
    const message = "a second YAML document begins here, CodeBuild reads the first alone; delete it or this line";
    report.add("several-documents", "warning", pos[0], message);
  }
  if (fatal.length > 0) return false;
  if (root) return true;
  const found = document.contents === null ? "nothing" : "no mapping at the top level";
  report.add("yaml-syntax", "error", 0, `YAML reads ${found}; a buildspec begins with its version`, "version: 0.2");
  return false;
}

function reportFault({ code, message, pos: [offset] }: YAMLError, source: Source, report: Report): void {
  const line = lineAt(source.text, offset);
  if (code === "TAB_AS_INDENT") {
    const correction = line.replace(/^\s+/, (space) => space.replaceAll("\t", "  "));
    report.add("tab", "error", offset, "a tab indents this line, YAML takes only spaces", correction.trimEnd());
    return;
  }
  const plain = CAUSES[code] ?? `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
  report.add("yaml-syntax", "error", offset, `no YAML: ${plain}`, quoted(line));
}

/** Where the parser's own words do not say what to do. */
const CAUSES: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  BLOCK_AS_IMPLICIT_KEY: "a colon and a space outside of quotes make a key, and a line has room for one",
  UNEXPECTED_TOKEN: "the text ended with its closing quote or bracket, and something follows",
};

/** The line with its command in quotes, where it is an item of a list that begins what YAML stumbles over. */
function quoted(line: string): string | undefined {
  const [, command] = /^\s*- +([^'"|>#].*)$/.exec(line.trimEnd()) ?? [];
  const [, opened] = /^\s*- +((["']).*\2.+)$/.exec(line.trimEnd()) ?? [];
  const text = opened ?? command;
  return text === undefined ? undefined : asItem(text);
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  return text.slice(start, end < 0 ? text.length : end);
}
