import type { IncomingMessage, ServerResponse } from "node:http";
import { ECRClient } from "@aws-sdk/client-ecr";
import { recentTags } from "../../core/registry/recent-tags";
import { LoopbackServer } from "../support/loopback";

interface Image {
  readonly imageTags?: readonly string[];
  readonly imagePushedAt: number;
}

/** DescribeImages, a page for each element. */
class Images extends LoopbackServer {
  pages: readonly (readonly Image[])[] = [];
  refusal: string | undefined;
  readonly requests: unknown[] = [];

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const input = JSON.parse(body) as { nextToken?: string };
    this.requests.push(input);
    const page = Number(input.nextToken ?? 0);
    const nextToken = page + 1 < this.pages.length ? String(page + 1) : undefined;
    const refusal = { __type: this.refusal, message: "not authorized to perform: ecr:DescribeImages" };
    response.writeHead(this.refusal === undefined ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify(this.refusal === undefined ? { imageDetails: this.pages[page], nextToken } : refusal));
  }
}

const OPTIONS = { registryId: "123456789012", repositoryName: "tomofun/web", most: 3 };

let images: Images;
let client: ECRClient;
beforeEach(async () => {
  images = await new Images().start();
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new ECRClient({ endpoint: images.endpoint, region: "us-east-1", credentials });
});
afterEach(async () => {
  client.destroy();
  await images.close();
});

test("are those of the images that were pushed last, one for each, the newest first", async () => {
  images.pages = [
    [
      { imageTags: ["a"], imagePushedAt: 1 },
      { imageTags: ["d", "staging"], imagePushedAt: 4 },
    ],
    [
      { imageTags: [`sha256-${"0".repeat(64)}.sig`], imagePushedAt: 5 },
      { imageTags: ["b"], imagePushedAt: 2 },
      { imagePushedAt: 6 },
      { imageTags: ["c"], imagePushedAt: 3 },
    ],
  ];
  expect(await recentTags(client, OPTIONS)).toEqual({ tags: ["d", "c", "b"] });
  const request = {
    registryId: "123456789012",
    repositoryName: "tomofun/web",
    filter: { tagStatus: "TAGGED" },
    maxResults: 1000,
  };
  expect(images.requests).toEqual([request, { ...request, nextToken: "1" }]);
});

test("of a repository without images are none", async () => {
  images.pages = [[]];
  expect(await recentTags(client, OPTIONS)).toEqual({ tags: [] });
});

test("are looked for on five pages at most", async () => {
  images.pages = Array.from({ length: 7 }, (_, page) => [{ imageTags: [`v${page}`], imagePushedAt: page }]);
  expect(await recentTags(client, OPTIONS)).toEqual({
    tags: ["v4", "v3", "v2"],
    reason: "tomofun/web has more than 5 images: newer ones may be among the rest",
  });
  expect(images.requests).toHaveLength(5);
});

test("are none where they are not granted, and that fails nothing", async () => {
  images.refusal = "AccessDeniedException";
  expect(await recentTags(client, OPTIONS)).toEqual({
    tags: [],
    reason:
      "the newest images of tomofun/web are not known: AccessDeniedException: not authorized to perform: ecr:DescribeImages",
  });
});
