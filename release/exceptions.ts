import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { carryOut, type Output, parseOptions, runCommand } from "../core/usage";
import { exceptionsOfForms, replaceExceptions } from "./exceptions-table";

const PAGE = join(__dirname, "../docs/security.md");

const HELP = `npm run exceptions

Writes the table of docs/security.md: what scanners find fault with and is meant so, with the reasons that stand beside the constructs.

  --help  this text
`;

/** Runs the command and returns its exit code. */
export function exceptionsCommand(args: readonly string[], output: Output): Promise<number> {
  return carryOut(HELP, args, output, async () => {
    parseOptions(args, {});
    const page = replaceExceptions(readFileSync(PAGE, "utf8"), exceptionsOfForms());
    writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
    return 0;
  });
}

if (require.main === module) runCommand(exceptionsCommand);
