import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PublishReport } from "../../core/publish/report";
import { compressArchive, writeImageArchive, zipArchive, type ArchiveOptions } from "../../local/fixtures";
import { proveImage, type ProofOptions } from "../../local/proof";
import { startDockerRegistry } from "../../local/registry/docker-registry";
import { runCommand } from "../support/publish-command";
import { startPlainRegistry } from "../support/plain-registry";
import { requires } from "../support/requires";

jest.setTimeout(60_000);

const HASH = "0123abc4567d";
const REFERENCE = `111122223333.dkr.ecr.us-east-1.amazonaws.com/team/api:${HASH}`;
const OTHER = REFERENCE.replace("api", "worker");
const PLATFORMS = ["linux/amd64", "linux/arm64/v8"];

/** What an archive holds, by who writes it so. Those of docker 25 and later, and of containerd, are written as these do by fixtures. */
const CONTENTS: Readonly<Record<string, Omit<ArchiveOptions, "path" | "references">>> = {
  "docker-archive": { layout: "legacy" },
  "docker 25": { layout: "oci" },
  "docker 29, gzip": { layout: "containerd", compression: "gzip" },
  "docker 29, zstd": { layout: "containerd", compression: "zstd" },
  "OCI layout": { layout: "oci-layout" },
  "OCI layout, gzip": { layout: "oci-layout", compression: "gzip" },
  "OCI layout named by its tag alone": { layout: "oci-layout", refName: "tag" },
  "OCI layout for several platforms": { layout: "oci-layout", compression: "gzip", platforms: PLATFORMS },
  "docker 29 for several platforms, with attestations": {
    layout: "containerd",
    platforms: PLATFORMS,
    attestations: true,
  },
  "several platforms, uncompressed": { layout: "oci", platforms: PLATFORMS, attestations: true },
  "several platforms, one of them absent": { layout: "containerd", platforms: PLATFORMS, absent: ["linux/s390x"] },
  "an index of which one platform is there": {
    layout: "containerd",
    platforms: ["linux/amd64"],
    absent: PLATFORMS.slice(1),
  },
  "several images": { layout: "oci", others: [{ references: [OTHER], cmd: ["/other"] }] },
};

/** What the archive is wrapped in. Answers the object that is published. */
const WRAPPINGS: Readonly<Record<string, (archive: string) => Promise<string>>> = {
  "as it is": (archive) => Promise.resolve(archive),
  "as a whole by gzip": (archive) => compressArchive(archive, "gzip"),
  "as a whole by zstd": (archive) => compressArchive(archive, "zstd"),
  "stored in a zip": (archive) => zipped(archive, "store"),
  "deflated in a zip": (archive) => zipped(archive, "deflate"),
  "deflated in a zip64": (archive) => zipped(archive, "deflate", true),
  "by gzip in a zip": async (archive) => zipped(await compressArchive(archive, "gzip"), "store"),
};

async function zipped(archive: string, method: "store" | "deflate", zip64 = false): Promise<string> {
  const path = `${archive}-${method}${zip64 ? "64" : ""}.zip`;
  await zipArchive({ path, member: "image/api", archive, method, zip64 });
  return path;
}

interface TestRegistry {
  readonly host: string;
  close(): Promise<void>;
}

const REGISTRIES: Readonly<Record<string, (directory: string) => Promise<TestRegistry>>> = {
  "the embedded registry": async (directory) => {
    const registry = await startPlainRegistry(directory);
    return { host: registry.url.host, close: () => registry.close() };
  },
  ...(requires("docker-registry", "apt-get install docker-registry") && {
    "docker-registry": async (directory: string) => {
      const registry = await startDockerRegistry({ directory });
      return { host: new URL(registry.url).host, close: () => registry.close() };
    },
  }),
};

let directory: string;
const archives = new Map<string, string>();
beforeAll(async () => {
  requires("zstd", "apt-get install zstd");
  directory = await mkdtemp(join(tmpdir(), "forms-"));
  for (const [name, content] of Object.entries(CONTENTS)) {
    const path = join(directory, `${archives.size}.tar`);
    await writeImageArchive({ path, references: [REFERENCE], ...content });
    archives.set(name, path);
  }
});
afterAll(() => rm(directory, { recursive: true }));

describe.each(Object.keys(REGISTRIES))("in %s", (where) => {
  let registry: TestRegistry;
  let serial = 0;
  beforeAll(async () => {
    registry = await REGISTRIES[where]!(await mkdtemp(join(directory, "registry-")));
  });
  afterAll(() => registry.close());

  /** Publishes, and proves that what is in the registry is what the archive has. */
  async function publish(
    content: string,
    { wrapping = "as it is", args = [], expected = {} }: PublishOptions = {},
  ): Promise<PublishReport> {
    const archive = archives.get(content)!;
    const repository = `forms/${++serial}`;
    const several = content === "several images" ? ["--image", REFERENCE] : [];
    const object = await WRAPPINGS[wrapping]!(archive);
    const run = await runCommand(object, `${registry.host}/${repository}:${HASH}`, "--json", ...several, ...args);
    if (run.code !== 0) throw new Error(run.stderr);
    const location = { host: registry.host, plainHttp: true, repository, tag: HASH };
    await proveImage({
      archive,
      ...(several.length > 0 && { reference: REFERENCE }),
      ...expected,
      registry: location,
    });
    return JSON.parse(run.stdout) as PublishReport;
  }

  interface PublishOptions {
    readonly wrapping?: string;
    readonly args?: readonly string[];
    readonly expected?: Partial<ProofOptions>;
  }

  describe.each(["gzip", "zstd", "keep"])("compressing by %s", (compression) => {
    test.each(Object.keys(CONTENTS))("%s", async (content) => {
      const { platform } = SINGLE[content] ?? {};
      await publish(content, { args: ["--compression", compression], expected: { ...(platform && { platform }) } });
    });
  });

  describe.each(Object.keys(WRAPPINGS))("%s", (wrapping) => {
    test.each(["docker-archive", "docker 29, gzip", "docker 29 for several platforms, with attestations"])(
      "%s",
      async (content) => {
        await publish(content, { wrapping });
      },
    );
  });

  test.each([
    "docker 29, gzip",
    "docker 29, zstd",
    "OCI layout, gzip",
    "docker 29 for several platforms, with attestations",
  ])("what is compressed already keeps its manifest: %s", async (content) => {
    await publish(content, { expected: { unchanged: true } });
  });

  test("one platform of several", async () => {
    const content = "docker 29 for several platforms, with attestations";
    const { images } = await publish(content, {
      args: ["--platform", "linux/arm64"],
      expected: { platform: "linux/arm64/v8" },
    });
    expect(images.map(({ platform }) => platform)).toEqual(["linux/arm64/v8"]);
  });

  test("without attestations", async () => {
    const content = "docker 29 for several platforms, with attestations";
    await publish(content, { args: ["--attestations", "drop"], expected: { attestations: false } });
  });

  test("platforms that the index names and the archive lacks are said", async () => {
    expect((await publish("several platforms, one of them absent")).missingPlatforms).toEqual(["linux/s390x"]);
  });
});

/** An index that is left with one image is published as that image. */
const SINGLE: Readonly<Record<string, { platform: string }>> = {
  "an index of which one platform is there": { platform: "linux/amd64" },
};
