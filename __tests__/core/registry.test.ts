import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../core/digest";
import type { Credentials } from "../../core/registry/credentials";
import { RegistryRefusedError } from "../../core/registry/errors";
import { registryRegion, registryUrl } from "../../core/registry/host";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";
import { answer } from "../support/registry-faults";

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

  test.each([MEDIA_TYPES.dockerManifest, MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerList, MEDIA_TYPES.ociIndex])(
    "of the type %s are accepted, and read by digest",
    async (mediaType) => {
      const accepted: (string | undefined)[] = [];
      registry.intercept = (request) => {
        if (request.method === "GET") accepted.push(request.headers.accept);
        return false;
      };
      const manifest = { mediaType, bytes: MANIFEST.bytes };
      const digest = sha256(MANIFEST.bytes);
      await repository.putManifest(digest, manifest);
      expect(await repository.manifest(digest)).toEqual({ ...manifest, digest });
      expect(accepted[0]?.split(", ")).toContain(mediaType);
      expect(registry.requests).toEqual([`PUT ${BASE}/manifests/${digest}`, `GET ${BASE}/manifests/${digest}`]);
    },
  );

  test("are looked at without being read", async () => {
    expect(await repository.headManifest("0123abc")).toBeUndefined();
    await repository.putManifest("0123abc", MANIFEST);
    expect(await repository.headManifest("0123abc")).toEqual({
      digest: sha256(MANIFEST.bytes),
      mediaType: MEDIA_TYPES.dockerManifest,
    });
    expect(registry.requests).toEqual([
      `HEAD ${BASE}/manifests/0123abc`,
      `PUT ${BASE}/manifests/0123abc`,
      `HEAD ${BASE}/manifests/0123abc`,
    ]);
  });

  test.each([
    ["names no digest", 200],
    ["knows no HEAD", 405],
  ])("are read where the registry %s", async (_what, status) => {
    await repository.putManifest("0123abc", MANIFEST);
    registry.intercept = (request, response) => {
      if (request.method !== "HEAD") return false;
      response.writeHead(status).end();
      return true;
    };
    expect(await repository.headManifest("0123abc")).toMatchObject({ digest: sha256(MANIFEST.bytes) });
    expect(registry.requests.slice(1)).toEqual([`HEAD ${BASE}/manifests/0123abc`, `GET ${BASE}/manifests/0123abc`]);
  });

  test.each([
    ["by tag", "0123abc", ":0123abc"],
    ["by digest", sha256(MANIFEST.bytes), `@${sha256(MANIFEST.bytes)}`],
  ])("that are not what the registry says are refused (%s)", async (_how, reference, name) => {
    registry.intercept = (_request, response) => {
      response.writeHead(200, { "docker-content-digest": sha256(MANIFEST.bytes) }).end("{}");
      return true;
    };
    await expect(repository.manifest(reference)).rejects.toThrow(
      `reading the manifest of ${host}/tomofun/web${name}: found bytes with the digest ${sha256(Buffer.from("{}"))}, ` +
        `expected ${sha256(MANIFEST.bytes)}; look at the registry, or at the proxy in front of it`,
    );
  });

  test("are tagged once more where the registry stumbles over another build that writes the same one", async () => {
    let isFirst = true;
    registry.intercept = (request, response) => {
      if (request.method !== "PUT" || !isFirst) return false;
      isFirst = false;
      return answer(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    };
    await repository.putManifest("0123abc", MANIFEST);
    expect((await repository.manifest("0123abc"))?.digest).toBe(sha256(MANIFEST.bytes));
  });

  test("that are there under an immutable tag need not be written: ECR refuses even the same one", async () => {
    await repository.putManifest("0123abc", MANIFEST);
    registry.intercept = (request, response) =>
      request.method === "PUT" && answer(response, 400, "TAG_INVALID", "the repository is immutable");
    await repository.putManifest("0123abc", MANIFEST);
    expect(registry.requests.slice(1)).toEqual([`PUT ${BASE}/manifests/0123abc`, `HEAD ${BASE}/manifests/0123abc`]);
  });

  test("whose answer was lost are not written again", async () => {
    registry.intercept = ({ method }) => ({ losesAnswer: method === "PUT" });
    await repository.putManifest("0123abc", MANIFEST);
    expect(registry.requests).toEqual([`PUT ${BASE}/manifests/0123abc`, `HEAD ${BASE}/manifests/0123abc`]);
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

  test("of a HEAD by 307 say that the blob is there", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(307, { location: "http://nowhere.invalid/" }).end();
      return true;
    };
    expect(await repository.hasBlob(sha256(Buffer.from("x")))).toBe(true);
  });

  test("of a HEAD for another reason are followed", async () => {
    registry.intercept = (request, response) => {
      if (request.url === "/moved") response.writeHead(404).end();
      else response.writeHead(301, { location: "/moved" }).end();
      return true;
    };
    expect(await repository.hasBlob(sha256(Buffer.from("x")))).toBe(false);
    expect(registry.requests.at(-1)).toBe("HEAD /moved");
  });

  test("of anything else are not", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(308, { location: "/moved" }).end();
      return true;
    };
    await expect(repository.putManifest("0123abc", MANIFEST)).rejects.toThrow("found HTTP 308 from");
    expect(registry.requests).toHaveLength(1);
  });
});

describe("tokens", () => {
  function tokens(): Credentials & { readonly renewed: unknown[] } {
    const renewed: unknown[] = [];
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

  test("that may have run out are renewed: an answer to HEAD does not say", async () => {
    const credentials = tokens();
    registry.intercept = (request, response) => {
      if (request.headers.authorization !== "Basic 0") return false;
      response.writeHead(403).end();
      return true;
    };
    expect(await connect(credentials).headManifest("0123abc")).toBeUndefined();
    expect(credentials.renewed).toEqual(["Basic 0"]);
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

  test.each([
    ["no time", undefined, true],
    ["a time that is none", "soon", true],
    ["no more time", "0", 0],
    ["seconds", "7", 7_000],
    ["a date that has passed", "Wed, 21 Oct 2015 07:28:00 GMT", 0],
    ["a date", "Wed, 21 Oct 2015 07:28:30 GMT", 30_000],
  ])("after %s, as the registry asks", async (_what, header, expected) => {
    jest.spyOn(Date, "now").mockReturnValue(Date.parse("Wed, 21 Oct 2015 07:28:00 GMT"));
    registry.intercept = (_request, response) =>
      answer(response, 429, "TOOMANYREQUESTS", "Rate exceeded", header === undefined ? {} : { "retry-after": header });
    const error: unknown = await repository.manifest("a").catch((reason: unknown) => reason);
    jest.restoreAllMocks();
    expect((error as RegistryRefusedError).retryable()).toBe(expected);
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
    await expect(repository.manifest("a")).rejects.toThrow(
      `reading the manifest of ${host}/tomofun/web:a: found an answer of more than 8388608 bytes, expected a manifest or a configuration; ` +
        "look at the registry, or at the proxy in front of it",
    );
    expect(registry.requests).toHaveLength(1);
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
