import { formatFinding, type Finding } from "./finding";

/** The buildspec has errors, so that nothing can be made of it. */
export class InvalidBuildspecError extends Error {
  override readonly name = "InvalidBuildspecError";

  constructor(
    file: string,
    /** The errors alone. */
    readonly findings: readonly Finding[],
  ) {
    const count = findings.length === 1 ? "1 error" : `${findings.length} errors`;
    super([...findings.map((finding) => formatFinding(file, finding)), `${count} in the buildspec`].join("\n"));
  }
}
