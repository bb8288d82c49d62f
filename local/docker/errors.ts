const INSTALL = "install both: `apt-get install docker.io` (Debian, Ubuntu)";

/** This machine lacks what a privileged build needs. */
export class DockerUnavailableError extends Error {
  override readonly name = "DockerUnavailableError";

  constructor(found: string, remedy = INSTALL) {
    super(
      `a privileged build cannot run here: found ${found}, expected dockerd and docker on the PATH, and root, who may start it; ${remedy}`,
    );
  }
}

/** The docker daemon ended, or did not answer in time. */
export class DockerStartError extends Error {
  override readonly name = "DockerStartError";

  constructor(found: string, log: string) {
    super(
      `the docker daemon of a privileged build did not start: found ${found}, expected an answer on its socket; it said:\n${log}`,
    );
  }
}
