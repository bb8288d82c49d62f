/** A program as the whole of its process, which ends with its exit code. */
export function run(program: () => Promise<number>): void {
  // Standard error takes what goes on: that nobody reads it, or that its disk is full, is no reason to stop halfway.
  process.stderr.on("error", () => undefined);
  // A connection that hangs must not keep a build that is over. Nothing is lost: on Linux, pipes and files are written at once
  // (https://nodejs.org/api/process.html#a-note-on-process-io).
  void program().then((code) => process.exit(code));
}
