import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { carryOut, type Output, parseArguments, runCommand, UsageError } from "../core/usage";
import { bundleOf, type BundleName } from "./bundle";

/** The publisher `stream`, for a machine that has Node.js and nothing of this project. */
const PUBLISHER: readonly BundleName[] = ["publish-image", "aws-sdk"];

/**
 * Each bundle as `<name>.js` in the folder, which is made where there is none.
 * @returns the path of the first: the program, where others are what it loads
 */
export function writeBundles(folder: string, names: readonly BundleName[] = PUBLISHER): string {
  mkdirSync(folder, { recursive: true });
  const [program = ""] = names.map((name) => {
    const file = join(folder, `${name}.js`);
    writeFileSync(file, bundleOf(name));
    return file;
  });
  return program;
}

const HELP = `npm run bundle -- FOLDER

Writes the publisher of archives, publish-image.js and what it loads, into a folder: a program for machines that have Node.js and nothing of
this project. Prints its path.

  FOLDER  is made where there is none
  --help  this text
`;

/** Runs the command and returns its exit code. */
export function bundleCommand(args: readonly string[], output: Output): Promise<number> {
  return carryOut(HELP, args, output, () => {
    const [folder, ...others] = parseArguments(args, {}).positionals;
    if (folder === undefined) throw new UsageError("FOLDER is missing; --help shows the usage");
    if (others.length > 0) throw new UsageError(`expected one folder, got: ${[folder, ...others].join(" ")}`);
    output.out(`${writeBundles(folder)}\n`);
    return 0;
  });
}

if (require.main === module) runCommand(bundleCommand);
