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

/** Plain words after a program that no rule asks about: most entries, and nothing to parse in them. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

const PLAIN =
  /^(?:apt-get|cd|chmod|cp|echo|gradle|ls|mkdir|mvn|npm|npx|pip3?|python3?|terraform|yarn|yum) [\w ./:=@%+,-]*$/;

/** True where the commands are PowerShell's or cmd's: a Windows image runs them so without saying it in the buildspec. */
export function looksLikeWindows(texts: readonly string[]): boolean {
  return texts.some((text) => WINDOWS.test(text));
}

const WINDOWS =
  /(?:^|[\s;(|{=])(?:Get|Set|New|Remove|Invoke|Write|Test|Start|Stop|Copy|Move|Add|Import|Install|Out|Expand|Compress|Where|ForEach|Select|Join|Resolve|Push|Pop)-[A-Z][A-Za-z]+|\$env:\w|\$PS\w+|\.ps1\b|(?:^|\s)(?:powershell|pwsh|cmd)(?:\.exe)?\s|(?:^|\s)choco\s+install|(?:^|[\s"])[A-Z]:\\|%[A-Z_]+%/m;
