import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { exceptionsOfForms, replaceExceptions } from "./exceptions-table";

const PAGE = join(__dirname, "../docs/security.md");

/** Writes the table of what scanners are told, made of the lines beside the constructs. */
async function main(): Promise<void> {
  const page = replaceExceptions(readFileSync(PAGE, "utf8"), exceptionsOfForms());
  writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
}

void main();
