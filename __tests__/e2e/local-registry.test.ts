import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpsProxyAgent } from "https-proxy-agent";
import { startRegistry, type Registry, type RegistryEvent, type RegistryOptions } from "../../local/registry";
import { startDockerRegistry } from "../../local/registry/docker-registry";
import { REGISTRY_HOST, startEcr, type FakeEcr, type FakeRepository } from "../support/ecr";
import {
  createClient,
  imageManifest,
  OCI_INDEX,
  OCI_MANIFEST,
  sha256,
  type ClientAnswer,
  type RegistryClient,
} from "../support/registry-client";
import { requires } from "../support/requires";
import { until } from "../support/until";

type Storage = "embedded" | "docker-registry";
const storages: Storage[] = ["embedded"];
if (requires("docker-registry", "apt-get install docker-registry")) storages.push("docker-registry");

const REPOSITORY = "tomofun/test-jessie";
const LAYER = Buffer.from("a layer's bytes");
const CONFIG = Buffer.from('{"architecture":"amd64"}');
const LAYER_HOST = "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com";

function error({ body }: ClientAnswer): { code: string; message: string } {
  return (JSON.parse(body.toString()) as { errors: [{ code: string; message: string }] }).errors[0];
}

function firstError(answer: ClientAnswer): { status: number; code: string; message: string } {
  const { code, message } = error(answer);
  return { status: answer.status, code, message };
}

