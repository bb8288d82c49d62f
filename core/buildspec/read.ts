import { isAlias, isMap, isSeq, type Alias, type Node, type Pair, type YAMLMap } from "yaml";
import * as z from "zod";
import { excerpt } from "../errors";
import { checkModel, checkVersion } from "./check-model";
import { homeOf, meant } from "./hints";
import { asItem } from "./quote";
import { buildspecSchema, isCommandList, phaseNames, unwrap } from "./schema";
import { keyOf, resolve, startOf, textOf, type Report, type Source } from "./source";

/** A value in the form that the model wants, its keys in the model's order and then by name. */
type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/**
 * Reads a buildspec along its model: reports unknown keys and wrong types, and returns the rest in one form whatever the spelling.
 * What it cannot make fit it leaves as YAML has it.
 */
export function readBuildspec(source: Source, root: YAMLMap, report: Report): Value {
  const value = new Reader(source, report).read(root, buildspecSchema, []);
  checkModel(value, source, root, report);
  checkVersion(source, root, report);
  return value;
}

type Path = readonly string[];

class Reader {
  /** Aliases can make a small file huge, or endless. */
  #budget = 100_000;

  constructor(
    private readonly source: Source,
    private readonly report: Report,
  ) {}

  read(written: unknown, schema: unknown, path: Path): Value {
    const node = resolve(written, this.source);
    if (this.#budget-- <= 0) return null;
    if (isAlias(written) && !node) this.#unknownAlias(written);
    const model = unwrap(schema);
    if (isMap(node)) return this.#map(node, model, path);
    if (isSeq(node)) {
      const element = model instanceof z.ZodArray ? model.element : undefined;
      return node.items.map((item, index) => {
        if (!node.flow) this.#tabBehindDash(startOf(item));
        return this.read(item, element, [...path, String(index)]);
      });
    }
    return this.#scalar(node, model, path);
  }

  #scalar(node: Node | undefined, model: unknown, path: Path): Value {
    const text = textOf(node);
    if (text === undefined) return model instanceof z.ZodString ? "" : null;
    if (model instanceof z.ZodBoolean) return FLAGS[text.toLowerCase()] ?? text;
    if (model instanceof z.ZodNumber) return /^\d*\.?\d+$/.test(text) ? Number(text) : text;
    if (model instanceof z.ZodEnum) return sameInAnyCase(text, model.options.map(String)) ?? text;
    if (model instanceof z.ZodArray && !isCommandList(path)) return [text];
    if (model instanceof z.ZodArray && node) {
      const list = `${path.at(-1) ?? ""}:\n  - `;
      const raw = rawOf(node, this.source);
      // Dashes without a space behind them begin no items.
      const items = raw.split(/\n\s*/);
      const glued = items.every((item) => /^-[^\s-]/.test(item));
      const correction = glued
        ? list + items.map((item) => item.slice(1)).join("\n  - ")
        : text.includes("\n") || raw.includes("\n")
          ? undefined
          : list + raw;
      const hint = glued ? "; a dash begins an item only with a space behind it" : "";
      const message = `${path.join(".")} must be a list, YAML reads one text: ${excerpt(text)}${hint}`;
      this.report.add("wrong-type", "warning", startOf(node), message, correction);
      return [text];
    }
    return text;
  }

  #map(node: YAMLMap, model: unknown, path: Path): Value {
    const entries = new Map<string, Value>();
    const shape = model instanceof z.ZodObject ? (model.shape as Record<string, unknown>) : undefined;
    const own = new Map<string, Pair>();
    for (const pair of node.items) {
      const key = keyOf(pair);
      if (key === "<<") {
        for (const [name, value] of this.#merged(pair.value, model, path)) if (!own.has(name)) entries.set(name, value);
        continue;
      }
      const earlier = own.get(key);
      if (earlier) this.#duplicate(key, earlier, pair);
      own.set(key, pair);
      if (shape && !(key in shape)) this.#unknown(key, pair, Object.keys(shape), path);
      const inner = shape ? shape[key] : model instanceof z.ZodRecord ? model.valueType : undefined;
      entries.set(key, this.read(pair.value, inner, [...path, key]));
    }
    return inOrder(entries, shape ? Object.keys(shape) : []);
  }

