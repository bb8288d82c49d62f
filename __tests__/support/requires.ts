import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Whether a program of the system is there for a test that needs the real thing. Where it is missing the test is left
 * out and says so; under CI=true nothing is left out: the test file fails.
 */
export function requires(program: string, install: string): boolean {
  if (isOnPath(program)) return true;
  const message = `${program} is not on the PATH: install it by \`${install}\``;
  if (process.env.CI === "true") throw new Error(`${message} (CI=true leaves no test out)`);
  console.warn(`NOT TESTED with the real ${program}: ${message}`);
  return false;
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
