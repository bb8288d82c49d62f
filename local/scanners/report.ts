import type { Accepted } from "./accepted";
import type { Scan } from "./index";

/** How many checks of a stack ended how, in one line. */
export function renderCounts({ name, passed, failed, exceptions }: Scan): string {
  return `${name}: ${passed} passed, ${failed.length} failed, ${exceptions.length} exceptions`;
}

/** What a scan found, for people: what fails first, then each exception with its reason. */
export function renderScan(scan: Scan): string {
  const { failed, exceptions, stale } = scan;
  const lines = [
    renderCounts(scan),
    ...failed.map(({ check, title, resource }) => `  FAILED ${check} ${resource}: ${title}`),
    ...stale.map(({ check, resource }) => `  STALE  ${check} ${resource}: is accepted, and not found`),
    ...byReason(exceptions).flatMap(([checks, resources, reason]) => [
      `  ${checks.join(", ")}: ${reason}`,
      ...resources.map((resource) => `    ${resource}`),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The sum of scans, in one line. */
export function renderSum(scans: readonly Scan[]): string {
  const sum = (count: (scan: Scan) => number): number => scans.map(count).reduce((a, b) => a + b, 0);
  const passed = sum((scan) => scan.passed);
  const failed = sum((scan) => scan.failed.length + scan.stale.length);
  return `${passed} passed, ${failed} failed, ${sum(({ exceptions }) => exceptions.length)} exceptions`;
}

/** Exceptions that are made for one reason: the checks, and the resources in words. */
function byReason(exceptions: readonly Accepted[]): [checks: string[], resources: string[], reason: string][] {
  const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
  return unique(exceptions.map(({ reason }) => reason)).map((reason) => {
    const members = exceptions.filter((each) => each.reason === reason);
    return [unique(members.map(({ check }) => check)), unique(members.map(({ path }) => path)), reason];
  });
}

/** Exceptions as `checkov --baseline` takes them: one check on one resource each, in whatever plan. */
export function checkovBaseline(exceptions: readonly Accepted[]): string {
  const ofCheckov = exceptions.filter(({ check }) => check.startsWith("CKV"));
  const findings = [...new Set(ofCheckov.map(({ resource }) => resource))].toSorted().map((resource) => ({
    resource,
    check_ids: ofCheckov.filter((each) => each.resource === resource).map(({ check }) => check),
  }));
  return `${JSON.stringify({ failed_checks: [{ file: "plan.json", findings }] }, undefined, 2)}\n`;
}
