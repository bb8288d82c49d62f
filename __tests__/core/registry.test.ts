import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../core/digest";
import type { Credentials } from "../../core/registry/credentials";
import { registryRegion, registryUrl } from "../../core/registry/host";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";

const NAME = "tomofun/web";
const BASE = `/v2/${NAME}`;
const MANIFEST = { mediaType: MEDIA_TYPES.dockerManifest, bytes: Buffer.from('{"schemaVersion":2}') };
const MEGABYTE = 1024 * 1024;

let directory: string;
let registry: PlainRegistry;
let host: string;
let repository: Repository;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "registry-"));
  registry = await startPlainRegistry(directory);
  host = registry.url.host;
  repository = connect();
});
afterEach(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

function connect(credentials?: Credentials): Repository {
  const retry = { attempts: 3, baseDelay: 1, maxDelay: 50 };
  return new Repository({ registry: registry.url, name: NAME, credentials, retry });
}

function answer(response: ServerResponse, status: number, code: string, message: string, headers = {}): true {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
  return true;
}

describe("manifests", () => {
  test("are read back by tag, with digest and media type", async () => {
    expect(await repository.manifest("0123abc")).toBeUndefined();
    await repository.putManifest("0123abc", MANIFEST);
    expect(await repository.manifest("0123abc")).toEqual({ ...MANIFEST, digest: sha256(MANIFEST.bytes) });
    expect(registry.requests).toEqual([
      `GET ${BASE}/manifests/0123abc`,
      `PUT ${BASE}/manifests/0123abc`,
      `GET ${BASE}/manifests/0123abc`,
    ]);
  });
});

describe("blobs", () => {
  test("whose bytes are not what they are named are refused", async () => {
    const digest = sha256(Buffer.from("right"));
    registry.intercept = (_request, response) => {
      response.end("wrong");
      return true;
    };
    await expect(repository.blob(digest)).rejects.toThrow(
      `reading ${digest} of ${host}/tomofun/web: found bytes with the digest ${sha256(Buffer.from("wrong"))}, expected ${digest}; ` +
        "look at the registry, or at the proxy in front of it",
    );
  });
});

describe("redirects", () => {
  test("lead to another host without the credentials", async () => {
    const bytes = Buffer.from("config");
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end(bytes);
    });
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    registry.intercept = (request, response) => {
      seen.push(request.headers.authorization);
      const location =
        request.url === "/moved" ? `http://127.0.0.1:${(other.address() as AddressInfo).port}/signed` : "/moved";
      response.writeHead(307, { location }).end();
      return true;
    };
    const credentials = { authorization: () => Promise.resolve("Basic abc"), renew: () => undefined };
    expect((await connect(credentials).blob(sha256(bytes))).equals(bytes)).toBe(true);
    expect(seen).toEqual(["Basic abc", "Basic abc", undefined]);
    await new Promise((done) => {
      other.close(done);
      other.closeAllConnections();
    });
  });

  test("end after five", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(302, { location: "/again" }).end();
      return true;
    };
    await expect(repository.manifest("a")).rejects.toThrow(
      `reading the manifest of ${host}/tomofun/web:a: found 5 redirects, expected an answer; look at the registry, or at the proxy in front of it`,
    );
    expect(registry.requests).toHaveLength(6);
  });

  test("of a HEAD say that the blob is there", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(307, { location: "http://nowhere.invalid/" }).end();
      return true;
    };
    expect(await repository.hasBlob(sha256(Buffer.from("x")))).toBe(true);
  });
});

