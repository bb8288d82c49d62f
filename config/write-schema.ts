import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { jsonSchema } from "./json-schema";
import { replaceReference } from "./reference";

/** Writes what is made of the schema: the JSON Schema for editors and the table in the documentation. */
async function main(): Promise<void> {
  const schema = jsonSchema();
  await write(join(__dirname, "pipeline.schema.json"), JSON.stringify(schema));
  const page = join(__dirname, "..", "docs", "configuration.md");
  await write(page, replaceReference(readFileSync(page, "utf8"), schema));
}

async function write(file: string, content: string): Promise<void> {
  writeFileSync(file, await format(content, { ...(await resolveConfig(file)), filepath: file }));
}

void main();
