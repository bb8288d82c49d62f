import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type Node, type Pair } from "yaml";

/** Where a value stands in a YAML text. */
interface Place {
  /** Offset of its key, or of the value itself in a sequence; of the nearest thing around it where it is not written. */
  readonly offset: number;
  /** How a scalar is spelled, without its quotes. */
  readonly source?: string;
}

/** Finds the place of a path, through aliases and merge keys. */
export function locate(document: Document, path: readonly PropertyKey[]): Place {
  let node = dereference(document.contents, document);
  let offset = node?.range?.[0] ?? 0;
  for (const segment of path) {
    const entry = enter(node, segment, document);
    if (!entry) return { offset };
    offset = entry.at?.range?.[0] ?? offset;
    node = dereference(entry.value, document);
  }
  return { offset, ...(isScalar(node) && node.source !== undefined && { source: node.source }) };
}

interface Entry {
  /** What the entry begins with: a pair's key, a sequence's item. */
  readonly at: Node | undefined;
  readonly value: unknown;
}

function enter(node: Node | undefined, segment: PropertyKey, document: Document): Entry | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(segment)];
    return isNode(item) ? { at: item, value: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => keyText(key) === String(segment));
  if (pair) return { at: isNode(pair.key) ? pair.key : undefined, value: pair.value };
  return node.items
    .filter(isMerge)
    .flatMap(({ value }) => mergedInto(value, document))
    .map((merged) => enter(merged, segment, document))
    .find(Boolean);
}

function isMerge({ key }: Pair): boolean {
  return keyText(key) === "<<";
}

/** The maps behind `<<: *one` or `<<: [*one, *other]`. */
function mergedInto(value: unknown, document: Document): (Node | undefined)[] {
  const node = dereference(value, document);
  return isSeq(node) ? node.items.map((item) => dereference(item, document)) : [node];
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === "symbol" ? key.value.description : String(key.value);
}

function dereference(value: unknown, document: Document): Node | undefined {
  if (isAlias(value)) return value.resolve(document);
  return isNode(value) ? value : undefined;
}
