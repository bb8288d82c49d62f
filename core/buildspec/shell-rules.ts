import type { Assignment, Command as ShellCommand, Pipeline, SyntaxNode } from "unbash";
import { bashism } from "./bashisms";
import { placeOf, type Command } from "./commands";
import { findJoin, openHeredoc } from "./joins";
import { findHastyPush } from "./pushes";
import { asItem } from "./quote";
import { isPlain, looksLikeWindows, parseShell, type Parsed, type ShellFault } from "./shell";
import { entry, mapAt, resolve, textOf, type Report, type Source } from "./source";

interface Entry extends Command, Parsed {}

/** What a shell has against the commands, and what it would do to them unnoticed. */
export function checkShell(commands: readonly Command[], source: Source, report: Report): void {
  const shell = textOf(resolve(entry(mapAt(source.root, "env", source), "shell"), source))?.replace(/^.*\//, "");
  if (shell === undefined || shell === "bash" || shell === "sh") {
    if (shell === undefined && looksLikeWindows(commands.map(({ text }) => text))) return;
    const entries = commands.map((command) => ({
      ...command,
      ...(isPlain(command.text) ? NOTHING : parseShell(command.text)),
    }));
    const check = new ShellCheck(entries, source, report);
    check.syntax();
    check.getLogin();
    check.pushAfterFailure();
    check.pipes();
    if (shell !== "bash") check.bashisms();
  }
}

const NOTHING: Parsed = { script: { type: "Script", pos: 0, end: 0, shebang: undefined, commands: [] }, nodes: [] };

class ShellCheck {
  constructor(
    private readonly entries: readonly Entry[],
    private readonly source: Source,
    private readonly report: Report,
  ) {}

  syntax(): void {
    let covered = -1;
    for (const [index, item] of this.entries.entries()) {
      if (index <= covered) continue;
      const joined = findJoin(item);
      if (joined) {
        this.report.add("joined-lines", joined.severity, item.offset, joined.message, joined.correction);
      } else if (item.fault) {
        covered = this.#unparsable(item, index, item.fault);
      } else {
        this.#openHeredoc(item);
      }
    }
  }

  /** Returns the index of the last entry that the finding is about. */
  #unparsable(item: Entry, index: number, { message, position, late }: ShellFault): number {
    const comment = commentBehind(item, this.source);
    const whole = comment === undefined ? this.#spread(index) : undefined;
    const open = openHeredoc(item.nodes);
    let cause = "";
    if (comment !== undefined) cause = "; YAML takes what follows the # for a comment: quote the command";
    else if (whole) cause = "; each entry runs by itself, this one goes on in those below it: make them one entry";
    else if (open) cause = `; its here-document ends at a line with ${open.delimiter} alone, not indented`;
    const correction = comment ?? whole?.text;
    this.report.addAt(
      "shell-syntax",
      late ? "warning" : "error",
      placeOf(item, position, this.source),
      `no shell parses this command: ${message}${cause}`,
      correction && asItem(correction),
    );
    return whole?.last ?? index;
  }

  /** The command that begins in one entry and ends in a later one, as one text. */
  #spread(index: number): { readonly text: string; readonly last: number } | undefined {
    const first = this.entries[index];
    let text = first?.text.trimEnd();
    if (text === undefined) return undefined;
    const end = Math.min(this.entries.length, index + MAX_SPREAD);
    for (let last = index + 1; last < end; last++) {
      const next = this.entries[last];
      if (next?.phase !== first?.phase || next?.list !== first?.list) return undefined;
      text += `\n${next?.text.trimEnd() ?? ""}`;
      if (!parseShell(text).fault) return { text, last };
    }
    return undefined;
  }

  #openHeredoc(item: Entry): void {
    const open = openHeredoc(item.nodes);
    if (!open) return;
    const message = `the here-document ends nowhere in this entry, the shell looks for a line with ${open.delimiter} alone, not indented`;
    this.report.addAt("open-heredoc", "warning", placeOf(item, open.position, this.source), message);
  }

  getLogin(): void {
    for (const item of this.entries) {
      if (!item.text.includes("get-login")) continue;
      const login = item.nodes
        .filter(isCommand)
        .find((node) => /^aws (?:.* )?ecr get-login(?: |$)/.test(wordsOf(node).join(" ")));
      if (!login) continue;
      const message =
        "aws ecr get-login is gone from AWS CLI 2, which the current build images have; ECR_HOST is the registry's host name here";
      const correction = '- aws ecr get-login-password | docker login --username AWS --password-stdin "$ECR_HOST"';
      this.report.addAt("get-login", "warning", placeOf(item, login.pos, this.source), message, correction);
    }
  }

  pushAfterFailure(): void {
    const build = mapAt(mapAt(this.source.root, "phases", this.source), "build", this.source);
    if (textOf(resolve(entry(build, "on-failure"), this.source)) === "ABORT") return;
    const push = findHastyPush(this.entries);
    if (!push) return;
    const { weakGuard } = push;
    const remedy = weakGuard
      ? `the look at CODEBUILD_BUILD_SUCCEEDING in line ${placeOf(weakGuard, 0, this.source).line} ends that entry alone, exit 1 ends the phase`
      : "ask first, or set on-failure: ABORT in the build phase";
    this.report.addAt(
      "push-after-failure",
      "warning",
      placeOf(push.entry, push.position, this.source),
      `post_build runs after a failed build phase, too, and this pushes what is there then; ${remedy}`,
      `- test "$CODEBUILD_BUILD_SUCCEEDING" = 1\n${asItem(push.entry.text)}`,
    );
  }

  pipes(): void {
    let hasPipefail = false;
    for (const item of this.entries) {
      hasPipefail ||= item.text.includes("pipefail");
      if (!item.text.includes("|")) continue;
      for (const node of item.nodes) {
        const pipe = node.type === "Assignment" ? pipeOf(node) : undefined;
        if (!pipe || node.type !== "Assignment" || this.#tests(node.name)) continue;
        const first = pipe.commands.find((command, index) => index < pipe.commands.length - 1 && !isSafe(command));
        if (!first) continue;
        // The exit code of `export` is its own, whatever becomes of what it exports.
        const declaration = DECLARATION.exec(item.text.slice(0, node.pos))?.[1];
        if (hasPipefail && declaration === undefined) continue;
        const program = first.type === "Command" ? (first.name?.text ?? "it") : "it";
        const remedy =
          declaration === undefined
            ? "bash has set -o pipefail (with shell: bash)"
            : `assign first, ${declaration} then, and with shell: bash set -o pipefail before`;
        const message = `where ${program} fails, the pipe does not: ${node.name} is empty or wrong and the build goes on; ${remedy}`;
        const correction =
          declaration === undefined
            ? PIPEFAIL
            : `${PIPEFAIL}\n${asItem(item.text.slice(node.pos, node.end))}\n- ${declaration} ${node.name}`;
        this.report.addAt("pipe-hides-failure", "warning", placeOf(item, node.pos, this.source), message, correction);
      }
    }
  }

  /** True where a command looks whether the variable is empty, or whether it has a value that an empty one has not. */
  #tests(name: string): boolean {
    const value = `"?\\$(?:${name}\\b|\\{${name}\\})"?`;
    const compared = `${value} +(?:!=|==? +(?!"?\\$)[^ ])|!= +${value}(?:\\s|$)`;
    const test = new RegExp(`-[zn] +"?\\$\\{?${name}\\b|\\$\\{${name}:?\\?|${compared}`);
    return this.entries.some(({ text }) => test.test(text));
  }

  /** One finding for the file: the remedy is one line. */
  bashisms(): void {
    const found = new Map<string, { readonly line: number; readonly column: number }>();
    for (const item of this.entries) {
      if (item.fault) continue;
      for (const node of item.nodes) {
        const kind = bashism(node);
        if (kind !== undefined && !found.has(kind)) found.set(kind, placeOf(item, node.pos, this.source));
      }
    }
    const [place] = found.values();
    if (!place) return;
    const kinds = [...found].map(([kind, { line }]) => `${kind} (line ${line})`).join(", ");
    const message = `bash alone has ${kinds}; without shell: bash CodeBuild takes sh, which is dash on Debian and Ubuntu images`;
    this.report.addAt("bashism", "warning", place, message, "env:\n  shell: bash");
  }
}

