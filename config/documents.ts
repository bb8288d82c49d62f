import { isScalar, LineCounter, parseAllDocuments, visit, type Document, type YAMLError } from "yaml";
import { ConfigError } from "./errors";
import { messageOf, readText } from "./files";

/** Something wrong with the YAML itself. */
interface YamlFault {
  readonly offset: number;
  readonly message: string;
}

/** A document's values, as far as they can be read, and what is wrong with its YAML. */
interface YamlValues {
  readonly faults: readonly YamlFault[];
  /** Absent where the document cannot be read. */
  readonly values?: { readonly root: unknown };
}

/** The YAML documents of a file, and where its lines begin. */
interface YamlFile {
  readonly documents: readonly Document[];
  readonly lines: LineCounter;
}

/**
 * Reads a file as YAML 1.2 with merge keys. Empty documents are dropped.
 * @throws ConfigError where the file holds nothing; what is wrong within a document is left to {@link readValues}.
 */
export function readDocuments(file: string): YamlFile {
  const lines = new LineCounter();
  const stream = parseAllDocuments(readWhole(file), {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    logLevel: "error",
    // One set of rules for plain scalars, whatever a %YAML directive says, and no tags beyond it.
    schema: "core",
    resolveKnownTags: false,
  });
  const documents = "empty" in stream ? [] : stream.filter((document) => !isEmpty(document));
  if (documents.length === 0) throw refuse(file, `is empty: ${REMEDY}`);
  return { documents, lines };
}

export function readValues(document: Document): YamlValues {
  const unreadable = document.errors.find(({ code }) => code !== "DUPLICATE_KEY");
  // One is enough: most of what the parser finds after it follows from it.
  if (unreadable) return { faults: [toFault(unreadable)] };
  const faults = [...document.errors, ...document.warnings].map(toFault);
  const dangling = danglingAliases(document);
  if (dangling.length > 0) return { faults: [...faults, ...dangling] };
  try {
    return { faults, values: { root: document.toJS({ maxAliasCount: MOST_ALIASES }) } };
  } catch (error) {
    const message = `is not valid YAML: ${messageOf(error)}`;
    return { faults: [...faults, { offset: document.contents?.range?.[0] ?? 0, message }] };
  }
}

const REMEDY = "a pipeline needs at least a name, a region, a bucket and services";

/** Uses of one anchor, multiplied by the aliases behind it: every service may take one, and nesting them cannot exhaust the memory. */
const MOST_ALIASES = 100_000;

function readWhole(file: string): string {
  const result = readText(file);
  if (result.text !== undefined) return result.text;
  const { reason, cause } = result;
  if (reason === "missing") throw refuse(file, `does not exist: create it, ${REMEDY}`, cause);
  if (reason === "encoding") throw refuse(file, "must be UTF-8 text", cause);
  throw refuse(file, `cannot be read: ${messageOf(cause)}`, cause);
}

function refuse(file: string, message: string, cause?: unknown): ConfigError {
  return new ConfigError([{ position: file, path: "", message }], { cause });
}

function isEmpty({ contents, errors }: Document): boolean {
  return (
    errors.length === 0 &&
    (contents === null || (isScalar(contents) && contents.value === null && contents.source === ""))
  );
}

function toFault({ pos: [offset], code, message }: YAMLError): YamlFault {
  return { offset, message: FAULTS[code] ?? `is not valid YAML: ${message}` };
}

/** Where the parser's own words do not say what to do. */
const FAULTS: Partial<Record<YAMLError["code"], string>> = {
  DUPLICATE_KEY: "this key is given twice: keep one",
  BLOCK_AS_IMPLICIT_KEY:
    "is not valid YAML: a mapping begins within a line; quote a value that holds a colon and a space",
  RESOURCE_EXHAUSTION: "is nested too deeply",
};

/** Aliases without an anchor before them. */
function danglingAliases(document: Document): YamlFault[] {
  const anchors = new Set<string>();
  const faults: YamlFault[] = [];
  visit(document, {
    Alias: (_, { source, range }) => {
      if (!anchors.has(source))
        faults.push({ offset: range?.[0] ?? 0, message: `*${source} needs an anchor &${source} before it` });
    },
    Value: (_, { anchor }) => {
      if (anchor !== undefined) anchors.add(anchor);
    },
  });
  return faults;
}
