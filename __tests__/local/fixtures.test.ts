import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { realLayers, writeImageArchive, zipArchive, type ArchiveOptions } from "../../local/fixtures";
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
    ["store", 0],
    ["deflate", 8],
  ] as const)("%s: the member is the archive, compressed by method %i", async (method, code) => {
    const archive = at("image.tar");
    await writeImageArchive({ path: archive, references: [REFERENCE] });
    const options = { member: "image/test-jessie", archive, method };
    await zipArchive({ path: at("service.zip"), ...options });
    await zipArchive({ path: at("again.zip"), ...options });
    const zip = await readFile(at("service.zip"));
    expect(zip.readUInt32LE(0)).toBe(0x04034b50);
    expect(zip.readUInt16LE(8)).toBe(code);
    expect(zip.equals(await readFile(at("again.zip")))).toBe(true);
    const python = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    const { stdout } = await run("python3", ["-c", python, at("service.zip"), "image/test-jessie"], {
      encoding: "buffer",
    });
    expect(stdout.equals(await readFile(archive))).toBe(true);
  });
});

if (requires("skopeo", "apt-get install skopeo")) {
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
