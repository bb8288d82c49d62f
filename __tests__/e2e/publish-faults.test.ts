import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../../core/digest";
import { openFile } from "../../core/archive/source";
import { selectOnlyImage } from "../../core/archive/select";
import { publish } from "../../core/publish/publish";
import { Repository } from "../../core/registry/repository";
import { writeBundles } from "../../infrastructure/write-bundles";
import { dockerSave, layer, tar, tarEntry } from "../support/archives";
import { DEFAULT_CHOICE } from "../support/choice";
import { startPlainRegistry, type Intercept, type PlainRegistry } from "../support/plain-registry";
import { FAULTS } from "../support/registry-faults";

jest.setTimeout(120_000);

const HASH = "0123abc";
const TAGS = [HASH, "staging"];

let directory: string;
let archive: string;
let registry: PlainRegistry;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "publish-faults-"));
  archive = join(directory, "image.tar");
  const large = tar(tarEntry("large", randomBytes(4 * 1024 * 1024 + 1000)));
  writeFileSync(archive, dockerSave({ layers: [layer("base"), large, layer("app")] }));
  registry = await startPlainRegistry(join(directory, "registry"));
});
beforeEach(() => {
  registry.intercept = () => false;
});
afterAll(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

let serial = 0;
const newName = (): string => `faults/${++serial}`;

const connect = (name: string, { attempts = 1, idle = 60_000 } = {}): Repository =>
  new Repository({
    registry: registry.url,
    name,
    retry: { attempts, baseDelay: 1, maxDelay: 5 },
    timeouts: { connect: 60_000, idle },
  });

async function run(repository: Repository): Promise<Digest | undefined> {
  const { digest } = await publish({
    object: await openFile(archive),
    spoolFile: (name) => join(directory, name),
    select: (images) => selectOnlyImage(images, { tagPattern: /^[0-9a-f]{7}$/ }),
    repository,
    movingTags: TAGS.slice(1),
    choice: DEFAULT_CHOICE,
    listener: () => undefined,
  });
  return digest;
}

/** What the tags point to; each has all its blobs, or this throws. */
async function tagsOf(name: string): Promise<(Digest | undefined)[]> {
  registry.intercept = () => false;
  const repository = connect(name);
  return await Promise.all(
    TAGS.map(async (tag) => {
      const manifest = await repository.manifest(tag);
      if (!manifest) return undefined;
      const { config, layers } = JSON.parse(manifest.bytes.toString()) as Record<"config", { digest: Digest }> & {
        layers: { digest: Digest }[];
      };
      for (const { digest } of [config, ...layers])
        if (!(await repository.hasBlob(digest))) throw new Error(`${tag} points to an image without ${digest}`);
      return manifest.digest;
    }),
  );
}

/** Everything that a first publishing asks the registry. */
async function cleanRun(): Promise<{ digest: Digest; requests: readonly string[] }> {
  const before = registry.requests.length;
  const digest = await run(connect(newName()));
  if (digest === undefined) throw new Error("nothing was published");
  return { digest, requests: registry.requests.slice(before) };
}

/** Lets a fault have the requests from number `from` on. */
function failFrom(fault: Intercept, from: number): void {
  let number = 0;
  registry.intercept = (request, response) => number++ >= from && fault(request, response);
}

const ENDING = ["a reset before the answer", "a cut", "a stall", "a 429", "a 503"];

test.each(ENDING)(
  "whichever request ends by %s: no tag is incomplete, and a rerun ends in the same image",
  async (fault) => {
    const { digest, requests } = await cleanRun();
    expect(requests.length).toBeGreaterThan(12);
    for (const at of requests.keys()) {
      const name = newName();
      failFrom(FAULTS[fault]!, at);
      // What only would have saved work is given up without an end to the whole.
      await run(connect(name, { idle: fault === "a stall" ? 50 : 60_000 })).catch(() => undefined);
      const [hash, moving] = await tagsOf(name);
      expect([undefined, digest]).toContain(hash);
      expect([undefined, hash]).toContain(moving);

      expect(await run(connect(name))).toBe(digest);
      expect(await tagsOf(name)).toEqual([digest, digest]);
    }
  },
);

test("whenever it is killed: no tag is incomplete, and a rerun ends in the same image", async () => {
  const { digest } = await cleanRun();
  const bundle = writeBundles(directory);
  const start = (name: string): ChildProcess =>
    fork(bundle, [archive, `${registry.url.host}/${name}:${HASH}`, "--moving-tag", "staging"], {
      stdio: "ignore",
      // The same compressor as here: manifests name blobs.
      env: { TMPDIR: directory, PATH: process.env.PATH },
    });
  let killed = 0;
  for (let round = 0; round < 15; round++) {
    const name = newName();
    const before = registry.requests.length;
    // At each request in turn, and somewhere between it and the next.
    registry.intercept = async () => {
      if (registry.requests.length - before === round + 1) {
        await sleep((round * 7) % 30);
        child.kill("SIGKILL");
      }
      return false;
    };
    const child = start(name);
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    if (signal === "SIGKILL") killed += 1;
    const [hash, moving] = await tagsOf(name);
    expect([undefined, digest]).toContain(hash);
    expect([undefined, hash]).toContain(moving);

    expect(await run(connect(name))).toBe(digest);
    expect(await tagsOf(name)).toEqual([digest, digest]);
  }
  expect(killed).toBeGreaterThan(10);
});
