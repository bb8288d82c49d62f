import { readDocuments } from "./documents";
import type { Problem } from "./errors";
import { type Finding, toProblem } from "./findings";
import { locate } from "./positions";

/**
 * Says where in the file each finding stands, as the loader does with its own.
 * @param index of the pipeline that the findings are about, in the order of the file
 */
export function placeFindings(file: string, index: number, findings: readonly Finding[]): Problem[] {
  const { documents, lines } = readDocuments(file);
  const document = documents[index];
  return findings.map((finding) => {
    if (document === undefined) return toProblem(finding);
    const { offset, source } = locate(document, finding.path);
    const { line, col } = lines.linePos(offset);
    return { position: `${file}:${line}:${col}`, ...toProblem(finding, source) };
  });
}
