import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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
const MANIFEST = { mediaType: MEDIA_TYPES.dockerManifest, bytes: Buffer.from('{"schemaVersion":2}') };

interface Publish {
  readonly bytes: Buffer;
  readonly upload: (repository: Repository) => Promise<unknown>;
  /** What it asks for where nothing is there yet and nothing goes wrong, the manifest included. */
  readonly clean: readonly string[];
}

const PUBLISHES: Readonly<Record<string, Publish>> = {
  "a small blob": {
    bytes: SMALL,
    upload: (repository) => repository.uploadBlob(known(SMALL)),
    clean: ["HEAD blob", "POST uploads", "PUT upload", "PUT manifest"],
  },
  "a large blob": {
    bytes: LARGE,
    upload: (repository) => repository.uploadBlob(known(LARGE)),
    clean: ["HEAD blob", "POST uploads", "PATCH upload", "PUT upload", "PUT manifest"],
  },
  "a streamed blob": {
    bytes: LARGE,
    upload: (repository) => repository.uploadStream("layer 1", streamed(LARGE).open),
    clean: ["POST uploads", "PATCH upload", "PUT upload", "PUT manifest"],
  },
};

let directory: string;
let registry: PlainRegistry;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "registry-faults-"));
  registry = await startPlainRegistry(directory);
});
beforeEach(() => {
  registry.intercept = () => false;
});
afterAll(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

let repositories = 0;

/** A repository of its own, with a token that can be renewed. */
function connect(attempts: number, idle = 60_000): Repository {
  let token = 0;
  return new Repository({
    registry: registry.url,
    name: `tomofun/web-${++repositories}`,
    credentials: { authorization: () => Promise.resolve(`Basic ${token}`), renew: () => token++ },
    retry: { attempts, baseDelay: 1, maxDelay: 5 },
    timeouts: { connect: 60_000, idle },
  });
}

async function run({ upload }: Publish, repository: Repository): Promise<void> {
  await upload(repository);
  await repository.putManifest(TAG, MANIFEST);
}

/** Lets `fault` have the requests from number `from` on, `times` of them. */
function inject(fault: Intercept, from: number, times: number): void {
  let number = 0;
  registry.intercept = (request, response) => {
    const at = number++;
    return at >= from && at < from + times && fault(request, response);
  };
}

describe.each(Object.entries(PUBLISHES))("%s", (_what, publish) => {
  test("is published without a request in vain", async () => {
    const first = registry.requests.length;
    await run(publish, connect(1));
    expect(registry.requests.slice(first).map(kindOf)).toEqual(publish.clean);
  });

  const places = publish.clean.map((request, at) => ({ request, at, number: at + 1 }));
  describe.each(Object.entries(FAULTS))("%s", (fault, intercept) => {
    const isStall = fault === "a stall";

    test.each(places)("at request $number, $request, does no harm", async ({ at }) => {
      inject(intercept, at, 1);
      // A busy machine may seem to stall as well: so many times in a row it does not.
      const repository = isStall ? connect(8, 50) : connect(2);
      await run(publish, repository);

      registry.intercept = () => false;
      expect(stored(repository, publish.bytes).equals(publish.bytes)).toBe(true);
      expect(await repository.manifest(TAG)).toEqual({ ...MANIFEST, digest: sha256(MANIFEST.bytes) });
    });

    test.each(places)("from request $number, $request, on ends it without a tag", async ({ at, request }) => {
      inject(intercept, at, Infinity);
      const repository = isStall ? connect(2, 50) : connect(2);
      await expect(run(publish, repository)).rejects.toBeInstanceOf(RegistryError);

      registry.intercept = () => false;
      // Nobody can tell, but there it is, and whole.
      const isTagged = fault === "a lost answer" && request === "PUT manifest";
      expect((await repository.headManifest(TAG))?.digest).toBe(isTagged ? sha256(MANIFEST.bytes) : undefined);
    });
  });
});

/** What the registry keeps under the digest of these bytes. */
function stored({ name }: Repository, bytes: Buffer): Buffer {
  return readFileSync(join(directory, name, "_blobs", sha256(bytes).slice("sha256:".length)));
}

/** `METHOD kind` of a request. */
function kindOf(request: string): string {
  return request
    .replace(/ .+\/uploads\/$/, " uploads")
    .replace(/ .+\/uploads\/ID$/, " upload")
    .replace(/ .+\/blobs\/sha256:.+$/, " blob")
    .replace(/ .+\/manifests\/.+$/, " manifest");
}
