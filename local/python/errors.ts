const INSTALL =
  "Install it: `apt-get install -y python3 python3-venv` (Debian, Ubuntu) or `brew install python` (macOS)";

/** There is no `python3`, or one that the program does not run on. */
export class PythonError extends Error {
  override readonly name = "PythonError";

  constructor(found: string, program: string, minimum: string, options?: ErrorOptions) {
    super(`${found}; ${program} needs Python ${minimum} or newer as \`python3\`. ${INSTALL}`, options);
  }
}

/** `python3` is there, but makes no virtual environment: Debian ships `venv` and `ensurepip` apart. */
export class VirtualEnvironmentError extends Error {
  override readonly name = "VirtualEnvironmentError";

  constructor(python: string, directory: string, output: string) {
    super(`\`${python}\` could not make a virtual environment in ${directory}. ${INSTALL}\n${output}`);
  }
}

/** pip could not install what was asked for. */
export class InstallError extends Error {
  override readonly name = "InstallError";

  constructor(requirements: string, output: string) {
    super(
      `pip could not install ${requirements}. Check that a Python package index is reached (PIP_INDEX_URL, HTTPS_PROXY) ` +
        `and run the command again\n${output}`,
    );
  }
}
