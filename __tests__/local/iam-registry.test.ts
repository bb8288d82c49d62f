import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UndecidedError, UnsupportedPolicyError } from "../../local/iam/errors";
import { startRegistry, type Registry, type RegistryEvent } from "../../local/registry";
import { startEcr, type FakeEcr } from "../support/ecr";
import { denial, FakeIam } from "../support/fake-iam";
import { createClient, imageManifest, sha256, type RegistryClient } from "../support/registry-client";

const ROLE = "arn:aws:iam::123456789012:role/build";
const REPOSITORY = "team/api";
const RESOURCE = "arn:aws:ecr:us-east-1:123456789012:repository/team/api";
const LAYER = Buffer.from("a layer's bytes");
const CONFIG = Buffer.from('{"architecture":"amd64"}');
const TOKEN = Buffer.from(`AWS:password-of-${ROLE}`).toString("base64");

const iam = new FakeIam();
let directory: string;
let ecr: FakeEcr;
let registry: Registry;
let events: RegistryEvent[];
let build: RegistryClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "iam-registry-"));
  ecr = await startEcr();
  registry = await startRegistry({ endpoint: ecr.endpoint, directory, iam, onEvent: (event) => events.push(event) });
  build = createClient(registry, TOKEN);
  ecr.createRepository(REPOSITORY);
});
beforeEach(() => {
  iam.denied.clear();
  iam.asked.length = 0;
  events = [];
});
afterAll(async () => {
  await registry.close();
  await ecr.close();
  await rm(directory, { recursive: true });
});

const manifest = imageManifest(CONFIG, [LAYER]);
const blob = `/v2/${REPOSITORY}/blobs/${sha256(LAYER)}`;
const uploads = `/v2/${REPOSITORY}/blobs/uploads/`;
const tagged = `/v2/${REPOSITORY}/manifests/staging`;

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html */
test("each request takes the permission of its operation", async () => {
  await build.pushBlob(REPOSITORY, CONFIG);
  const { headers } = await build.send({ method: "POST", path: uploads });
  const upload = headers.location ?? "";
  await build.send({ method: "PATCH", path: upload, body: LAYER });
  await build.send({ method: "PUT", path: `${upload}?digest=${sha256(LAYER)}` });
  iam.asked.length = 0;

  const statuses: number[] = [];
  const second = (await build.send({ method: "POST", path: uploads })).headers.location ?? "";
  for (const [method, path, body] of [
    ["PATCH", second, LAYER],
    ["PUT", `${second}?digest=${sha256(LAYER)}`],
    ["HEAD", blob],
    ["GET", blob],
    ["PUT", tagged, manifest],
    ["HEAD", tagged],
    ["GET", tagged],
    ["GET", `/v2/${REPOSITORY}/tags/list`],
  ] as const) {
    const type = { "content-type": "application/vnd.oci.image.manifest.v1+json" };
    statuses.push((await build.send({ method, path, body, ...(body === manifest && { headers: type }) })).status);
  }

  expect(statuses.every((status) => status < 400)).toBe(true);
  expect(iam.asked).toStrictEqual(
    [
      "InitiateLayerUpload",
      "UploadLayerPart",
      "CompleteLayerUpload",
      "BatchCheckLayerAvailability",
      "GetDownloadUrlForLayer",
      "PutImage",
      "BatchGetImage",
      "BatchGetImage",
      "ListImages",
    ].map((operation) => ({ principal: { roleArn: ROLE }, action: `ecr:${operation}`, resource: RESOURCE })),
  );
});

test.each([
  ["POST", uploads, "ecr:InitiateLayerUpload"],
  ["GET", blob, "ecr:GetDownloadUrlForLayer"],
  ["PUT", tagged, "ecr:PutImage"],
  ["DELETE", tagged, "ecr:BatchDeleteImage"],
])("%s %s is refused without %s, in ECR's words", async (method, path, action) => {
  iam.denied.add(action);
  const { status, body } = await build.send({ method, path });
  const message = denial(action, RESOURCE);
  expect([status, JSON.parse(body.toString())]).toStrictEqual([403, { errors: [{ code: "DENIED", message }] }]);
  expect(events.filter(({ kind }) => kind !== "request")).toStrictEqual([{ kind: "refused", message }]);
});

test("nobody learns of a repository that they may not read", async () => {
  iam.denied.add("ecr:BatchGetImage");
  expect((await build.send({ path: "/v2/other/manifests/staging" })).status).toBe(403);
  iam.denied.clear();
  expect((await build.send({ path: "/v2/other/manifests/staging" })).status).toBe(404);
});

test("logging in takes no permission; a token that nobody handed out is none", async () => {
  expect((await build.send({ path: "/v2/" })).status).toBe(200);
  const stranger = createClient(registry, Buffer.from("AWS:guessed").toString("base64"));
  expect((await stranger.send({ path: "/v2/" })).status).toBe(401);
  expect(iam.asked).toHaveLength(0);
});

test("the tokens of ECR's own API stay unrestricted", async () => {
  iam.denied.add("ecr:BatchCheckLayerAvailability");
  expect((await createClient(registry, ecr.token()).send({ method: "HEAD", path: blob })).status).toBe(200);
  expect(iam.asked).toHaveLength(0);
});

test("a policy that is not understood lets nobody in, and nobody is to try again", async () => {
  const cause = new UnsupportedPolicyError("policy p", "S", "NotAction", "is there");
  const error = new UndecidedError("User: role", "ecr:BatchCheckLayerAvailability", RESOURCE, cause);
  jest.spyOn(iam, "authorize").mockRejectedValueOnce(error);
  expect((await build.send({ method: "HEAD", path: blob })).status).toBe(403);
  expect(events.filter(({ kind }) => kind !== "request")).toStrictEqual([{ kind: "refused", message: error.message }]);
});
