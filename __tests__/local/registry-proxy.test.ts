import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpsProxyAgent } from "https-proxy-agent";
import { startRegistry, type Registry, type RegistryEvent } from "../../local/registry";
import { layerHost, parseHost } from "../../local/registry/hosts";
import { parseRange } from "../../local/registry/range";
import { createLinkSigner } from "../../local/registry/signed-url";
import { REGISTRY_HOST, startEcr, type FakeEcr } from "../support/ecr";

let directory: string;
let ecr: FakeEcr;
let registry: Registry;
let events: RegistryEvent[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "registry-proxy-"));
  ecr = await startEcr();
  registry = await startRegistry({ endpoint: ecr.endpoint, directory, onEvent: (event) => events.push(event) });
});

beforeEach(() => {
  events = [];
});

afterAll(async () => {
  await registry.close();
  await ecr.close();
  await rm(directory, { recursive: true });
});

/** Sends a CONNECT and answers what comes back before any tunnelled byte. */
function tunnel(target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(registry.proxyUrl).port), "127.0.0.1");
    socket.setEncoding("utf8");
    socket.once("error", reject);
    socket.once("data", (answer: string) => {
      socket.destroy();
      resolve(answer);
    });
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  });
}

const remedy =
  "it leads to ECR hosts (<account>.dkr.ecr.<region>.amazonaws.com[.cn] and their layer buckets) on port 443 and to " +
  "loopback only; add the host to NO_PROXY to go there directly";

test.each([
  "example.com:443",
  "registry-1.docker.io:443",
  `${REGISTRY_HOST}:80`,
  `${REGISTRY_HOST}.example.com:443`,
  "12345.dkr.ecr.us-east-1.amazonaws.com:443",
  "10.0.0.1:443",
  "127.0.0.1.example.com:443",
  "nonsense",
])("a tunnel to %s is refused, and says why", async (target) => {
  const message = `the local proxy refuses CONNECT ${target}: ${remedy}`;
  const answer = await tunnel(target);
  expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  expect(answer.split("\r\n\r\n")[1]).toBe(`${message}\n`);
  expect(events).toEqual([{ kind: "refused", message }]);
});

test("a plain request through the proxy is refused", async () => {
  const { port } = new URL(registry.proxyUrl);
  const status = await new Promise((resolve, reject) => {
    httpRequest({ port, path: "http://example.com/" }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end();
  });
  expect(status).toBe(403);
  expect(events).toEqual([{ kind: "refused", message: `the local proxy refuses GET http://example.com/: ${remedy}` }]);
});

test("a tunnel to loopback passes", async () => {
  const server = createServer((_request, response) => response.end("from loopback"));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const agent = new HttpsProxyAgent(registry.proxyUrl);
  const { port } = server.address() as AddressInfo;
  const body = await new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, agent }, (response) => {
      response.setEncoding("utf8").once("data", resolve);
    })
      .once("error", reject)
      .end();
  });
  expect(body).toBe("from loopback");
  expect(events).toEqual([]);
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

test("a tunnel to a closed loopback port: 502", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  expect(await tunnel(`127.0.0.1:${port}`)).toMatch(/^HTTP\/1\.1 502 /);
});

describe("certificates", () => {
  const handshake = (host: string, ca?: Buffer): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      httpsRequest({ host, path: "/v2/", ca, agent: new HttpsProxyAgent(registry.proxyUrl) }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once("error", reject)
        .end();
    });

  test.each([REGISTRY_HOST, "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn", layerHost("us-gov-west-1")])(
    "%s has one by the authority of caFile",
    async (host) => {
      await expect(handshake(host, await readFile(registry.caFile))).resolves.toBeGreaterThan(200);
    },
  );

  test("nobody else vouches for it", async () => {
    await expect(handshake(REGISTRY_HOST)).rejects.toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  });
});

test.each([
  [REGISTRY_HOST, { kind: "registry", host: REGISTRY_HOST, account: "123456789012", region: "us-east-1" }],
  [layerHost("us-east-1"), { kind: "layers", host: layerHost("us-east-1"), region: "us-east-1" }],
  ["prod-us-east-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com", undefined],
  ["s3.us-east-1.amazonaws.com", undefined],
  ["", undefined],
])("the host %s", (host, expected) => {
  expect(parseHost(host)).toEqual(expected);
});

test("China's layer host ends in .cn", () => {
  expect(layerHost("cn-northwest-1")).toBe(
    "prod-cn-northwest-1-starport-layer-bucket.s3.cn-northwest-1.amazonaws.com.cn",
  );
});

describe("links to layers", () => {
  const path = "/v2/app/blobs/sha256:0";

  test.each([
    ["at once", 0, undefined],
    ["after an hour", 3_600_000, undefined],
    ["a second later", 3_601_000, "Request has expired"],
  ])("%s: %s ms", (_case, elapsed, refusal) => {
    let now = Date.UTC(2030, 0, 2, 3, 4, 5);
    const signer = createLinkSigner(() => now);
    const link = new URL(signer.sign("layers.example", path));
    expect(link.searchParams.get("X-Amz-Date")).toBe("20300102T030405Z");
    now += elapsed;
    expect(signer.refusal("layers.example", path, link.searchParams)).toBe(refusal);
  });

  test.each([
    ["another host", "other.example", path],
    ["another path", "layers.example", "/v2/app/blobs/sha256:1"],
  ])("%s is refused", (_case, host, asked) => {
    const signer = createLinkSigner();
    const link = new URL(signer.sign("layers.example", path));
    expect(signer.refusal(host, asked, link.searchParams)).toBe("SignatureDoesNotMatch");
  });

  test("a later date than the signed one is refused", () => {
    const signer = createLinkSigner();
    const link = new URL(signer.sign("layers.example", path));
    link.searchParams.set("X-Amz-Date", "20990101T000000Z");
    expect(signer.refusal("layers.example", path, link.searchParams)).toBe("SignatureDoesNotMatch");
  });
});

test.each([
  [undefined, 10, undefined],
  ["bytes=0-0", 10, { start: 0, end: 0 }],
  ["bytes=2-", 10, { start: 2, end: 9 }],
  ["bytes=2-99", 10, { start: 2, end: 9 }],
  ["bytes=-3", 10, { start: 7, end: 9 }],
  ["bytes=-30", 10, { start: 0, end: 9 }],
  ["bytes=9-9", 10, { start: 9, end: 9 }],
  ["bytes=10-", 10, "unsatisfiable"],
  ["bytes=-0", 10, "unsatisfiable"],
  ["bytes=0-", 0, "unsatisfiable"],
  ["bytes=5-2", 10, undefined],
  ["bytes=0-1,3-4", 10, undefined],
  ["items=0-1", 10, undefined],
  ["bytes=-", 10, undefined],
])("the range %s of %i bytes", (header, size, expected) => {
  expect(parseRange(header, size)).toEqual(expected);
});