describe.each(storages)("the registry on %s storage", (storage) => {
  let directory: string;
  let ecr: FakeEcr;
  let store: { readonly url: string; close(): Promise<void> } | undefined;
  let registry: Registry;
  let client: RegistryClient;
  let events: RegistryEvent[];
  let repository: FakeRepository;

  const options = (): RegistryOptions => ({
    endpoint: ecr.endpoint,
    directory: join(directory, "registry"),
    ...(store ? { storage: store } : {}),
    onEvent: (event) => events.push(event),
  });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "registry-"));
    ecr = await startEcr();
    store =
      storage === "docker-registry" ? await startDockerRegistry({ directory: join(directory, "store") }) : undefined;
    registry = await startRegistry(options());
    client = createClient(registry, ecr.token());
  });

  beforeEach(() => {
    events = [];
    repository = ecr.createRepository(REPOSITORY);
  });

  afterEach(() => {
    ecr.deleteAll();
    expect(events.filter((event) => event.kind === "failed")).toEqual([]);
  });

  afterAll(async () => {
    await registry.close();
    await store?.close();
    await ecr.close();
    await rm(directory, { recursive: true });
  });

  /** Pushes config and layer and tags the image; the text makes it another image. */
  const push = async (tag: string, text = ""): Promise<{ digest: string; answer: ClientAnswer }> => {
    const config = Buffer.concat([CONFIG, Buffer.from(text)]);
    await client.pushBlob(REPOSITORY, config);
    await client.pushBlob(REPOSITORY, LAYER);
    const manifest = imageManifest(config, [LAYER]);
    return { digest: sha256(manifest), answer: await client.putManifest(REPOSITORY, tag, manifest) };
  };
  const digestOf = async (tag: string): Promise<string | undefined> =>
    (await client.send({ method: "HEAD", path: `/v2/${REPOSITORY}/manifests/${tag}` })).headers[
      "docker-content-digest"
    ] as string | undefined;
  const blob = (digest: string): string => `/v2/${REPOSITORY}/blobs/${digest}`;

  describe("authentication", () => {
    test.each([
      ["no credentials", ""],
      ["a wrong password", `Basic ${Buffer.from("AWS:wrong").toString("base64")}`],
      ["another account's token", `Basic ${Buffer.from("AWS:210987654321-auth-token").toString("base64")}`],
      ["a bearer token", "Bearer abc"],
    ])("%s: 401 with ECR's challenge", async (_case, authorization) => {
      const answer = await client.send({ path: "/v2/", headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toBe(
        `Basic realm="https://${REGISTRY_HOST}/",service="ecr.amazonaws.com"`,
      );
      expect(answer.headers["docker-distribution-api-version"]).toBe("registry/2.0");
      expect(answer.body.toString()).toBe("Not Authorized\n");
    });

    test("the account's token of the control plane: 200", async () => {
      expect((await client.send({ path: "/v2/" })).status).toBe(200);
    });

    test("a refused upload ends although nobody reads its body", async () => {
      const body = Buffer.alloc(3_000_000);
      const path = `/v2/${REPOSITORY}/blobs/uploads/00000000-0000-0000-0000-000000000000`;
      const answer = await client.send({ method: "PATCH", path, headers: { authorization: "" }, body });
      expect(answer.status).toBe(401);
    });
  });

  describe("repositories", () => {
    test.each([
      ["GET", "manifests/staging"],
      ["POST", "blobs/uploads/"],
      ["GET", "tags/list"],
    ])("%s %s of a repository that does not exist: NAME_UNKNOWN in ECR's words", async (method, path) => {
      const answer = await client.send({ method, path: `/v2/tomofun/nobody/${path}` });
      expect(firstError(answer)).toEqual({
        status: 404,
        code: "NAME_UNKNOWN",
        message: "The repository with name 'tomofun/nobody' does not exist in the registry with id '123456789012'",
      });
    });

    test("one repository does not see another's blobs", async () => {
      ecr.createRepository("tomofun/other");
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const here = await client.send({ method: "HEAD", path: blob(digest) });
      const there = await client.send({ method: "HEAD", path: `/v2/tomofun/other/blobs/${digest}` });
      expect([here.status, there.status]).toEqual([200, 404]);
    });

    test("account, region and partition come from the host name", async () => {
      const host = "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn";
      const elsewhere = createClient(registry, ecr.token("210987654321"));
      const refused = await elsewhere.send({ method: "POST", host, path: `/v2/${REPOSITORY}/blobs/uploads/` });
      expect(error(refused).message).toBe(
        `The repository with name '${REPOSITORY}' does not exist in the registry with id '210987654321'`,
      );
      ecr.createRepository(REPOSITORY, { account: "210987654321", region: "cn-north-1" });
      const digest = await elsewhere.pushBlob(REPOSITORY, LAYER, host);
      const link = await elsewhere.send({ host, path: blob(digest) });
      expect(new URL(link.headers.location!).host).toBe(
        "prod-cn-north-1-starport-layer-bucket.s3.cn-north-1.amazonaws.com.cn",
      );
      expect((await client.send({ method: "HEAD", path: blob(digest) })).status).toBe(404);
    });

    test("a repository that was deleted and made again is empty", async () => {
      const { digest } = await push("abc1234");
      expect(await digestOf("abc1234")).toBe(digest);
      ecr.deleteAll();
      ecr.createRepository(REPOSITORY);
      expect(await digestOf("abc1234")).toBeUndefined();
    });
  });

  describe("blobs", () => {
    const startUpload = async (): Promise<string> => {
      const answer = await client.send({ method: "POST", path: `/v2/${REPOSITORY}/blobs/uploads/` });
      expect(answer.status).toBe(202);
      return answer.headers.location!;
    };
    const withDigest = (location: string, digest: string): string => {
      const url = new URL(location);
      url.searchParams.set("digest", digest);
      return url.href;
    };

    test("unknown before, known after a push in one piece", async () => {
      const before = await client.send({ method: "HEAD", path: blob(sha256(LAYER)) });
      expect(before.status).toBe(404);
      const location = await startUpload();
      expect(location).toMatch(new RegExp(`^https://${REGISTRY_HOST}/v2/${REPOSITORY}/blobs/uploads/[0-9a-f-]{36}`));
      const finished = await client.send({ method: "PUT", path: withDigest(location, sha256(LAYER)), body: LAYER });
      expect(finished.status).toBe(201);
      expect(finished.headers["docker-content-digest"]).toBe(sha256(LAYER));
      expect(finished.headers.location).toBe(`https://${REGISTRY_HOST}${blob(sha256(LAYER))}`);
      const after = await client.send({ method: "HEAD", path: blob(sha256(LAYER)) });
      expect(after.status).toBe(200);
      expect(after.headers["content-length"]).toBe(String(LAYER.length));
    });

    test("bytes of another digest are refused and leave nothing", async () => {
      const other = sha256(CONFIG);
      const answer = await client.send({ method: "PUT", path: withDigest(await startUpload(), other), body: LAYER });
      expect(answer.status).toBe(400);
      expect(error(answer).code).toBe("DIGEST_INVALID");
      for (const digest of [other, sha256(LAYER)]) {
        expect((await client.send({ method: "HEAD", path: blob(digest) })).status).toBe(404);
      }
    });

    test("chunks: 201 as ECR answers, and the first chunk's range for every one", async () => {
      const first = await client.send({ method: "PATCH", path: await startUpload(), body: LAYER.subarray(0, 5) });
      expect([first.status, first.headers.range]).toEqual([201, "0-4"]);
      const second = await client.send({ method: "PATCH", path: first.headers.location!, body: LAYER.subarray(5) });
      expect([second.status, second.headers.range]).toEqual([201, "0-4"]);
      const path = withDigest(second.headers.location!, sha256(LAYER));
      expect((await client.send({ method: "PUT", path })).status).toBe(201);
      const after = await client.send({ method: "HEAD", path: blob(sha256(LAYER)) });
      expect(after.headers["content-length"]).toBe(String(LAYER.length));
    });

    test("how far an upload is cannot be asked", async () => {
      expect((await client.send({ path: await startUpload() })).status).toBe(404);
    });

    test("an upload that nobody started is unknown", async () => {
      const path = `/v2/${REPOSITORY}/blobs/uploads/00000000-0000-0000-0000-000000000000`;
      expect((await client.send({ method: "PATCH", path, body: LAYER })).status).toBe(404);
    });

    test("a GET leads to the layer host by a link that carries its own authority", async () => {
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const answer = await client.send({ path: blob(digest) });
      expect(answer.status).toBe(307);
      expect(answer.body).toHaveLength(0);
      const link = new URL(answer.headers.location!);
      expect(link.host).toBe(LAYER_HOST);
      expect(link.searchParams.get("X-Amz-Expires")).toBe("3600");

      const content = await client.send({ path: link.href, headers: { authorization: "" } });
      expect([content.status, content.body]).toEqual([200, LAYER]);
      const part = await client.send({ path: link.href, headers: { authorization: "", range: "bytes=2-6" } });
      expect([part.status, part.body.toString()]).toEqual([206, "layer"]);
      expect(part.headers["content-range"]).toBe(`bytes 2-6/${LAYER.length}`);
    });

    test("the layer host refuses a link with credentials beside it, as S3 does", async () => {
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const link = (await client.send({ path: blob(digest) })).headers.location!;
      const answer = await client.send({ path: link });
      expect(answer.status).toBe(400);
      expect(answer.body.toString()).toContain(
        "<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
          "Signature query string parameter or the Authorization header should be specified</Message>",
      );
    });

    test("the layer host refuses a link to anything else than what was signed", async () => {
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const other = await client.pushBlob(REPOSITORY, CONFIG);
      const link = (await client.send({ path: blob(digest) })).headers.location!;
      const answer = await client.send({ path: link.replace(digest, other), headers: { authorization: "" } });
      expect(answer.status).toBe(403);
      expect(answer.body.toString()).toContain("SignatureDoesNotMatch");
    });

    test("a GET of an unknown blob: BLOB_UNKNOWN, no redirect", async () => {
      const answer = await client.send({ path: blob(sha256(LAYER)) });
      expect(answer.status).toBe(404);
      expect(answer.headers.location).toBeUndefined();
    });

    test("mounting is off as on a new account: 202, an ordinary upload", async () => {
      ecr.createRepository("tomofun/other");
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const path = `/v2/tomofun/other/blobs/uploads/?mount=${digest}&from=${REPOSITORY}`;
      const answer = await client.send({ method: "POST", path });
      expect(answer.status).toBe(202);
      expect((await client.send({ method: "HEAD", path: `/v2/tomofun/other/blobs/${digest}` })).status).toBe(404);
    });

    test("with BLOB_MOUNTING on a known blob is mounted: 201; an unknown one is not: 202", async () => {
      const mounting = await startRegistry({
        ...options(),
        directory: join(directory, "mounting"),
        blobMounting: true,
      });
      const client = createClient(mounting, ecr.token());
      ecr.createRepository("tomofun/other");
      const digest = await client.pushBlob(REPOSITORY, LAYER);
      const mount = (what: string): Promise<ClientAnswer> =>
        client.send({ method: "POST", path: `/v2/tomofun/other/blobs/uploads/?mount=${what}&from=${REPOSITORY}` });
      const mounted = await mount(digest);
      expect(mounted.status).toBe(201);
      expect(mounted.headers.location).toBe(`https://${REGISTRY_HOST}/v2/tomofun/other/blobs/${digest}`);
      expect((await client.send({ method: "HEAD", path: `/v2/tomofun/other/blobs/${digest}` })).status).toBe(200);
      expect((await mount(sha256(CONFIG))).status).toBe(202);
      await mounting.close();
    });
  });

  describe("manifests", () => {
    test("pushed under a tag, read by tag and by digest, listed, told to the control plane", async () => {
      const { digest, answer } = await push("abc1234");
      expect([answer.status, answer.headers["docker-content-digest"]]).toEqual([201, digest]);
      expect(answer.headers.location).toBeUndefined();

      for (const reference of ["abc1234", digest]) {
        const headers = { accept: OCI_MANIFEST };
        const read = await client.send({ path: `/v2/${REPOSITORY}/manifests/${reference}`, headers });
        expect([read.status, read.headers["content-type"], sha256(read.body)]).toEqual([200, OCI_MANIFEST, digest]);
        expect(read.headers["docker-content-digest"]).toBe(digest);
      }
      const tags = await client.send({ path: `/v2/${REPOSITORY}/tags/list` });
      expect((JSON.parse(tags.body.toString()) as { tags: string[] }).tags).toEqual(["abc1234"]);
      expect(repository.images).toEqual([
        { imageTag: "abc1234", imageDigest: digest, imageManifestMediaType: OCI_MANIFEST },
      ]);
    });

    test("an unknown one: MANIFEST_UNKNOWN", async () => {
      const answer = await client.send({ path: `/v2/${REPOSITORY}/manifests/staging` });
      expect([answer.status, error(answer).code]).toEqual([404, "MANIFEST_UNKNOWN"]);
    });

    test("one whose blobs are missing is refused with the missing digests, and nothing is tagged", async () => {
      await client.pushBlob(REPOSITORY, CONFIG);
      const answer = await client.putManifest(REPOSITORY, "abc1234", imageManifest(CONFIG, [LAYER]));
      expect(firstError(answer)).toEqual({
        status: 400,
        code: "MANIFEST_BLOB_UNKNOWN",
        message:
          `Layers with digests '[${sha256(LAYER)}]' required for pushing image into repository with name ` +
          `'${REPOSITORY}' in the registry with id '123456789012' do not exist`,
      });
      expect(await digestOf("abc1234")).toBeUndefined();
    });

    test("an index needs its images first", async () => {
      const child = imageManifest(CONFIG, [LAYER]);
      const descriptor = { mediaType: OCI_MANIFEST, digest: sha256(child), size: child.length };
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor] }));
      const early = await client.putManifest(REPOSITORY, "multi", index, OCI_INDEX);
      expect(firstError(early)).toEqual({
        status: 400,
        code: "MANIFEST_BLOB_UNKNOWN",
        message:
          `Images with digests '[${sha256(child)}]' required for pushing image into repository with name ` +
          `'${REPOSITORY}' in the registry with id '123456789012' do not exist`,
      });
      await push(sha256(child));
      expect((await client.putManifest(REPOSITORY, "multi", index, OCI_INDEX)).status).toBe(201);
      expect(await digestOf("multi")).toBe(sha256(index));
    });

    test("a digest that is not the content's is refused", async () => {
      const answer = (await push(sha256(LAYER))).answer;
      expect([answer.status, error(answer).code]).toEqual([400, "DIGEST_INVALID"]);
    });

    test.each([
      ["not JSON", "{", OCI_MANIFEST, "Invalid JSON syntax"],
      ["no object", "null", OCI_MANIFEST, "not a JSON object"],
      ["an unknown type", "{}", "text/plain", "unsupported media type 'text/plain'"],
      ["no layers", '{"config":{}}', OCI_MANIFEST, "a list of descriptors is missing"],
      ["two types", `{"mediaType":"x"}`, OCI_MANIFEST, `its media type is '"x"', the request's is '${OCI_MANIFEST}'`],
      [
        "no digest",
        '{"config":{"digest":"md5:1"},"layers":[]}',
        OCI_MANIFEST,
        'a descriptor has no sha256 digest: {"digest":"md5:1"}',
      ],
    ])("%s: MANIFEST_INVALID", async (_case, content, mediaType, reason) => {
      const answer = await client.putManifest(REPOSITORY, "abc1234", Buffer.from(content), mediaType);
      expect(firstError(answer)).toEqual({
        status: 400,
        code: "MANIFEST_INVALID",
        message: `Invalid parameter at 'ImageManifest': ${reason}`,
      });
    });

    test("4 MiB is the largest", async () => {
      for (const content of [CONFIG, LAYER]) await client.pushBlob(REPOSITORY, content);
      const padded = (bytes: number): Buffer => {
        const manifest = imageManifest(CONFIG, [LAYER]);
        return Buffer.concat([manifest, Buffer.alloc(bytes - manifest.length, " ")]);
      };
      expect((await client.putManifest(REPOSITORY, "largest", padded(4_194_304))).status).toBe(201);
      const answer = await client.putManifest(REPOSITORY, "larger", padded(4_194_305));
      expect(firstError(answer)).toEqual({
        status: 413,
        code: "SIZE_INVALID",
        message: "The image manifest is larger than 4194304 bytes",
      });
    });

    test("500 layers are the most", async () => {
      for (const content of [CONFIG, LAYER]) await client.pushBlob(REPOSITORY, content);
      const layered = (count: number): Buffer => imageManifest(CONFIG, Array<Buffer>(count).fill(LAYER));
      expect((await client.putManifest(REPOSITORY, "highest", layered(500))).status).toBe(201);
      const answer = await client.putManifest(REPOSITORY, "higher", layered(501));
      expect(firstError(answer)).toEqual({
        status: 405,
        code: "UNSUPPORTED",
        message:
          "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Limit on number of layers per image exceeded'",
      });
    });

    test("deleted by digest, tags and all", async () => {
      const { digest } = await push("abc1234");
      const path = `/v2/${REPOSITORY}/manifests/${digest}`;
      expect((await client.send({ method: "DELETE", path })).status).toBe(202);
      expect(await digestOf("abc1234")).toBeUndefined();
      expect((await client.send({ path })).status).toBe(404);
    });
  });

  describe("tag mutability, as the control plane has it at the moment of the push", () => {
    const refusal = (tag: string): unknown => ({
      status: 400,
      code: "TAG_INVALID",
      message: `The image tag '${tag}' already exists in the '${REPOSITORY}' repository and cannot be overwritten because the repository is immutable.`,
    });

    test("mutable: a tag moves", async () => {
      await push("staging", " ");
      const { digest } = await push("staging");
      expect(await digestOf("staging")).toBe(digest);
    });

    test("changed to immutable by API: no tag moves any more, not even to where it is; new tags and digests go", async () => {
      const { digest } = await push("staging");
      repository.imageTagMutability = "IMMUTABLE";
      expect(firstError((await push("staging", " ")).answer)).toEqual(refusal("staging"));
      expect(firstError((await push("staging")).answer)).toEqual(refusal("staging"));
      expect(await digestOf("staging")).toBe(digest);
      expect((await push("abc1234", " ")).answer.status).toBe(201);
      expect((await push(digest)).answer.status).toBe(201);
      repository.imageTagMutability = "MUTABLE";
      expect((await push("staging", " ")).answer.status).toBe(201);
    });

    test.each([
      ["IMMUTABLE_WITH_EXCLUSION", "staging", 201],
      ["IMMUTABLE_WITH_EXCLUSION", "staging-eu", 201],
      ["IMMUTABLE_WITH_EXCLUSION", "abc1234", 400],
      ["IMMUTABLE_WITH_EXCLUSION", "my-staging", 400],
      ["MUTABLE_WITH_EXCLUSION", "staging", 400],
      ["MUTABLE_WITH_EXCLUSION", "abc1234", 201],
    ])("%s of staging*: pushing %s again answers %i", async (mutability, tag, status) => {
      repository.imageTagMutability = mutability;
      repository.imageTagMutabilityExclusionFilters = [{ filterType: "WILDCARD", filter: "staging*" }];
      await push(tag);
      expect((await push(tag, " ")).answer.status).toBe(status);
    });

    test("of many who push one new tag into an immutable repository exactly one wins", async () => {
      repository.imageTagMutability = "IMMUTABLE";
      const pushes = await Promise.all(["", " ", "  ", "   "].map((text) => push("abc1234", text)));
      const winners = pushes.filter(({ answer }) => answer.status === 201);
      expect(pushes.map(({ answer }) => answer.status).sort()).toEqual([201, 400, 400, 400]);
      expect(await digestOf("abc1234")).toBe(winners[0]!.digest);
    });
  });

  test("every request is on record with the bytes it moved", async () => {
    const digest = await client.pushBlob(REPOSITORY, LAYER);
    const link = (await client.send({ path: blob(digest) })).headers.location!;
    await client.send({ path: link, headers: { authorization: "" } });
    // The client has the last byte before the registry knows that it has sent it.
    await until("the last answer is sent", () => events.length === 4);
    const seen = registry.requests.slice(-4).map(({ method, host, path, status, bytesIn, bytesOut, complete }) => ({
      request: `${method} ${host}${path.replace(/[0-9a-f]{8}-[^?]*|\?.*|\/123456789012\/us-east-1\/[0-9]+/g, "")}`,
      status,
      bytesIn,
      bytesOut,
      complete,
    }));
    const whole = { bytesIn: 0, bytesOut: 0, complete: true };
    expect(seen).toEqual([
      { ...whole, request: `POST ${REGISTRY_HOST}/v2/${REPOSITORY}/blobs/uploads/`, status: 202 },
      { ...whole, request: `PUT ${REGISTRY_HOST}/v2/${REPOSITORY}/blobs/uploads/`, status: 201, bytesIn: LAYER.length },
      { ...whole, request: `GET ${REGISTRY_HOST}${blob(digest)}`, status: 307 },
      { ...whole, request: `GET ${LAYER_HOST}${blob(digest)}`, status: 200, bytesOut: LAYER.length },
    ]);
    expect(events.map((event) => event.kind)).toEqual(["request", "request", "request", "request"]);
  });

  test("a client that leaves in the middle of an upload is on record, and is no failure of the registry", async () => {
    const started = await client.send({ method: "POST", path: `/v2/${REPOSITORY}/blobs/uploads/` });
    const outgoing = request(started.headers.location!, {
      method: "PATCH",
      ca: await readFile(registry.caFile),
      agent: new HttpsProxyAgent(registry.proxyUrl),
      headers: { authorization: `Basic ${ecr.token()}`, "content-length": 1_000_000 },
    });
    outgoing.on("error", () => undefined);
    await new Promise((flushed) => outgoing.write(LAYER, flushed));
    outgoing.destroy();
    await until("the upload is on record", () => events.length === 2);
    expect(registry.requests.at(-1)).toMatchObject({ method: "PATCH", status: 500, complete: false });
  });

  test("what is no address of the API: UNSUPPORTED", async () => {
    const answer = await client.send({ method: "POST", path: "/v2/_nothing" });
    expect(firstError(answer)).toEqual({
      status: 405,
      code: "UNSUPPORTED",
      message: "POST /v2/_nothing is not part of the registry's API",
    });
  });
});
