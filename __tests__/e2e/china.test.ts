import { proveDrop } from "../../local/journey";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { Sender } from "../support/sender";
import { UPLOADS } from "../support/uploads";

const YAML = `
name: cn-queue
region: cn-north-1
bucket: cn-queue-drops
services: [api]
---
name: cn-bus
region: cn-north-1
bucket: cn-bus-drops
trigger: eventbridge
repositories: { prefix: bus/ }
services: [api]
---
name: cn-rule
region: cn-north-1
bucket: cn-rule-drops
trigger: { eventbridge: { direct: true } }
repositories: { prefix: rule/ }
services: [api]
`;

const PIPELINES = ["cn-queue", "cn-bus", "cn-rule"] as const;
const MINUTES = 60_000;

let applied: AppliedPipelines;

beforeAll(async () => {
  applied = await applyPipelines(YAML);
}, 5 * MINUTES);

afterAll(() => applied.close(), MINUTES);

jest.setTimeout(2 * MINUTES);

describe.each(PIPELINES)("in the China partition: %s", (name) => {
  test("the repository lies at a host of the partition", () => {
    const { repositoryUrl } = new Sender(applied, name, "api");
    expect(repositoryUrl).toMatch(/^123456789012\.dkr\.ecr\.cn-north-1\.amazonaws\.com\.cn\/(bus\/|rule\/)?api$/);
  });

  test.each(Object.keys(UPLOADS) as (keyof typeof UPLOADS)[])("a drop uploaded %s becomes the image", async (how) => {
    const sender = new Sender(applied, name, "api");
    const image = await sender.newImage();
    await sender.succeeded(await sender.upload(how, image));
    for (const tag of [image.gitHash, "staging"])
      await proveDrop(applied.clients, sender.repositoryUrl, image, tag, applied.environment.registry);
  });

  test("nothing was refused, and a second plan says that there is nothing to change", async () => {
    expect(applied.lines.filter((line) => line.includes("not authorized"))).toEqual([]);
    const { changes, summary } = await applied.pipeline(name).stack.plan();
    expect(summary).toMatch(/^No changes\./);
    expect(changes).toBe(false);
  });

  test("no ARN in the state is of another partition", async () => {
    const state = JSON.stringify(await applied.pipeline(name).stack.showState());
    expect(state).toContain("arn:aws-cn:");
    expect(state).not.toMatch(/arn:aws:/);
  });
});