  /** The entries behind `<<: *one` or `<<: [*one, *other]`, of which the first wins. */
  #merged(written: unknown, model: unknown, path: Path): [string, Value][] {
    const node = resolve(written, this.source);
    const maps = isSeq(node) ? node.items.toReversed() : [written];
    return maps.flatMap((map) => Object.entries((this.read(map, model, path) ?? {}) as Record<string, Value>));
  }

  /** A text that begins with an asterisk, nearly always. */
  #unknownAlias(alias: Alias): void {
    const offset = startOf(alias);
    const rest =
      this.source.text
        .slice(offset)
        .split(/\r?\n/, 1)[0]
        ?.replace(/\s+#.*$/, "")
        .trimEnd() ?? "";
    const message = `YAML takes ${excerpt(rest)} for an alias of &${alias.source}, which is nowhere; quote it`;
    this.report.add("yaml-syntax", "error", offset, message, asItem(rest));
  }

  /** The parser here lets it pass, CodeBuild's does not ("found character that cannot start any token"). */
  #tabBehindDash(offset: number): void {
    const { text } = this.source;
    const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
    if (!/-[ ]*\t\s*$/.test(before)) return;
    this.report.add("tab", "error", offset, "a tab stands behind the dash, YAML takes only spaces there");
  }

  #duplicate(key: string, earlier: Pair, later: Pair): void {
    const { line } = this.source.lines.linePos(startOf(earlier.key));
    const [one, other] = [earlier, later].map(({ value }) => this.source.text.slice(...spanOf(value)).trimEnd());
    const same = one === other;
    const message = same
      ? `${key} is written twice, with the same value in line ${line}: delete one`
      : `${key} is written already in line ${line}: one of the two is lost, or the file is refused; put both into one`;
    this.report.add("duplicate-key", same ? "warning" : "error", startOf(later.key), message);
  }

  #unknown(key: string, pair: Pair, known: readonly string[], path: Path): void {
    const offset = startOf(pair.key);
    if (path.length === 1 && path[0] === "phases") {
      this.#unknownPhase(key, offset);
      return;
    }
    // A place for shared values, which are used by alias elsewhere.
    const value = pair.value as { readonly anchor?: string } | null;
    if (path.length === 0 && (value?.anchor !== undefined || /^[._]|^x-/.test(key))) return;
    const near = meant(key, known);
    const where = path.length === 0 ? "at the top level" : `in ${path.join(".")}`;
    const home = near === undefined ? homeOf(key) : undefined;
    const known_ = `known there: ${known.join(", ")}`;
    const hint = near === undefined ? (home ? `it belongs ${home}` : known_) : `did you mean ${near}?`;
    const message = `${excerpt(key)} is no key ${where}, so CodeBuild does not read it; ${hint}`;
    this.report.add("unknown-key", "warning", offset, message, near && `${near}:`);
  }

  #unknownPhase(key: string, offset: number): void {
    const near = meant(key, phaseNames);
    // CodeBuild once compared them in capitals.
    const severity = phaseNames.some((name) => name === key.toLowerCase()) ? "warning" : "error";
    const home = near === undefined ? homeOf(key) : undefined;
    const hint = near ? `did you mean ${near}?` : home ? `it belongs ${home}` : `expected ${phaseNames.join(", ")}`;
    const refusal = severity === "error" ? ', CodeBuild refuses it ("Invalid buildspec phase name")' : "";
    const message = `${excerpt(key)} is no phase${refusal}; ${hint}`;
    this.report.add("unknown-phase", severity, offset, message, near && `${near}:`);
  }
}

/** CodeBuild compares the report formats so. */
function sameInAnyCase(text: string, options: readonly string[]): string | undefined {
  return options.find((option) => option.toLowerCase() === text.toLowerCase());
}

const FLAGS: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  on: true,
  no: false,
  false: false,
  off: false,
};

/** The model's keys as it has them, then the others by name; nothing written is the same as not written. */
function inOrder(entries: ReadonlyMap<string, Value>, known: readonly string[]): Value {
  const others = [...entries.keys()].filter((key) => !known.includes(key)).sort();
  const ordered: Record<string, Value> = {};
  for (const key of [...known, ...others]) {
    const value = entries.get(key);
    if (value !== undefined && value !== null) ordered[key] = value;
  }
  return ordered;
}

function rawOf(node: Node, { text }: Source): string {
  return text.slice(...spanOf(node));
}

function spanOf(node: unknown): readonly [number, number] {
  const [start = 0, end = 0] = (node as Node | null)?.range ?? [];
  return [start, end];
}
