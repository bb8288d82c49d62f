/** One thing wrong with the configuration. */
export interface Problem {
  /** Where: `services[2].key`, or empty for the pipeline itself. */
  readonly path: string;
  /** The rule and the value that broke it: `must be a list, got "a"`. */
  readonly message: string;
  /** `pipeline.yaml:12:5`; absent where the configuration comes from no file. */
  readonly position?: string;
}

/** The configuration cannot be used. Holds every problem found, one line each, with their number at the end. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    const count = problems.length === 1 ? "1 problem" : `${String(problems.length)} problems`;
    super([...problems.map(formatProblem), `${count} in the configuration`].join("\n"), options);
    this.problems = problems;
  }
}

/** One line. */
export function formatProblem({ position, path, message }: Problem): string {
  const where = [position, path].filter(Boolean).join(" ");
  return where === "" ? message : `${where}: ${message}`;
}