describe("tokens", () => {
  function tokens(): Credentials & { readonly renewed: string[] } {
    const renewed: string[] = [];
    return {
      renewed,
      authorization: () => Promise.resolve(`Basic ${renewed.length}`),
      renew: (stale) => renewed.push(stale),
    };
  }

  test.each([
    ["401", 401, "UNAUTHORIZED", "authentication required"],
    ["ECR's 403", 403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."],
  ])("that ran out are renewed once (%s)", async (_form, status, code, message) => {
    const credentials = tokens();
    registry.intercept = (request, response) =>
      request.headers.authorization === "Basic 0" && answer(response, status, code, message);
    await connect(credentials).putManifest("0123abc", MANIFEST);
    expect(credentials.renewed).toEqual(["Basic 0"]);
    expect(registry.requests).toEqual([`PUT ${BASE}/manifests/0123abc`, `PUT ${BASE}/manifests/0123abc`]);
  });

  test("that are refused again end it", async () => {
    registry.intercept = (_request, response) => answer(response, 401, "UNAUTHORIZED", "authentication required");
    await expect(connect(tokens()).manifest("0123abc")).rejects.toThrow(
      `reading the manifest of ${host}/tomofun/web:0123abc: found HTTP 401 UNAUTHORIZED: authentication required from ${host}, ` +
        "expected the user to be allowed to read and push tomofun/web; check user and password, and what the registry lets that user do",
    );
    expect(registry.requests).toHaveLength(2);
  });
});

describe("what is tried again", () => {
  /** Fails the first `times` requests of a method. */
  function failing(method: string, times: number, fail: (response: ServerResponse) => void): void {
    let count = 0;
    registry.intercept = (request, response) => {
      if (request.method !== method || ++count > times) return false;
      fail(response);
      return true;
    };
  }

  const faults: [string, (response: ServerResponse) => void][] = [
    ["429", (response) => void answer(response, 429, "TOOMANYREQUESTS", "Rate exceeded", { "retry-after": "0" })],
    ["503", (response) => void response.writeHead(503).end("busy")],
    ["a reset", (response) => void response.destroy()],
  ];

  test.each(faults)("reading after %s", async (_fault, fail) => {
    failing("GET", 2, fail);
    expect(await repository.manifest("0123abc")).toBeUndefined();
    expect(registry.requests).toHaveLength(3);
  });

  test("but not more often than the policy says", async () => {
    failing("GET", 99, (response) => void answer(response, 500, "UNKNOWN", "internal"));
    await expect(repository.manifest("a")).rejects.toThrow(
      `reading the manifest of ${host}/tomofun/web:a: found HTTP 500 UNKNOWN: internal from ${host}, expected success; ` +
        "look the code up in the registry's documentation and start the build again",
    );
    expect(registry.requests).toHaveLength(3);
  });

  test("and not what is refused for good", async () => {
    failing("GET", 99, (response) => void answer(response, 400, "NAME_INVALID", "bad name."));
    await expect(repository.manifest("a")).rejects.toThrow(
      `found HTTP 400 NAME_INVALID: bad name from ${host}, expected success;`,
    );
    expect(registry.requests).toHaveLength(1);
  });
});

describe("refusals", () => {
  test.each([
    [
      "a missing repository",
      404,
      "NAME_UNKNOWN",
      "The repository with name 'tomofun/web' does not exist in the registry with id '123456789012'",
      (host: string) =>
        `tagging ${host}/tomofun/web:0123abc: found HTTP 404 NAME_UNKNOWN: The repository with name 'tomofun/web' does not exist in the ` +
        `registry with id '123456789012' from ${host}, expected the repository tomofun/web; ` +
        "apply the pipeline's Terraform, which makes it, or correct the service's repository",
    ],
    [
      "an immutable tag",
      400,
      "TAG_INVALID",
      "The image tag '0123abc' already exists in the 'tomofun/web' repository and cannot be overwritten because the repository is immutable.",
      (host: string) =>
        `tagging ${host}/tomofun/web:0123abc: found HTTP 400 TAG_INVALID: The image tag '0123abc' already exists in the 'tomofun/web' ` +
        `repository and cannot be overwritten because the repository is immutable from ${host}, expected a tag that may be written; ` +
        "exclude 0123abc from the repository's tag immutability, or remove it from the moving tags",
    ],
    [
      "another invalid tag",
      400,
      "TAG_INVALID",
      "manifest tag did not match URI",
      (host: string) =>
        `tagging ${host}/tomofun/web:0123abc: found HTTP 400 TAG_INVALID: manifest tag did not match URI from ${host}, expected success; ` +
        "look the code up in the registry's documentation and start the build again",
    ],
    [
      "a denial",
      403,
      "DENIED",
      "User is not authorized to perform: ecr:PutImage",
      (host: string) =>
        `tagging ${host}/tomofun/web:0123abc: found HTTP 403 DENIED: User is not authorized to perform: ecr:PutImage from ${host}, ` +
        "expected the user to be allowed to read and push tomofun/web; check user and password, and what the registry lets that user do",
    ],
  ])("%s", async (_what, status, code, message, expected) => {
    registry.intercept = (_request, response) => answer(response, status, code, message);
    await expect(repository.putManifest("0123abc", MANIFEST)).rejects.toMatchObject({ message: expected(host) });
  });

  test("a missing repository is not a missing manifest", async () => {
    registry.intercept = (_request, response) => answer(response, 404, "NAME_UNKNOWN", "no");
    await expect(repository.manifest("0123abc")).rejects.toThrow("found HTTP 404 NAME_UNKNOWN: no");
  });

  test("what something in front of the registry says is quoted, but not at length", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(407).end("x".repeat(5000));
      return true;
    };
    await expect(repository.manifest("a")).rejects.toThrow(`found HTTP 407 ${"x".repeat(200)} from`);
  });

  test("an answer without end is cut off", async () => {
    registry.intercept = (_request, response) => {
      response.end(Buffer.alloc(9 * MEGABYTE));
      return true;
    };
    await expect(repository.manifest("a")).rejects.toThrow("an answer of more than 8388608 bytes");
  });

  test("no registry at all", async () => {
    const { url } = registry;
    await registry.close();
    await expect(repository.manifest("a")).rejects.toThrow(
      `reading the manifest of ${url.host}/tomofun/web:a: found no answer from ${url.host} (connect ECONNREFUSED ${url.host}), ` +
        "expected a registry; check the name, the network of the build, HTTPS_PROXY and NO_PROXY",
    );
    registry = await startPlainRegistry(directory);
  });
});

test.each([
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"],
  ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"],
  ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
  ["123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1"],
  ["12345678901.dkr.ecr.us-east-1.amazonaws.com", undefined],
  ["registry.example.com", undefined],
])("the region of %s is %s", (name, region) => {
  expect(registryRegion(name)).toBe(region);
});

test.each([
  ["localhost:5000", "http://localhost:5000/"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000/"],
  ["127.8.9.10", "http://127.8.9.10/"],
  ["[::1]:5000", "http://[::1]:5000/"],
  ["registry.example.com", "https://registry.example.com/"],
  ["registry.example.com:5000", "https://registry.example.com:5000/"],
  ["localhost.example.com", "https://localhost.example.com/"],
  ["127.0.0.1.example.com", "https://127.0.0.1.example.com/"],
  ["10.0.0.1:5000", "https://10.0.0.1:5000/"],
])("the registry %s is spoken to at %s", (name, url) => {
  expect(registryUrl(name).href).toBe(url);
});
