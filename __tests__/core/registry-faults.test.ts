import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../core/digest";
import { RegistryError } from "../../core/registry/errors";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { known, streamed } from "../support/blobs";
import { startPlainRegistry, type Intercept, type PlainRegistry } from "../support/plain-registry";
import { FAULTS } from "../support/registry-faults";

const TAG = "0123abc";
const SMALL = Buffer.from("small");
const LARGE = randomBytes(4 * 1024 * 1024 + 1);
const STREAMED = Buffer.from(LARGE).reverse();
const MANIFEST = { mediaType: MEDIA_TYPES.dockerManifest, bytes: Buffer.from('{"schemaVersion":2}') };

/** What a publish asks for where nothing is there yet and nothing goes wrong. */
const CLEAN = [
  "HEAD small blob",
  "POST uploads",
  "PUT upload",
  "HEAD large blob",
  "POST uploads",
  "PATCH upload",
  "PUT upload",
  "POST uploads",
  "PATCH upload",
  "PUT upload",
  "PUT manifest",
];

let directory: string;
let registry: PlainRegistry;
/** Each publish has a repository of its own. */
let names = 0;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "registry-faults-"));
  registry = await startPlainRegistry(directory);
});
afterAll(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

function connect(): Repository {
  let token = 0;
  return new Repository({
    registry: registry.url,
    name: `tomofun/web-${++names}`,
    credentials: { authorization: () => Promise.resolve(`Basic ${token}`), renew: () => token++ },
    retry: { attempts: 3, baseDelay: 1, maxDelay: 5 },
    timeouts: { connect: 1_000, idle: 40 },
  });
}

async function publish(repository: Repository): Promise<void> {
  await repository.uploadBlob(known(SMALL));
  await repository.uploadBlob(known(LARGE));
  await repository.uploadStream("layer 3", streamed(STREAMED).open);
  await repository.putManifest(TAG, MANIFEST);
}

/** The requests of a publish by the names of {@link CLEAN}; counted from `first` on. */
function requestsSince(first: number): string[] {
  const names: readonly (readonly [RegExp, string])[] = [
    [/uploads\/$/, "uploads"],
    [/uploads\/ID$/, "upload"],
    [/manifests\/.+$/, "manifest"],
    [new RegExp(`blobs/${sha256(SMALL)}$`), "small blob"],
    [new RegExp(`blobs/${sha256(LARGE)}$`), "large blob"],
  ];
  return registry.requests.slice(first).map((request) => {
    const name = names.find(([pattern]) => pattern.test(request))?.[1] ?? "?";
    return `${request.split(" ")[0]} ${name}`;
  });
}

/** Lets `fault` have the requests from number `from` on, `times` of them. */
function inject(fault: Intercept, from: number, times: number): void {
  let number = 0;
  registry.intercept = (request, response) => {
    const at = number++;
    return at >= from && at < from + times && fault(request, response);
  };
}

test("without faults no request is in vain", async () => {
  const first = registry.requests.length;
  registry.intercept = () => false;
  const repository = connect();
  await publish(repository);
  expect(requestsSince(first)).toEqual(CLEAN);

  const again = registry.requests.length;
  await repository.uploadBlob(known(SMALL));
  await repository.uploadBlob(known(LARGE));
  expect(requestsSince(again)).toEqual(["HEAD small blob", "HEAD large blob"]);
});

describe.each(Object.entries(FAULTS))("%s", (_name, fault) => {
  test.each(CLEAN.map((request, at) => [`${at + 1}, ${request}`, at] as const))(
    "at request %s does no harm",
    async (_request, at) => {
      inject(fault, at, 1);
      const repository = connect();
      await publish(repository);

      registry.intercept = () => false;
      expect(await repository.manifest(TAG)).toEqual({ ...MANIFEST, digest: sha256(MANIFEST.bytes) });
      for (const bytes of [SMALL, LARGE, STREAMED])
        expect((await repository.blob(sha256(bytes))).equals(bytes)).toBe(true);
    },
  );

  test.each(CLEAN.map((request, at) => [`${at + 1}, ${request}`, at] as const))(
    "from request %s on ends it without a tag",
    async (_request, at) => {
      inject(fault, at, Infinity);
      const repository = connect();
      await expect(publish(repository)).rejects.toThrow(RegistryError);
    },
  );
});
