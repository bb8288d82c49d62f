import { forEachChild, parse, type ParsedScript, type SyntaxNode } from "unbash";

/** What a shell makes of a command. */
export interface Parsed {
  readonly script: ParsedScript;
  /** All nodes but plain words, each before what is inside of it. */
  readonly nodes: readonly SyntaxNode[];
  readonly fault?: ShellFault;
}

/** The first thing that no shell parses. */
export interface ShellFault {
  readonly message: string;
  /** In the command's text. */
  readonly position: number;
  /** It stands in backticks, which bash parses only when it comes to them; the command around them may go on. */
  readonly late: boolean;
}

/** Parses bash, of which sh is a part. */
export function parseShell(text: string): Parsed {
  const script = parse(text);
  const nodes: SyntaxNode[] = [];
  let fault = faultOf(script);
  const collect = (node: SyntaxNode): void => {
    // Most words are plain, and taking them apart is most of the work.
    if (node.type === "Word" && !EXPANDS.test(node.text)) return;
    nodes.push(node);
    // What is inside of $(...) and backticks is parsed by itself.
    if (node.type === "CommandExpansion" || node.type === "ProcessSubstitution") fault ??= innerFault(node);
    forEachChild(node, collect);
  };
  collect(script);
  return { script, nodes, ...(fault && { fault }) };
}

function faultOf({ errors }: ParsedScript): ShellFault | undefined {
  const [error] = errors ?? [];
  return error && { message: error.message, position: error.pos, late: false };
}

function innerFault(node: Extract<SyntaxNode, { script: unknown }>): ShellFault | undefined {
  const fault = node.script && faultOf(node.script);
  // Positions inside of backticks may count in a text of their own.
  return fault && node.text.startsWith("`") ? { ...fault, position: node.pos, late: true } : fault;
}

const EXPANDS = /[$`({]/;

/** Plain words and quoted texts after a program that no rule asks about: most entries, and nothing to parse in them. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

const PLAIN =
  /^(?:apt-get|cd|chmod|cp|echo|gradle|ls|mkdir|mvn|npm|npx|pip3?|python3?|terraform|yarn|yum)(?: +(?:[\w./:=@%+,-]+|"[^"$`\\]*"|'[^']*'))* *$/;

/** True where the commands are PowerShell's or cmd's: a Windows image runs them so without saying it in the buildspec. */
export function looksLikeWindows(texts: readonly string[]): boolean {
  // Linux images have pwsh, too, and sh starts it there.
  return texts.some((text) => !/^\s*pwsh\s/.test(text) && WINDOWS.some((sign) => sign.test(text)));
}

const VERBS =
  "Add|Compress|Copy|Expand|ForEach|Get|Import|Install|Invoke|Join|Move|New|Out|Pop|Push|Remove|Resolve|Select|Set|Start|Stop|Test|Where|Write";

/** Each in a place where a shell's commands have no such thing: `%TEMP%` is one, `date +%Y%m%d` none. */
const WINDOWS = [
  new RegExp(`(?:^|[;|{(=&])\\s*(?:${VERBS})-[A-Z][A-Za-z]+`, "m"),
  /\$env:[A-Z]|\$PS[A-Z]|\.ps1\b/,
  /(?:^|[;|&])\s*(?:powershell(?:\.exe)?\s|cmd(?:\.exe)?\s+\/[cCkK]\b|choco\s+install\b)/m,
  /(?:^|[\s"])[A-Z]:\\/m,
  /%(?:CD|[A-Z][A-Z0-9_]{2,})%/,
];
