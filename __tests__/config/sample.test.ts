import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPipelines } from "../../config/load";
import type { PipelineConfig } from "../../config/schema";

const ROOT = join(__dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const README = read("README.md");
const [SHOWN = ""] = /(?<=^```yaml\n)# yaml-language-server.*?(?=^```$)/ms.exec(README) ?? [];

let directory: string;
let sample: PipelineConfig;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sample-"));
  [sample] = loadPipelines(join(ROOT, "pipeline.yaml")).pipelines as [PipelineConfig];
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function load(yaml: string): readonly PipelineConfig[] {
  const file = join(directory, "pipeline.yaml");
  writeFileSync(file, yaml);
  return loadPipelines(file).pipelines;
}

test("the README shows the sample, without what it leaves to the defaults or to the documentation", () => {
  const named = ({ name, region, bucket, trigger, publisher, backend, services }: PipelineConfig) => ({
    ...{ name, region, bucket, trigger, publisher, backend },
    services: services.map(({ name, key, repository, sourceAccount, movingTags }) => ({
      ...{ name, key, repository, sourceAccount, movingTags },
    })),
  });
  const [shown] = load(SHOWN) as [PipelineConfig];
  expect(named(shown)).toStrictEqual(named(sample));
});

test("what the README has dropped is what the sample's service takes", () => {
  const api = sample.services.find(({ name }) => name === "api")!;
  const drop = `s3://${sample.bucket.name}/${api.key}`;
  const reference = `${api.sourceAccount}.dkr.ecr.${sample.region}.amazonaws.com/${api.repository}:4f2a91c`;
  for (const page of ["README.md", "docs/drops.md"]) {
    expect(read(page)).toContain(`docker save ${reference} -o image/${api.name}\n`);
    expect(read(page)).toContain(`aws s3 cp api.zip ${drop}\n`);
  }
  expect(README).toContain(`as \`${api.repository}:4f2a91c\` and \`${api.repository}:${api.movingTags[0]}\``);
  const local = read("docs/local.md");
  expect(local).toContain(`aws s3 cp .local/drops/api-0123abc.zip ${drop}\n`);
  expect(local).toContain(`aws ecr list-images --repository-name ${api.repository}\n`);
});

test("the README's mistake is what is said of it", () => {
  const [said = ""] = /^pipeline\.yaml:.*$/m.exec(README) ?? [];
  const lines = SHOWN.split("\n");
  lines.splice(Number(said.split(":")[1]) - 1, 0, "    key: a.rar");
  expect(() => load(lines.join("\n"))).toThrow(said.replace("pipeline.yaml", join(directory, "pipeline.yaml")));
});

const PAGES = ["README.md", "DEVELOPING.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];
const commands = (pattern: RegExp) =>
  PAGES.filter((page) => page.endsWith(".md")).flatMap((page) => read(page).match(pattern) ?? []);

test("whatever a documented command writes into a file or a pipe is without npm's own lines", () => {
  const written = commands(/^(?:[$>] )?npm run .* [>|] .*$/gm);
  expect(written.length).toBeGreaterThan(2);
  expect(written.filter((command) => !command.includes("npm run -s "))).toStrictEqual([]);
});

test("HCL for reading is never written beside the JSON that is applied", () => {
  const written = commands(/`npx cdktf synth --hcl[^`]*`/g);
  expect(new Set(written)).toStrictEqual(new Set(["`npx cdktf synth --hcl --output cdktf.out.hcl`"]));
});