/** More entries are no command that was taken apart. */
const MAX_SPREAD = 60;

const PIPEFAIL = "- set -o pipefail";

/** A command that assigns, right before what it assigns. */
const DECLARATION = /(?:^|[\s;&|(])(export|readonly|local|declare|typeset)\s+(?:-\w+\s+)*$/;

/** The whole line, where YAML cut a plain command at ` #`. */
function commentBehind({ node, written, offset }: Entry, { text }: Source): string | undefined {
  if (node.type !== "PLAIN" || written.includes("\n")) return undefined;
  const line = text.slice(offset).split(/\r?\n/, 1)[0] ?? "";
  const whole = line.trimEnd();
  return /^\s+#/.test(line.slice(written.length)) && !parseShell(whole).fault ? whole : undefined;
}

function isCommand(node: SyntaxNode): node is ShellCommand {
  return node.type === "Command";
}

/** The program and its arguments, without options and their values in the form --name=value. */
function wordsOf(command: ShellCommand): string[] {
  const words = command.args.map(({ text }) => text);
  return [command.name?.value ?? "", ...words.filter((word) => !word.startsWith("-"))];
}

/** The pipe whose output is the value, unless something takes care of its failure. */
function pipeOf({ value }: Assignment): Pipeline | undefined {
  if (value.type !== "Word") return undefined;
  const outer = value.parts ?? [];
  const parts = outer.length === 1 && outer[0]?.type === "DoubleQuoted" ? outer[0].parts : outer;
  const [only] = parts;
  if (parts.length !== 1 || only?.type !== "CommandExpansion") return undefined;
  const last = only.script?.commands.at(-1)?.command;
  return last?.type === "Pipeline" ? last : undefined;
}

function isSafe(command: Pipeline["commands"][number]): boolean {
  return command.type === "Command" && SAFE.has(command.name?.value ?? "");
}

/** What does not fail on any input. */
const SAFE = new Set(
  "awk base64 basename cut date dirname echo head printf pwd rev sed sort tail tr uniq wc whoami".split(" "),
);
