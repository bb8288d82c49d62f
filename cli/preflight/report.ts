import type { Finding } from "../../config/findings";

/** What was found out about a pipeline. */
export interface Report {
  /** What will not work, or would harm others. */
  readonly errors: readonly Finding[];
  /** What is worth knowing. */
  readonly notes: readonly Finding[];
}

export function merge(...reports: readonly Report[]): Report {
  return { errors: reports.flatMap(({ errors }) => errors), notes: reports.flatMap(({ notes }) => notes) };
}
