import { dirname } from "node:path";
import { isMap, isSeq, type Document } from "yaml";
import { checkTogether, warnQuotas } from "./checks";
import { readDocuments, readValues } from "./documents";
import { ConfigError, formatProblem, type Problem } from "./errors";
import { toProblem, type Finding } from "./findings";
import { inspect, sortServices } from "./parse";
import { locate } from "./positions";
import type { Draft } from "./resolve";
import type { PipelineConfig } from "./schema";

export interface LoadedPipelines {
  /** In the order of the file. */
  readonly pipelines: readonly PipelineConfig[];
  /** What may not go as expected, one line each; nothing that stops. */
  readonly warnings: readonly string[];
}

/**
 * Reads the pipelines of a YAML 1.2 file, one document each.
 * @param file as the user gave it, which is how messages show it.
 * @throws ConfigError with every problem of every document, in the order of the file.
 */
export function loadPipelines(file: string): LoadedPipelines {
  return loadFor(file, () => []);
}

/**
 * The same for what cannot take every pipeline.
 * @param check what it cannot take of one
 */
export function loadFor(file: string, check: (config: PipelineConfig) => readonly Finding[]): LoadedPipelines {
  const { documents, lines } = readDocuments(file);
  const inspected = documents.map((document) => ({ document, ...inspectDocument(document, dirname(file)) }));
  const drafts = inspected.flatMap(({ document, draft }) => (draft ? [{ document, draft }] : []));
  const together = checkTogether(drafts.map(({ draft }) => draft));
  const shared = drafts.flatMap(({ document, draft }) =>
    [...(together.get(draft) ?? []), ...check(draft.config)].map((finding) => locateFinding(finding, document)),
  );

  const toProblems = (located: readonly LocatedProblem[]): Problem[] =>
    located
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ offset, ...problem }) => {
        const { line, col } = lines.linePos(offset);
        return { position: `${file}:${line}:${col}`, ...problem };
      });
  const problems = [...inspected.flatMap(({ located }) => located), ...shared];
  if (problems.length > 0) throw new ConfigError(toProblems(problems));

  const pipelines = drafts.map(({ draft }) => sortServices(draft.config));
  return {
    pipelines,
    warnings: [
      ...toProblems(inspected.flatMap(({ warnings }) => warnings)).map(formatProblem),
      ...warnQuotas(pipelines).map((warning) => `${file}: ${warning}`),
    ],
  };
}

interface LocatedProblem extends Problem {
  /** Where in the file's text. */
  readonly offset: number;
}

interface InspectedDocument {
  readonly draft?: Draft;
  readonly located: readonly LocatedProblem[];
  readonly warnings: readonly LocatedProblem[];
}

function inspectDocument(document: Document, folder: string): InspectedDocument {
  const { faults, values } = readValues(document);
  const located = faults.map(({ offset, message }) => ({ offset, path: "", message }));
  if (!values) return { located, warnings: [] };
  const wrapper = wrapperOf(document);
  const { draft, findings, warnings } = wrapper ? { findings: [wrapper], warnings: [] } : inspect(values.root, folder);
  const locateAll = (found: readonly Finding[]) => found.map((finding) => locateFinding(finding, document));
  return {
    ...(draft && { draft }),
    located: [...located, ...locateAll(findings)],
    warnings: locateAll(warnings),
  };
}

/** A list of pipelines in one document: the one mistake that would otherwise look like a dozen. */
function wrapperOf({ contents }: Document): Finding | undefined {
  const rule =
    "write each pipeline as a document of its own, without a list around them, and put a line with --- between them";
  if (isSeq(contents)) return { path: [], rule };
  return isMap(contents) && contents.has("pipelines") ? { path: ["pipelines"], rule } : undefined;
}

function locateFinding(finding: Finding, document: Document): LocatedProblem {
  const { offset, source } = locate(document, finding.path);
  return { offset, ...toProblem(finding, source) };
}
