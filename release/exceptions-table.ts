import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { type Check, CHECKS } from "../infrastructure/accept";
import { type Accepted, acceptedIn } from "../local/scanners/accepted";
import { Forms, NEWER_FORMS } from "./forms";

const BEGIN = "<!-- exceptions: written by npm run exceptions -->";
const END = "<!-- end of exceptions -->";

/** Every exception that some pipeline has. */
export function exceptionsOfForms(): Accepted[] {
  const outdir = mkdtempSync(join(tmpdir(), "exceptions-"));
  try {
    const forms = new Forms(new App({ outdir, stackTraces: false }), NEWER_FORMS);
    forms.prepareStack();
    return acceptedIn(forms.toTerraform() as object);
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** The page with its table made new. */
export function replaceExceptions(page: string, exceptions: readonly Accepted[]): string {
  const [before, rest = ""] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined) throw new Error(`the page must hold ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n\n${renderTable(exceptions)}\n\n${END}${after}`;
}

/** A row for each reason. */
function renderTable(exceptions: readonly Accepted[]): string {
  const reasons = unique(exceptions.map(({ reason }) => reason));
  const rows = reasons.map((reason) => {
    const members = exceptions.filter((each) => each.reason === reason);
    const checks = unique(members.map(({ check }) => check));
    const asked = unique(checks.map((check) => CHECKS[check as Check] ?? check));
    const places = unique(members.map(({ path }) => `\`${placeOf(path)}\``));
    return `| ${asked.join(", ")} | ${checks.join(", ")} | ${places.join(", ")} | ${reason} |`;
  });
  const head = ["| asked for | by | not met by | because |", "| --- | --- | --- | --- |"];
  return [...head, ...rows.toSorted()].join("\n");
}

/** Where a resource stands in whatever pipeline. */
function placeOf(path: string): string {
  return path
    .replace(/^[^/]+\//, "")
    .replace(/^services\/[^/]+/, "services/*")
    .replace(/^parameters\/.*/, "parameters/*");
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}
