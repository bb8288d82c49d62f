import type { YAMLError } from "yaml";
import { asItem } from "./quote";
import type { Report, Source } from "./source";

/** Reports what YAML has against the text. False where the rest of the file cannot be trusted. */
export function checkSyntax(source: Source, report: Report): boolean {
  const { document, root } = source;
  const fatal = document.errors.filter(({ code }) => code !== "MULTIPLE_DOCS");
  const conflict = fatal.length > 0 ? /^<{7} [^]*^={7}$[^]*^>{7} /m.exec(source.text) : null;
  if (conflict) {
    const message =
      "no YAML: a merge left its conflict here; keep one side, delete the lines with <<<<<<<, ======= and >>>>>>>";
    report.add("yaml-syntax", "error", conflict.index, message);
    return false;
  }
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

function reportFault(error: YAMLError, source: Source, report: Report): void {
  const [offset] = error.pos;
  const line = lineAt(source.text, offset);
  if (error.code === "TAB_AS_INDENT") {
    const correction = line.replace(/^\s+/, (space) => space.replaceAll("\t", "  "));
    report.add("tab", "error", offset, "a tab indents this line, YAML takes only spaces", correction.trimEnd());
    return;
  }
  const { cause, correction } = explain(error, line, source);
  report.add("yaml-syntax", "error", offset, `no YAML: ${cause}`, correction);
}

interface Explanation {
  readonly cause: string;
  readonly correction?: string | undefined;
}

/** What was probably meant, where the parser's own words do not say it. */
function explain({ code, message, pos }: YAMLError, line: string, source: Source): Explanation {
  const before = source.text.slice(source.text.lastIndexOf("\n", pos[0] - 1) + 1, pos[0]);
  switch (code) {
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY": {
      const end = endOfKey(pos[0], source);
      return end === undefined
        ? inOneLine(line)
        : overLines(line, source.text.slice(pos[0], end) + restOf(source.text, end));
    }
    case "BAD_INDENT": {
      const block = /[|>][-+\d]*\s*$/.test(source.text.slice(0, pos[0]).trimEnd());
      const { line: above } = source.lines.linePos(source.text.slice(0, pos[0]).trimEnd().length - 1);
      return {
        cause: block
          ? `the lines of the block that begins in line ${above} must be indented deeper than that line`
          : "this line is indented like none that it could belong to",
      };
    }
    case "UNEXPECTED_TOKEN":
      return /["'\]}] *$/.test(before)
        ? { cause: "the text ended with its closing quote or bracket, and something follows", correction: quoted(line) }
        : { cause: "the text above has ended, and this line belongs to nothing" };
    default:
      return { cause: `${message.charAt(0).toLowerCase()}${message.slice(1)}`, correction: quoted(line) };
  }
}

/** Where the key ends that begins here and goes on in later lines. */
function endOfKey(offset: number, { document }: Source): number | undefined {
  return document.errors.find(({ code, pos }) => code === "MULTILINE_IMPLICIT_KEY" && pos[0] === offset)?.pos[1];
}

function inOneLine(line: string): Explanation {
  if (/^\s*- /.test(line) && !line.includes(": ")) return { cause: "this dash is indented like none above it" };
  return {
    cause: "a colon and a space outside of quotes make a key, and a line has room for one",
    correction: quoted(line),
  };
}

function overLines(line: string, key: string): Explanation {
  const [, indent = "", name = "", value = ""] = /^(\s*)([\w-]+):?(\S*)\s*$/.exec(line) ?? [];
  if (name !== "" && value !== "") {
    return { cause: "a key ends with a colon and a space", correction: `${indent}${name}: ${value}` };
  }
  if (name !== "") return { cause: "a key ends with a colon", correction: `${indent}${name}:` };
  if (!line.trimStart().startsWith("- ")) {
    return { cause: "a key stands below this line, indented deeper, though the line has its value already" };
  }
  return {
    cause: "a colon and a space outside of quotes make a key of the entry, and a key has room in one line",
    correction: asItem(key.replace(/\n\s*/g, "\n  ")),
  };
}

/** The line with its command in quotes, where it is an item of a list that begins what YAML stumbles over. */
function quoted(line: string): string | undefined {
  const [, command] = /^\s*- +([^'"|>#].*)$/.exec(line.trimEnd()) ?? [];
  const [, opened] = /^\s*- +((["']).*\2.+)$/.exec(line.trimEnd()) ?? [];
  const text = opened ?? command;
  return text === undefined ? undefined : asItem(text);
}

function restOf(text: string, offset: number): string {
  return text.slice(offset).split("\n", 1)[0] ?? "";
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  return text.slice(start, end < 0 ? text.length : end);
}
