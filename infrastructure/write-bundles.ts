import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

if (require.main === module) {
  const [folder, ...others] = process.argv.slice(2);
  if (folder === undefined || folder.startsWith("-") || others.length > 0) {
    console.error("npm run bundle -- FOLDER   writes publish-image.js and what it loads there");
    process.exitCode = 2;
  } else console.log(writeBundles(folder));
}
