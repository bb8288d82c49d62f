/** tfsec cannot be built. */
export class TfsecBuildError extends Error {
  override readonly name = "TfsecBuildError";

  constructor(command: string, found: string, options?: ErrorOptions) {
    super(
      `tfsec could not be built: expected \`${command}\` to succeed, found: ${found}. It needs a Go module proxy in reach (GOPROXY)`,
      options,
    );
  }
}

/** A scanner ended without an answer, or left something out. */
export class ScannerError extends Error {
  override readonly name = "ScannerError";

  constructor(scanner: string, found: string, output: string) {
    super(`${scanner} ${found}. Its output ends with:\n${output.trim().slice(-4000)}`);
  }
}
