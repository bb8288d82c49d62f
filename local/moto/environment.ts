import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ensureEnvironment, type EnvironmentOptions, type PythonProgram } from "../python";

const MOTO: PythonProgram = {
  name: "the emulator (moto)",
  title: "the emulator (moto) and the AWS CLI",
  requirements: join(__dirname, "requirements.txt"),
  // What moto 5.2 asks for: https://pypi.org/project/moto/
  minimumPython: [3, 10],
  seconds: 20,
  complete: addCommands,
};

/** pip's own would name the interpreter by the path that the environment has while it is being made. */
const AWS_COMMAND = `#!/bin/sh
exec "$(dirname "$0")/../bin/python" -m awscli "$@"
`;

/** Makes the virtual environment that holds moto, where it is not there yet, and returns its interpreter. */
export function ensureMoto(projectDirectory: string, options?: EnvironmentOptions): Promise<string> {
  return ensureEnvironment(projectDirectory, MOTO, options);
}

/** Holds the AWS CLI, `aws`, and nothing else: the folder of the interpreter would put its Python in place of the machine's. */
export function commandsFolder(python: string): string {
  return join(dirname(dirname(python)), "commands");
}

async function addCommands(python: string): Promise<void> {
  const commands = commandsFolder(python);
  await mkdir(commands);
  await writeFile(join(commands, "aws"), AWS_COMMAND, { mode: 0o755 });
}
