import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { carryOut, type Output, parseOptions, runCommand } from "../core/usage";
import { jsonSchema } from "./json-schema";
import { replaceReference } from "./reference";

const HELP = `npm run schema

Writes what is made of the configuration's schema: config/pipeline.schema.json, for editors, and the table of options in docs/configuration.md.

  --help  this text
`;

/** Runs the command and returns its exit code. */
export function schemaCommand(args: readonly string[], output: Output): Promise<number> {
  return carryOut(HELP, args, output, async () => {
    parseOptions(args, {});
    const schema = jsonSchema();
    await write(join(__dirname, "pipeline.schema.json"), JSON.stringify(schema));
    const page = join(__dirname, "..", "docs", "configuration.md");
    await write(page, replaceReference(readFileSync(page, "utf8"), schema));
    return 0;
  });
}

async function write(file: string, content: string): Promise<void> {
  writeFileSync(file, await format(content, { ...(await resolveConfig(file)), filepath: file }));
}

if (require.main === module) runCommand(schemaCommand);
