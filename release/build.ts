import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { carryOut, type Output, parseOptions, runCommand } from "../core/usage";
import { BUNDLES } from "../infrastructure/bundle";
import { writeBundles } from "../infrastructure/write-bundles";

const root = join(__dirname, "..");
const dist = join(root, "dist");

const HELP = `npm run prepack

Makes dist/, what npm pack puts into the package beside the JSON Schema: the constructs, the programs as they are deployed, and the commands.

  --help  this text
`;

/** Runs the command and returns its exit code. */
export function buildCommand(args: readonly string[], output: Output): Promise<number> {
  return carryOut(HELP, args, output, () => {
    parseOptions(args, {});
    build();
    return 0;
  });
}

/** Nothing in dist/ needs TypeScript, esbuild or the programs' sources. */
function build(): void {
  rmSync(dist, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [require.resolve("typescript/bin/tsc"), "--project", join(__dirname, "tsconfig.json")],
    {
      stdio: "inherit",
    },
  );
  // It compiles the sources of the programs, which are not in the package.
  for (const ending of ["js", "d.ts"]) rmSync(join(dist, `infrastructure/compile-bundle.${ending}`));
  cpSync(join(root, "buildspecs"), join(dist, "buildspecs"), { recursive: true });
  writeBundles(join(dist, "bundles"), BUNDLES);
  command("publish-image", 'require("../bundles/publish-image.js");');
  command("buildspec", 'require("../core/usage.js").runCommand(require("../cli/buildspec.js").buildspecCommand);');
}

/** A program to call by name, where the package is installed. */
function command(name: string, code: string): void {
  mkdirSync(join(dist, "bin"), { recursive: true });
  writeFileSync(join(dist, "bin", `${name}.js`), `#!/usr/bin/env node\n${code}\n`, { mode: 0o755 });
}

if (require.main === module) runCommand(buildCommand);
