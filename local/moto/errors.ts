/** The emulator ended, or did not answer in time. */
export class EmulatorStartError extends Error {
  override readonly name = "EmulatorStartError";

  constructor(what: string, output: string) {
    super(`The emulator (moto) ${what}. Its last output:\n${output}`);
  }
}
