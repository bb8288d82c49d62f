import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { Finding, Severity } from "./finding";
import type { RuleName } from "./rules";

/** A buildspec's text and what YAML makes of it. */
export interface Source {
  readonly text: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** What was found behind an alias, since finding it takes a walk through the document. */
  readonly aliases: Map<Alias, Node | undefined>;
  /** Undefined where the file is no mapping. */
  readonly root: YAMLMap | undefined;
}

/** Reads the first document; its errors stay in `document.errors`. */
export function readSource(written: string): Source {
  const text = written.replaceAll("\r\n", "\n");
  const lines = new LineCounter();
  // Merge keys belong to YAML 1.1, which is what CodeBuild's parser reads. Duplicate keys are a rule of its own.
  const document = parseDocument(text, {
    lineCounter: lines,
    merge: true,
    uniqueKeys: false,
    prettyErrors: false,
  });
  return {
    text,
    document,
    lines,
    aliases: new Map(),
    root: isMap(document.contents) ? document.contents : undefined,
  };
}

/** The node behind an alias, or the node itself. */
export function resolve(node: unknown, { document, aliases }: Source): Node | undefined {
  if (!isAlias(node)) return isNode(node) ? node : undefined;
  if (!aliases.has(node)) aliases.set(node, node.resolve(document));
  return aliases.get(node);
}

/** A scalar as it is written, so that 1.10 stays 1.10; undefined for nothing. */
export function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  return typeof node.value === "string" ? node.value : (node.source ?? JSON.stringify(node.value));
}

/** The value of a key as it is written, before aliases are followed. */
export function entry(map: YAMLMap | undefined, key: string): unknown {
  return map?.items.find((pair) => textOf(pair.key) === key)?.value;
}

export function mapAt(map: YAMLMap | undefined, key: string, source: Source): YAMLMap | undefined {
  const node = resolve(entry(map, key), source);
  return isMap(node) ? node : undefined;
}

/** A key as it is written; `<<` for a merge, nothing for a key that is no scalar. */
export function keyOf({ key }: Pair): string {
  if (!isScalar(key)) return "";
  return typeof key.value === "symbol" ? (key.value.description ?? "") : (textOf(key) ?? "");
}

export function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

/** Collects findings. */
export class Report {
  readonly #findings: Finding[] = [];

  constructor(private readonly lines: LineCounter) {}

  add(rule: RuleName, severity: Severity, offset: number, message: string, correction?: string): void {
    const { line, col } = this.lines.linePos(offset);
    this.addAt(rule, severity, { line, column: col }, message, correction);
  }

  addAt(
    rule: RuleName,
    severity: Severity,
    place: { readonly line: number; readonly column: number },
    message: string,
    correction?: string,
  ): void {
    this.#findings.push({ rule, severity, ...place, message, ...(correction !== undefined && { correction }) });
  }

  /** In the order of the file. */
  findings(): readonly Finding[] {
    return this.#findings.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }
}
