import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { loadPipelines } from "../../config/load";
import { renderOthers } from "../../config/notifications";

const PAGE = readFileSync(join(__dirname, "../../docs/estates.md"), "utf8");
/** What the page says that each block is beside. */
const AROUND = { name: "images", region: "us-east-1", bucket: "image-drops", services: ["api"] };

const sections = PAGE.split(/^## /m).slice(1);
const blocks = sections.flatMap((section) => {
  const [title = ""] = section.split("\n", 1);
  return [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""], index) => [title, index, yaml] as const);
});

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "estates-"))));
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("every answer has its YAML beside it", () => {
  expect([...new Set(blocks.map(([title]) => title))]).toStrictEqual([
    "My bucket exists",
    "It has notifications",
    "My repository exists",
    "My roles are given",
    "I am in China",
    "My state is in HCP",
    "I write HCL",
    "Two teams share a bucket",
    "I want to leave without losing anything",
  ]);
  expect(sections).toHaveLength(9);
});

test.each(blocks)("%s: block %i is understood", (_title, _index, yaml) => {
  const documents = parseAllDocuments(yaml).map((document) => ({ ...AROUND, ...(document.toJS() as object) }));
  const file = join(directory, "pipeline.yaml");
  writeFileSync(file, documents.map((document) => stringify(document)).join("---\n"));
  writeFileSync(
    join(directory, "notifications.images.json"),
    renderOthers({ bucket: "shared-drops", eventbridge: false, entries: [] }),
  );
  expect(loadPipelines(file).pipelines).toHaveLength(documents.length);
});
