/**
 * A test for one pattern of `excludes`: `*`, `?`, `[class]`, `{a,b}`, `\` and `**` as a whole path component, as the provider's
 * matcher has them (https://github.com/bmatcuk/doublestar#patterns). Pattern and path use forward slashes.
 *
 * @throws SyntaxError for a bracket or brace without its other half, or a trailing backslash.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const expressions = alternatives(pattern).map((alternative) => new RegExp(`^${translate(alternative)}$`, "su"));
  return (path) => expressions.some((expression) => expression.test(path));
}

/** The pattern with its outermost braces spelled out: `a/{b,c}` is `a/b` and `a/c`. */
function alternatives(pattern: string): string[] {
  const open = find(pattern, 0, "{");
  if (open < 0) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < pattern.length; at += 1) {
    const char = pattern[at];
    if (char === "\\") at += 1;
    else if (char === "[") at = classEnd(pattern, at);
    else if (char === "{") depth += 1;
    else if (char === "," && depth === 1) {
      parts.push(pattern.slice(start, at));
      start = at + 1;
    } else if (char === "}") {
      depth -= 1;
      if (depth > 0) continue;
      parts.push(pattern.slice(start, at));
      const [before, after] = [pattern.slice(0, open), pattern.slice(at + 1)];
      return parts.flatMap((part) => alternatives(before + part + after));
    }
  }
  throw new SyntaxError(`the brace in "${pattern}" is never closed`);
}

/** The index of an unescaped character outside brackets, or -1. */
function find(pattern: string, from: number, wanted: string): number {
  for (let at = from; at < pattern.length; at += 1) {
    if (pattern[at] === wanted) return at;
    if (pattern[at] === "\\") at += 1;
    else if (pattern[at] === "[") at = classEnd(pattern, at);
  }
  return -1;
}

function classEnd(pattern: string, open: number): number {
  for (let at = open + 1; at < pattern.length; at += 1) {
    if (pattern[at] === "\\") at += 1;
    else if (pattern[at] === "]") return at;
  }
  throw new SyntaxError(`the bracket in "${pattern}" is never closed`);
}

function translate(pattern: string): string {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const rest = pattern.slice(at);
    const startsComponent = at === 0 || pattern[at - 1] === "/";
    if (rest === "/**") return `${source}(?:/.*)?`;
    if (startsComponent && rest === "**") return `${source}.*`;
    if (startsComponent && rest.startsWith("**/")) {
      source += "(?:.*/)?";
      at += 2;
    } else if (rest.startsWith("*")) source += "[^/]*";
    else if (rest.startsWith("?")) source += "[^/]";
    else if (rest.startsWith("[")) {
      const end = classEnd(pattern, at);
      source += characterClass(pattern.slice(at + 1, end), pattern);
      at = end;
    } else if (rest.startsWith("\\")) {
      if (rest.length === 1) throw new SyntaxError(`the backslash at the end of "${pattern}" escapes nothing`);
      const escaped = characterAt(pattern, at + 1);
      source += literal(escaped);
      at += escaped.length;
    } else if (rest.startsWith("}")) throw new SyntaxError(`the brace in "${pattern}" is never opened`);
    else {
      const char = characterAt(pattern, at);
      source += literal(char);
      at += char.length - 1;
    }
  }
  return source;
}

function characterClass(body: string, pattern: string): string {
  const negated = /^[!^]/.test(body);
  const members = Array.from(negated ? body.slice(1) : body);
  if (members.length === 0) throw new SyntaxError(`the brackets in "${pattern}" hold nothing`);
  let source = "";
  for (let at = 0; at < members.length; at += 1) {
    const member = members[at] ?? "";
    const isRange = member === "-" && at > 0 && at < members.length - 1;
    if (member === "\\") at += 1;
    source += isRange ? "-" : literal(member === "\\" ? (members[at] ?? "") : member);
  }
  return `[${negated ? "^" : ""}${source}]`;
}

function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0);
}

function literal(char: string): string {
  return /\w/.test(char) ? char : `\\u{${characterCode(char)}}`;
}

function characterCode(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16);
}
