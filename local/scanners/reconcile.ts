import type { Accepted } from "./accepted";
import type { Finding } from "./finding";

/** Findings and what was said of them beforehand. */
export interface Reconciled {
  /** How many checks are passed. */
  readonly passed: number;
  /** Not passed, and nobody said why. */
  readonly failed: readonly Finding[];
  /** Not passed, for a reason. */
  readonly exceptions: readonly Accepted[];
  /** Said not to pass, but passed, or not checked at all. */
  readonly stale: readonly Accepted[];
}

/** Matches each finding with what is accepted of this check on this resource, and nothing else. */
export function reconcile(findings: readonly Finding[], accepted: readonly Accepted[]): Reconciled {
  const failing = new Map(findings.filter(({ passed }) => !passed).map((finding) => [keyOf(finding), finding]));
  const known = new Set(accepted.map(keyOf));
  return {
    passed: findings.filter(({ passed }) => passed).length,
    failed: [...failing.values()].filter((finding) => !known.has(keyOf(finding))),
    exceptions: accepted.filter((each) => failing.has(keyOf(each))),
    stale: accepted.filter((each) => !failing.has(keyOf(each))),
  };
}

function keyOf({ check, resource }: Pick<Finding, "check" | "resource">): string {
  return `${check} ${resource}`;
}
