import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePipeline } from "../../config/parse";
import { packageImage } from "../../local/journey";
import { pipelineInput } from "../support/synthesis";

test.each([
  ["releases/api.zip", "releases/api.zip"],
  ["{service}/{anything}.zip", "api/0123abc.zip"],
])("an image of a service of the key %s is dropped at %s", async (key, expected) => {
  const directory = await mkdtemp(join(tmpdir(), "journey-"));
  try {
    const { services } = parsePipeline(pipelineInput({ services: [{ name: "api", key }] }));
    const image = await packageImage({ service: services[0]!, gitHash: "0123abc", directory });
    expect(image.key).toBe(expected);
    expect((await readFile(image.file)).length).toBe(image.bytes);
  } finally {
    await rm(directory, { recursive: true });
  }
});
