import type { Command as ShellCommand } from "unbash";
import type { Command } from "./commands";
import type { Parsed } from "./shell";

type Entry = Command & Parsed;

/** A push in post_build that goes ahead although the build phase has failed. */
export interface HastyPush {
  readonly entry: Entry;
  /** In the entry's text. */
  readonly position: number;
  /** An earlier entry that looks at the variable, and stops itself alone. */
  readonly weakGuard?: Entry;
}

/** The first push in post_build that a failed build phase does not keep from happening. */
export function findHastyPush(entries: readonly Entry[]): HastyPush | undefined {
  if (!entries.some(({ phase, text }) => phase === "post_build" && MAY_PUSH.test(text))) return undefined;
  if (!entries.some(({ phase }) => phase === "build")) return undefined;
  // A program of its own that asks, written by an earlier phase.
  if (entries.some(({ phase, text }) => phase !== "post_build" && text.includes(ASKED))) return undefined;
  const guarded = new Set<string>();
  let weakGuard: Entry | undefined;
  for (const entry of entries.filter(({ phase }) => phase === "post_build")) {
    const guard = guardOf(entry);
    if (guard === "rest") guarded.add(entry.list);
    if (guard === "itself") weakGuard = entry;
    if (guard !== undefined || guarded.has(entry.list)) continue;
    const position = pushIn(entry);
    if (position !== undefined) return { entry, position, ...(weakGuard && { weakGuard }) };
  }
  return undefined;
}

/** Most entries push nothing, and this is told sooner than by a look at each of their words. */
const MAY_PUSH = /push|skopeo/;
const ASKED = "CODEBUILD_BUILD_SUCCEEDING";

/** What an entry takes care of by looking at the variable: itself alone, or what comes after it, too. */
function guardOf({ text, script, nodes }: Entry): "itself" | "rest" | undefined {
  if (!text.includes(ASKED)) return undefined;
  const asking = script.commands.filter(({ pos, end, command }) => {
    const prints = command.type === "Command" && PRINTS.has(command.name?.value ?? "");
    return text.slice(pos, end).includes(ASKED) && !(prints && command.redirects.length === 0);
  });
  if (asking.length === 0) return undefined;
  // The answer may be kept for later.
  if (nodes.some(({ type }) => type === "Assignment")) return "rest";
  const written = asking.map(({ pos, end }) => text.slice(pos, end)).join("\n");
  if (STOPS.test(written)) return "rest";
  // An entry that ends with 0 does not stop the phase, and neither does an if whose condition is false.
  return /\bexit +0\b/.test(written) || asking.every(({ command }) => command.type === "If") ? "itself" : "rest";
}

const PRINTS = new Set(["echo", "printf"]);
const STOPS = /\bexit +(?!0\b)|\bfalse\b|\breturn +[1-9]|stop-build/;

/** Where in its text an entry pushes. */
function pushIn({ text, nodes }: Entry): number | undefined {
  // Plain words are not parsed.
  if (nodes.length === 0) return pushes(text.trim().split(/\s+/)) ? 0 : undefined;
  return nodes.find((node): node is ShellCommand => node.type === "Command" && pushes(wordsOf(node)))?.pos;
}

/** The program and its arguments without quotes. */
function wordsOf({ name, args }: ShellCommand): string[] {
  return [name?.value ?? "", ...args.map((arg) => (arg.type === "Word" ? arg.value : arg.text))];
}

function isImageTool(program: string): boolean {
  return /^(?:docker|podman|buildah|nerdctl|crane)$/.test(program);
}

/** `push` for docker push, docker image push and docker --debug push. */
function verbOf(words: readonly string[]): string {
  const [first = "", second = ""] = positionals(words.slice(1));
  return /^(?:builder|buildx|compose|image|manifest)$/.test(first) ? second : first;
}

/** Without options; the value of an option counts only where an equals sign joins them. */
function positionals(words: readonly string[]): string[] {
  return words.filter((word) => !word.startsWith("-"));
}

/** True for what sends images to a registry. */
function pushes([first = "", ...rest]: readonly string[]): boolean {
  const words = first === "sudo" ? rest : [first, ...rest];
  const [program = ""] = words;
  if (words.includes("--help") || words.includes("--dry-run")) return false;
  if (isImageTool(program)) return verbOf(words) === "push" || words.includes("--push");
  const [, verb] = positionals(words);
  return (program === "docker-compose" && verb === "push") || (program === "skopeo" && verb === "copy");
}
