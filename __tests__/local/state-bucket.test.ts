import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ensureStateBucket } from "../../local/terraform/state-bucket";

const credentials = { accessKeyId: "test", secretAccessKey: "test" };
let server: Server;
let endpoint: string;
let requests: string[];
/** What the endpoint answers to CreateBucket. */
let creation: { status: number; code: string };

beforeEach(async () => {
  requests = [];
  creation = { status: 200, code: "" };
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      requests.push(
        `${String(request.method)} ${String(request.url)} ${body.replace(/<\?xml.*?\?>| xmlns="[^"]*"/g, "")}`.trim(),
      );
      const isCreation = !String(request.url).includes("versioning");
      if (!isCreation || creation.status === 200) response.end();
      else response.writeHead(creation.status).end(`<Error><Code>${creation.code}</Code><Message>no</Message></Error>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

test("the bucket is made and versioned", async () => {
  await ensureStateBucket({ endpoint, bucket: "state", region: "us-east-1", credentials });
  expect(requests).toEqual(["PUT /state/", `PUT /state/?versioning= ${versioning}`]);
});

test("outside us-east-1 the region is named", async () => {
  await ensureStateBucket({ endpoint, bucket: "state", region: "cn-north-1", credentials });
  expect(requests[0]).toBe(
    "PUT /state/ <CreateBucketConfiguration><LocationConstraint>cn-north-1</LocationConstraint></CreateBucketConfiguration>",
  );
});

test("a bucket that is already ours is kept, and versioned", async () => {
  creation = { status: 409, code: "BucketAlreadyOwnedByYou" };
  await ensureStateBucket({ endpoint, bucket: "state", region: "eu-west-1", credentials });
  expect(requests).toHaveLength(2);
  expect(requests[1]).toBe(`PUT /state/?versioning= ${versioning}`);
});

test("a bucket of somebody else's is not touched", async () => {
  creation = { status: 409, code: "BucketAlreadyExists" };
  await expect(
    ensureStateBucket({ endpoint, bucket: "state", region: "eu-west-1", credentials }),
  ).rejects.toMatchObject({
    name: "BucketAlreadyExists",
  });
  expect(requests).toHaveLength(1);
});
