import type { Script, SyntaxNode } from "unbash";
import { unjoined, type Command } from "./commands";
import { asItem } from "./quote";
import { parseShell, type Parsed } from "./shell";

/** Lines that YAML made one of. */
interface Join {
  readonly severity: "error" | "warning";
  readonly message: string;
  /** As items of the list. */
  readonly correction: string;
}

/** What the join of a command's lines does to it; undefined where there is none, or none that matters. */
export function findJoin(item: Command & Parsed): Join | undefined {
  const text = unjoined(item);
  if (text === undefined) return undefined;
  const entries = item.node.type === "PLAIN" ? text.split(/\n(?=- +\S)/) : [];
  if (entries.length > 1) {
    const message = "the next dash is indented deeper than that of this entry, so YAML makes its line an argument";
    const correction = entries.map((entry) => asItem(entry.replace(/^- +/, ""))).join("\n");
    return { severity: "warning", message, correction };
  }
  const kept = parseShell(text);
  if (kept.fault) return undefined;
  const how = item.node.type === "BLOCK_FOLDED" ? "> folds" : "without | YAML folds";
  const correction = asItem(text.trim());
  if (item.fault) {
    const message = `${how} the lines into one, which no shell parses (${item.fault.message}); with its lines kept it does`;
    return { severity: "error", message, correction };
  }
  if (openHeredoc(item.nodes) && !openHeredoc(kept.nodes)) {
    const message = `${how} the lines into one, so the here-document has no lines`;
    return { severity: "error", message, correction };
  }
  const swallowed = swallowedCommand(item.script, kept.script, text);
  if (swallowed === undefined) return undefined;
  const message = `${how} the lines into one, so ${swallowed} is no command but an argument or a comment of the line before it`;
  return { severity: "warning", message, correction };
}

/** The first line that begins with a well-known program, is a command by itself and is none once the lines are joined. */
function swallowedCommand(joined: Script, kept: Script, text: string): string | undefined {
  if (kept.commands.length <= joined.commands.length) return undefined;
  return kept.commands
    .map(({ pos }, index) => ({
      word: firstWord(text, pos),
      before: firstWord(text, kept.commands[index - 1]?.pos ?? 0),
      index,
    }))
    .find(({ word, before, index }) => index > 0 && PROGRAMS.has(word) && !WRAPPERS.has(before))?.word;
}

function firstWord(text: string, position: number): string {
  return /^\S*/.exec(text.slice(position))?.[0] ?? "";
}

const PROGRAMS = new Set(
  "aws cd cp curl docker echo exit export git go if kubectl make mkdir mv mvn npm pip pip3 python python3 rm sam source terraform while yarn".split(
    " ",
  ),
);
const WRAPPERS = new Set("docker env exec kubectl nohup npx podman ssh sudo time timeout xargs".split(" "));

/** The first here-document without its closing line. */
export function openHeredoc(
  nodes: readonly SyntaxNode[],
): { readonly delimiter: string; readonly position: number } | undefined {
  for (const node of nodes) {
    if (node.type === "HereDoc" && !node.closing) return { delimiter: node.delimiter?.value ?? "", position: node.pos };
  }
  return undefined;
}
