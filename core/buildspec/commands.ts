import { isAlias, isMap, isScalar, isSeq, Scalar, type Node } from "yaml";
import { excerpt } from "../errors";
import { asItem, dedent } from "./quote";
import { phaseNames, type PhaseName } from "./schema";
import { entry, mapAt, resolve, textOf, type Report, type Source } from "./source";

/** One entry of a phase, which CodeBuild runs by itself in the phase's shell. */
export interface Command {
  readonly phase: PhaseName;
  readonly list: "commands" | "finally";
  /** What the shell gets. */
  readonly text: string;
  readonly node: Scalar;
  /** What the file has between the dash and the end of the entry. */
  readonly written: string;
  /** Offset of `written`. */
  readonly offset: number;
}

/** All commands that are text, in the order in which they run; reports the others. */
export function readCommands(source: Source, report: Report): readonly Command[] {
  const phases = mapAt(source.root, "phases", source);
  return phaseNames.flatMap((phase) => {
    const map = mapAt(phases, phase, source);
    return (["commands", "finally"] as const).flatMap((list) => {
      const node = resolve(entry(map, list), source);
      const items = isSeq(node) ? node.items : isScalar(node) && textOf(node) !== undefined ? [node] : [];
      return items.flatMap((item, index) => readCommand(item, { phase, list, index }, source, report));
    });
  });
}

interface Place {
  readonly phase: PhaseName;
  readonly list: "commands" | "finally";
  readonly index: number;
}

function readCommand(item: unknown, place: Place, source: Source, report: Report): Command[] {
  const node = resolve(item, source);
  // Reported where the whole file is read.
  if (isAlias(item) && !node) return [];
  const [offset = 0] = (item as Node | null)?.range ?? node?.range ?? [];
  const written = source.text.slice(node?.range?.[0], node?.range?.[1]).trimEnd();
  if (isScalar(node) && typeof node.value === "string") {
    checkTag(node, source, report);
    return [{ phase: place.phase, list: place.list, text: node.value, node, written, offset }];
  }
  reportNoString(node, written, offset, place, report);
  return [];
}

function reportNoString(node: Node | undefined, written: string, offset: number, place: Place, report: Report): void {
  const refusal = `CodeBuild refuses it ("Expected ${place.list === "commands" ? "Commands" : "Finally"}[${place.index}] to be of string type")`;
  if (isMap(node) || isSeq(node)) {
    const flow = node.flow === true;
    const cause = isSeq(node)
      ? flow
        ? "the [ at its beginning opens one"
        : "a dash follows the dash"
      : flow
        ? "the { at its beginning opens one"
        : "a colon and a space outside of quotes make a key (quotes inside of the command do not count for YAML)";
    const read = `YAML reads this command as a ${isMap(node) ? "mapping" : "list"}, ${excerpt(valueOf(node) ?? written)}`;
    const command = isSeq(node) && !flow ? written.replace(/^- */, "") : dedentRest(written);
    report.add("command-not-string", "error", offset, `${read}: ${cause}; ${refusal}`, asItem(command));
    return;
  }
  const text = textOf(node);
  if (text === undefined) {
    report.add("command-not-string", "warning", offset, "YAML reads nothing here: the entry has no command; delete it");
  } else {
    const number = isScalar(node) && typeof node.value === "number";
    const read = `YAML reads ${text} as a ${number ? "number" : "boolean"}, not as a command`;
    const hint = number ? refusal : "quote it, so that it does not depend on the parser";
    report.add("command-not-string", number ? "error" : "warning", offset, `${read}; ${hint}`, asItem(text));
  }
}

function valueOf(node: Node): unknown {
  try {
    return node.toJSON();
  } catch {
    // A merge key whose value is no mapping.
    return undefined;
  }
}

/** `! grep x` and `&name x` lose their first word to YAML. */
function checkTag({ tag, anchor, range }: Scalar, source: Source, report: Report): void {
  const [offset = 0, end = 0] = range ?? [];
  const start = source.text.lastIndexOf("\n", offset) + 1;
  const lost = /^\s*(?:- +)+(!\S*) +$/.exec(source.text.slice(start, offset))?.[1];
  if (lost === undefined || (tag?.startsWith("tag:yaml.org") ?? false) || anchor !== undefined) return;
  const dash = start + source.text.slice(start).indexOf(lost);
  const command = `${lost} ${source.text.slice(offset, end).trimEnd()}`;
  const message = `YAML takes ${lost} for a tag and the shell gets ${excerpt(source.text.slice(offset, end).trimEnd())}`;
  report.add("command-tag", "warning", dash, message, asItem(command));
}

/** The first line begins behind the dash, so only the others show how deep the entry is. */
function dedentRest(written: string): string {
  const [first = "", ...rest] = written.split("\n");
  return rest.length === 0 ? first : [first, dedent(rest.join("\n"))].join("\n");
}

/** The command with the line breaks that the file has; undefined where YAML kept them, or joined them because it was told to. */
export function unjoined({ node, written }: Command): string | undefined {
  if (!written.includes("\n")) return undefined;
  switch (node.type) {
    case Scalar.PLAIN:
      return trimmedLines(written);
    case Scalar.QUOTE_SINGLE:
      return trimmedLines(written.slice(1, -1).replaceAll("''", "'"));
    case Scalar.QUOTE_DOUBLE:
      // A backslash at the end of a line asks for the join.
      if (written.includes("\\\n")) return undefined;
      return trimmedLines(written.slice(1, -1).replace(/\\(["\\/])/g, "$1"));
    case Scalar.BLOCK_FOLDED:
      return dedent(written.slice(written.indexOf("\n") + 1));
    default:
      return undefined;
  }
}

function trimmedLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .join("\n");
}

/** Where in the file a place of the command's text is; the command's beginning where quotes or folds stand between. */
export function placeOf(
  { node, text, written, offset }: Command,
  position: number,
  source: Source,
): { line: number; column: number } {
  const { line, col } = source.lines.linePos(offset);
  if (node.type === Scalar.PLAIN && !written.includes("\n")) return { line, column: col + position };
  if (node.type !== Scalar.BLOCK_LITERAL || node.range?.[0] !== offset) return { line, column: col };
  const before = text.slice(0, position).split("\n");
  const lineStart = source.lines.lineStarts[line + before.length - 1] ?? 0;
  const content = text.split("\n")[before.length - 1] ?? "";
  const writtenLine = source.text.slice(lineStart).split("\n", 1)[0] ?? "";
  const indent = Math.max(0, writtenLine.trimEnd().length - content.trimEnd().length);
  return { line: line + before.length, column: indent + (before.at(-1)?.length ?? 0) + 1 };
}
