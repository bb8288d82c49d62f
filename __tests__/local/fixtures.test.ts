import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import {
  compressArchive,
  machineLayers,
  realLayers,
  writeImageArchive,
  zipArchive,
  type ArchiveOptions,
} from "../../local/fixtures";
import { requires } from "../support/requires";

const run = promisify(execFile);
const REFERENCE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tomofun/test-jessie:abc1234";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixtures-"));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (name: string): string => join(directory, name);
const tar = async (...args: string[]): Promise<Buffer> =>
  (await run("tar", args, { encoding: "buffer", maxBuffer: 1e8 })).stdout;
const member = (archive: string, name: string): Promise<Buffer> => tar("-xOf", archive, name);
const names = async (archive: string): Promise<string[]> => (await tar("-tf", archive)).toString().trim().split("\n");
const json = async <T>(archive: string, name: string): Promise<T> =>
  JSON.parse((await member(archive, name)).toString()) as T;
const sha256 = (content: Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;

interface ManifestItem {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}
interface Config {
  architecture: string;
  config: { Cmd: string[] };
  rootfs: { diff_ids: string[] };
}

describe.each(["legacy", "oci"] as const)("the %s layout", (layout) => {
  const write = (options: Partial<ArchiveOptions> = {}): ReturnType<typeof writeImageArchive> =>
    writeImageArchive({ path: at("image.tar"), references: [REFERENCE], layout, ...options });

  test("is a docker-save archive whose digests are those of its files", async () => {
    const images = await write({ cmd: ["/bin/true"], architecture: "arm64" });
    const [item, ...more] = await json<ManifestItem[]>(at("image.tar"), "manifest.json");
    expect(more).toEqual([]);
    expect(item!.RepoTags).toEqual([REFERENCE]);

    const config = await member(at("image.tar"), item!.Config);
    const { architecture, config: run, rootfs } = JSON.parse(config.toString()) as Config;
    expect([architecture, run.Cmd]).toEqual(["arm64", ["/bin/true"]]);
    const layers = await Promise.all(item!.Layers.map((layer) => member(at("image.tar"), layer)));
    expect(layers.map(sha256)).toEqual(rootfs.diff_ids);
    expect(images).toEqual([
      {
        references: [REFERENCE],
        platform: "linux/arm64",
        config: sha256(config),
        layers: layers.map((layer) => ({ diffId: sha256(layer), bytes: layer.length })),
        ...(layout === "oci" ? { manifest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string } : {}),
      },
    ]);
  });

  test("the same input gives the same bytes, and nothing is left beside them", async () => {
    await write();
    await write({ path: at("again.tar") });
    expect((await readFile(at("again.tar"))).equals(await readFile(at("image.tar")))).toBe(true);
    expect((await stat(at("image.tar"))).size).toBeLessThan(20_000);
    expect((await readdir(directory)).sort()).toEqual(["again.tar", "image.tar"]);
  });

  test("layers hold the files that were given, with their directories and modes", async () => {
    await write({ layers: [[{ path: "opt/app/run", content: Buffer.from("#!/bin/sh\n"), mode: 0o755 }]] });
    const [item] = await json<ManifestItem[]>(at("image.tar"), "manifest.json");
    await run("tar", ["-xf", at("image.tar"), "-C", directory]);
    const layer = join(directory, item!.Layers[0]!);
    const list = (await tar("-tvf", layer, "--utc", "--numeric-owner")).toString().replace(/ +/g, " ");
    expect(list).toBe(
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 opt/\n" +
        "drwxr-xr-x 0/0 0 1970-01-01 00:00 opt/app/\n" +
        "-rwxr-xr-x 0/0 10 1970-01-01 00:00 opt/app/run\n",
    );
    expect((await member(layer, "opt/app/run")).toString()).toBe("#!/bin/sh\n");
  });

  test("several images and an image without a name", async () => {
    await write({ others: [{ references: [] }, { references: ["b:1", "b:2"], layers: [] }] });
    const items = await json<ManifestItem[]>(at("image.tar"), "manifest.json");
    expect(items.map(({ RepoTags }) => RepoTags)).toEqual([[REFERENCE], null, ["b:1", "b:2"]]);
    expect(items[1]).toEqual({ ...items[0], RepoTags: null });
    const all = await names(at("image.tar"));
    expect(new Set(all).size).toBe(all.length);
  });
});

test("legacy: a layer on another base is a symbolic link to the first one", async () => {
  const shared = [{ path: "app/version", content: "v1\n" }];
  const base = [{ path: "etc/base", content: "b\n" }];
  const path = at("image.tar");
  const images = await writeImageArchive({
    path,
    references: ["a:1"],
    layers: [shared],
    others: [{ references: ["b:1"], layers: [base, shared] }],
  });
  expect(images[1]!.layers[1]).toEqual(images[0]!.layers[0]);
  const [first, second] = await json<ManifestItem[]>(path, "manifest.json");
  const list = (await tar("-tvf", path, second!.Layers[1]!)).toString();
  expect(list).toMatch(/^l/);
  expect(list.trim().endsWith(`-> ../${first!.Layers[0]!}`)).toBe(true);
});

test("oci: index.json names the image's manifest, which names blobs that are there", async () => {
  const path = at("image.tar");
  const [image] = await writeImageArchive({ path, references: [REFERENCE], layout: "oci" });
  const index = await json<{ manifests: { digest: string; annotations: Record<string, string> }[] }>(
    path,
    "index.json",
  );
  expect(index.manifests.map(({ annotations }) => annotations)).toEqual([
    { "io.containerd.image.name": REFERENCE, "org.opencontainers.image.ref.name": "abc1234" },
  ]);
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const content = await member(path, blob(index.manifests[0]!.digest));
  expect(sha256(content)).toBe(index.manifests[0]!.digest);
  const manifest = JSON.parse(content.toString()) as { config: { digest: string }; layers: { digest: string }[] };
  expect(manifest.config.digest).toBe(image!.config);
  expect(manifest.layers.map(({ digest }) => digest)).toEqual(image!.layers.map(({ diffId }) => diffId));
  expect(await json(path, "oci-layout")).toEqual({ imageLayoutVersion: "1.0.0" });
});

test("real layers have the size that was asked for, and a label changes only the last one", async () => {
  const path = at("image.tar");
  const build = async (label: string): Promise<readonly { diffId: string; bytes: number }[]> => {
    const layers = await realLayers({ bytes: 3_000_000, layers: 3, label });
    return (await writeImageArchive({ path, references: [REFERENCE], layers }))[0]!.layers;
  };
  const v1 = await build("v1");
  const v2 = await build("v2");
  const bytes = v1.reduce((sum, layer) => sum + layer.bytes, 0);
  expect(bytes).toBeGreaterThanOrEqual(3_000_000);
  expect(bytes).toBeLessThan(3_020_000);
  expect(v1.slice(0, 2)).toEqual(v2.slice(0, 2));
  expect(v1[2]!.diffId).not.toBe(v2[2]!.diffId);
  expect(new Set(v1.map(({ diffId }) => diffId)).size).toBe(3);
});

describe("zipArchive", () => {
  test.each([
    ["store", 0, false],
    ["deflate", 8, false],
    ["store", 0, true],
    ["deflate", 8, true],
  ] as const)("%s: the member is the archive, compressed by method %i (zip64: %s)", async (method, code, zip64) => {
    const archive = at("image.tar");
    await writeImageArchive({ path: archive, references: [REFERENCE] });
    const options = { member: "image/test-jessie", archive, method, zip64 };
    await zipArchive({ path: at("service.zip"), ...options });
    await zipArchive({ path: at("again.zip"), ...options });
    const zip = await readFile(at("service.zip"));
    expect(zip.readUInt32LE(0)).toBe(0x04034b50);
    expect(zip.readUInt16LE(8)).toBe(code);
    const hasDataDescriptor = 1 << 3;
    expect(zip.readUInt16LE(6) & hasDataDescriptor).toBe(hasDataDescriptor);
    // "PK" 6 6: the end of central directory of zip64.
    expect(zip.includes("PK\x06\x06")).toBe(zip64);
    expect(zip.equals(await readFile(at("again.zip")))).toBe(true);
    const python = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    const { stdout } = await run("python3", ["-c", python, at("service.zip"), "image/test-jessie"], {
      encoding: "buffer",
    });
    expect(stdout.equals(await readFile(archive))).toBe(true);
  });
});

test.each([
  ["gzip", "gz"],
  ["zstd", "zst"],
] as const)("a whole archive compressed by %s", async (compression, extension) => {
  if (!requires(compression, `apt-get install ${compression}`)) return;
  const path = at("image.tar");
  await writeImageArchive({ path, references: [REFERENCE] });
  expect(await compressArchive(path, compression)).toBe(`${path}.${extension}`);
  const { stdout } = await run(compression, ["-dc", `${path}.${extension}`], { encoding: "buffer" });
  expect(stdout.equals(await readFile(path))).toBe(true);
  const first = await readFile(`${path}.${extension}`);
  await compressArchive(path, compression);
  expect((await readFile(`${path}.${extension}`)).equals(first)).toBe(true);
});

test("compressed layers are named by what lies in the archive", async () => {
  const path = at("image.tar");
  const [image] = await writeImageArchive({ path, references: [REFERENCE], layout: "containerd" });
  const [item] = await json<ManifestItem[]>(path, "manifest.json");
  const index = await json<{ manifests: { digest: string }[] }>(path, "index.json");
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const manifest = await json<{ layers: { mediaType: string; digest: string; size: number }[] }>(
    path,
    blob(index.manifests[0]!.digest),
  );
  expect(index.manifests[0]!.digest).toBe(image!.manifest);
  expect(item!.Layers).toEqual(manifest.layers.map(({ digest }) => blob(digest)));
  for (const [at, { mediaType, digest, size }] of manifest.layers.entries()) {
    const stored = await member(path, blob(digest));
    expect([mediaType, sha256(stored), stored.length]).toEqual([
      "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size,
    ]);
    expect(sha256(gunzipSync(stored))).toBe(image!.layers[at]!.diffId);
  }
});

test.each([
  ["oci-layout", undefined, { "org.opencontainers.image.ref.name": REFERENCE }],
  ["oci-layout", "tag", { "org.opencontainers.image.ref.name": "abc1234" }],
  ["containerd", "full", { "io.containerd.image.name": REFERENCE, "org.opencontainers.image.ref.name": REFERENCE }],
] as const)(
  "the layout %s with refName %s names the image in index.json alone",
  async (layout, refName, annotations) => {
    const path = at("image.tar");
    await writeImageArchive({ path, references: [REFERENCE], layout, ...(refName === undefined ? {} : { refName }) });
    const index = await json<{ manifests: { annotations: unknown }[] }>(path, "index.json");
    expect(index.manifests.map((one) => one.annotations)).toEqual([annotations]);
    expect((await names(path)).includes("manifest.json")).toBe(layout === "containerd");
  },
);

test("several platforms lie under an index of their own, without what is absent", async () => {
  const path = at("image.tar");
  const [image] = await writeImageArchive({
    path,
    references: [REFERENCE],
    layout: "containerd",
    platforms: ["linux/amd64", "linux/arm64/v8"],
    absent: ["linux/s390x"],
    attestations: true,
  });
  interface Descriptor {
    digest: string;
    mediaType: string;
    platform?: object;
    annotations?: Record<string, string>;
  }
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const top = await json<{ manifests: Descriptor[] }>(path, "index.json");
  expect(top.manifests.map(({ mediaType, digest }) => [mediaType, digest])).toEqual([
    ["application/vnd.oci.image.index.v1+json", image!.index!.digest],
  ]);
  const { manifests } = await json<{ manifests: Descriptor[] }>(path, blob(image!.index!.digest));
  const [amd64, arm64] = image!.index!.platforms;
  const unknown = { architecture: "unknown", os: "unknown" };
  expect(manifests.map(({ platform }) => platform)).toEqual([
    { architecture: "amd64", os: "linux" },
    { architecture: "arm64", os: "linux", variant: "v8" },
    { architecture: "s390x", os: "linux" },
    unknown,
    unknown,
    unknown,
  ]);
  expect(manifests.map(({ annotations }) => annotations?.["vnd.docker.reference.digest"])).toEqual([
    undefined,
    undefined,
    undefined,
    amd64!.manifest,
    arm64!.manifest,
    manifests[2]!.digest,
  ]);
  const all = await names(path);
  expect(manifests.map(({ digest }) => all.includes(blob(digest)))).toEqual([true, true, false, true, true, false]);
  const [item, ...more] = await json<ManifestItem[]>(path, "manifest.json");
  expect([item!.Config, item!.RepoTags, more]).toEqual([blob(amd64!.config), [REFERENCE], []]);
  expect(image!.index!.platforms.map(({ platform, layers }) => [platform, layers.length])).toEqual([
    ["linux/amd64", 3],
    ["linux/arm64/v8", 3],
  ]);
});

test("the legacy layout has no platforms", async () => {
  const options = { path: at("image.tar"), references: [], platforms: ["linux/amd64"] };
  await expect(writeImageArchive(options)).rejects.toThrow("the legacy layout holds single images: no platforms");
  expect(await readdir(directory)).toEqual([]);
});

describe("layers of this machine", () => {
  const tree = async (): Promise<string[]> => {
    await mkdir(at("a/deep"), { recursive: true });
    await mkdir(at("b"));
    await writeFile(at("a/deep/1"), "1".repeat(3000), { mode: 0o755 });
    await writeFile(at("a/empty"), "");
    await symlink("deep/1", at("a/link"));
    await writeFile(at("b/2"), "2".repeat(500));
    return [at("a"), at("b"), at("missing")];
  };

  test("take one file of each root in turn, cut the last one, and start again when there is none left", async () => {
    const roots = await tree();
    const layers = await machineLayers({ sizes: [4000, 6000], label: "v2", roots });
    const inside = (path: string): string => at(path).slice(1);
    const file = (path: string, bytes: number, mode: number, prefix = ""): object => ({
      path: `${prefix}${inside(path)}`,
      content: { source: at(path), start: 0, bytes },
      mode,
    });
    expect(layers).toEqual([
      [file("a/deep/1", 3000, 0o755), file("b/2", 416, 0o644)],
      [
        { path: "app/version", content: "v2\n" },
        file("a/deep/1", 3000, 0o755, "again-1/"),
        file("b/2", 500, 0o644, "again-1/"),
        file("a/deep/1", 1392, 0o755, "again-2/"),
      ],
    ]);
    await writeImageArchive({ path: at("image.tar"), references: [REFERENCE], layers });
  });

  test("need a file", async () => {
    const roots = [at("missing")];
    await expect(machineLayers({ sizes: [1], roots })).rejects.toThrow(
      `no file that can be read below ${at("missing")}`,
    );
  });

  test("have about the size that was asked for, of what is really there", async () => {
    const layers = await machineLayers({ sizes: [3_000_000, 1_000_000] });
    const [image] = await writeImageArchive({ path: at("image.tar"), references: [REFERENCE], layers });
    for (const [at, size] of [3_000_000, 1_000_000].entries()) {
      const { bytes } = image!.layers[at]!;
      expect(bytes).toBeGreaterThanOrEqual(size);
      expect(bytes).toBeLessThan(size * 1.2);
    }
  });
});

if (requires("skopeo", "apt-get install skopeo")) {
  test.each(["containerd", "oci-layout"] as const)("skopeo reads every platform of the %s layout", async (layout) => {
    const path = at("image.tar");
    const platforms = ["linux/amd64", "linux/arm64/v8"];
    const [image] = await writeImageArchive({ path, references: [REFERENCE], layout, platforms, compression: "gzip" });
    const target = at("images");
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "--all",
      "--preserve-digests",
      `oci-archive:${path}`,
      `dir:${target}`,
    ]);
    expect(sha256(await readFile(join(target, "manifest.json")))).toBe(image!.index!.digest);
    const files = await readdir(target);
    for (const { config, manifest } of image!.index!.platforms) {
      expect(files).toEqual(expect.arrayContaining([config.slice(7), `${manifest!.slice(7)}.manifest.json`]));
    }
  });

  test.each(["legacy", "oci"] as const)("skopeo reads every image of the %s layout", async (layout) => {
    const path = at("image.tar");
    // skopeo 1.9 does not follow the link to a layer of another image, so this one is its own.
    const own = [{ path: "app/version", content: "v2\n" }];
    const images = await writeImageArchive({
      path,
      layout,
      references: [REFERENCE],
      others: [{ references: ["b:1"], layers: [own] }],
    });
    for (const [index, { config }] of images.entries()) {
      const target = at(`image-${index}`);
      await run("skopeo", ["--insecure-policy", "copy", `docker-archive:${path}:@${index}`, `dir:${target}`]);
      const manifest = JSON.parse(await readFile(join(target, "manifest.json"), "utf8")) as {
        config: { digest: string };
      };
      expect(manifest.config.digest).toBe(config);
    }
  });
}
