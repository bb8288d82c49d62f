import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPipelines } from "../../config/load";
import { jsonSchema } from "../../config/json-schema";
import { replaceReference } from "../../config/reference";

const PAGE = join(__dirname, "..", "..", "docs", "configuration.md");

/** A table as it is before its columns are aligned. */
function unaligned(page: string): string {
  return page.replace(/ +/g, " ").replace(/-{3,}/g, "---");
}

test("the table of options in the documentation is current (npm run schema)", () => {
  const page = readFileSync(PAGE, "utf8");
  expect(unaligned(replaceReference(page, jsonSchema()))).toBe(unaligned(page));
});

test("a page without the markers is refused", () => {
  expect(() => replaceReference("# Configuration", jsonSchema())).toThrow("the page must hold <!-- options");
});

test("every whole example of README and documentation is a valid pipeline", () => {
  const directory = mkdtempSync(join(tmpdir(), "examples-"));
  const examples = [join(__dirname, "..", "..", "README.md"), PAGE]
    .flatMap((page) => [...readFileSync(page, "utf8").matchAll(/```yaml\n([^`]*)```/g)].map(([, yaml = ""]) => yaml))
    .filter((yaml) => yaml.includes("\nservices:") && yaml.includes("name: images\n"));
  expect(examples).toHaveLength(2);
  for (const [index, yaml] of examples.entries()) {
    const file = join(directory, `${index}.yaml`);
    writeFileSync(file, yaml);
    expect(loadPipelines(file).warnings).toEqual([]);
  }
  rmSync(directory, { recursive: true });
});
