import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { compressArchive, writeImageArchive, zipArchive, type ArchivedImage } from "../../local/fixtures";
import { readArchive } from "../../local/proof";
import { readArchivedImage } from "../../local/proof/archive";
import { collect, decompressed } from "../../local/proof/content";
import { tar, tarEntry, zip } from "../support/archives";
import { sha256 } from "../support/registry-client";
import { requires } from "../support/requires";
import { tarMembers } from "../support/tar-members";

const REFERENCE = "vendor.example/web:1";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "proof-archives-"));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (name: string): string => join(directory, name);
/** What is read of the archive's only image. */
const read = async (archive: string, member?: string): Promise<unknown> => {
  const [listed, ...more] = await readArchive({ archive, ...(member === undefined ? {} : { member }) });
  expect(more).toEqual([]);
  return summary(listed!.references, listed!.read());
};
const summary = (
  references: readonly string[],
  read: Awaited<ReturnType<typeof readArchivedImage>>,
): Record<string, unknown> => {
  if (read.kind === "index") return { references, index: read.manifest.digest, missing: read.missing };
  const layers = read.layers.map(({ contentDigest }) => contentDigest);
  return { references, config: sha256(read.config), layers, manifest: read.manifest?.digest };
};
const written = ({ config, layers, manifest }: ArchivedImage, references = [REFERENCE]): unknown => ({
  references,
  config,
  layers: layers.map(({ diffId }) => diffId),
  manifest,
});

const zstdIsHere = requires("zstd", "apt-get install zstd");
const compressions = (["none", "gzip", "zstd"] as const).filter((one) => one !== "zstd" || zstdIsHere);

describe.each(["legacy", "oci", "containerd", "oci-layout"] as const)("the %s layout", (layout) => {
  test.each(compressions)("with layers compressed by %s", async (compression) => {
    const [image] = await writeImageArchive({ path: at("a.tar"), references: [REFERENCE], layout, compression });
    const references = layout === "oci" || layout === "containerd" ? [REFERENCE, "1"] : [REFERENCE];
    expect(await read(at("a.tar"))).toEqual(written(image!, references));
  });
});

describe("an archive", () => {
  let image: ArchivedImage;

  beforeEach(async () => {
    [image] = (await writeImageArchive({ path: at("a.tar"), references: [REFERENCE] })) as [ArchivedImage];
  });

  test.each(compressions.filter((one) => one !== "none"))("compressed by %s, bare and inside a zip", async (how) => {
    const archive = await compressArchive(at("a.tar"), how);
    expect(await read(archive)).toEqual(written(image));
    await zipArchive({ path: at("a.zip"), member: "image/web", archive });
    expect(await read(at("a.zip"), "image/web")).toEqual(written(image));
  });

  test.each([true, false])("in a zip whose only file it is (zip64: %s)", async (zip64) => {
    await zipArchive({ path: at("a.zip"), member: "image/web", archive: at("a.tar"), zip64 });
    expect(await read(at("a.zip"))).toEqual(written(image));
  });

  test("of several gzip members", async () => {
    const content = await readFile(at("a.tar"));
    await writeFile(at("a.gz"), Buffer.concat([gzipSync(content.subarray(0, 5000)), gzipSync(content.subarray(5000))]));
    expect(await read(at("a.gz"))).toEqual(written(image));
  });

  if (zstdIsHere) {
    test("of several zstd frames", async () => {
      const content = await readFile(at("a.tar"));
      const frames: Buffer[] = [];
      for (const part of [content.subarray(0, 5000), content.subarray(5000)]) {
        await writeFile(at("part"), part);
        frames.push(await readFile(await compressArchive(at("part"), "zstd")));
      }
      await writeFile(at("a.zst"), Buffer.concat(frames));
      expect(await read(at("a.zst"))).toEqual(written(image));
    });

    test("whose zstd is cut off", async () => {
      const archive = await compressArchive(at("a.tar"), "zstd");
      await truncate(archive, 300);
      await expect(read(archive)).rejects.toMatchObject({
        name: "DamagedContentError",
        message: expect.stringMatching(
          `^${archive} cannot be decompressed \\(zstd\\): .*(premature end|Read error|unexpected end)`,
        ) as string,
      });
    });
  }

  test("whose gzip is cut off, or ends with another checksum", async () => {
    const archive = await compressArchive(at("a.tar"), "gzip");
    await truncate(archive, 300);
    await expect(read(archive)).rejects.toMatchObject({
      name: "DamagedContentError",
      message: `${archive} cannot be decompressed (gzip): unexpected end of file`,
    });
    const whole = gzipSync(await readFile(at("a.tar")));
    whole.writeUInt32LE(1, whole.length - 8);
    await writeFile(archive, whole);
    await expect(read(archive)).rejects.toThrow(`${archive} cannot be decompressed (gzip): incorrect data check`);
  });

  test("that is zstd where the program for it is missing", async () => {
    const archive = at("a.zst");
    await writeFile(archive, Buffer.from("28b52ffd00000000", "hex"));
    const { PATH } = process.env;
    process.env.PATH = directory;
    try {
      await expect(read(archive)).rejects.toMatchObject({
        name: "ZstdUnavailableError",
        message:
          `${archive} is compressed by zstd, expected the program zstd to read it with: spawn zstd ENOENT; ` +
          "install it (Debian's package `zstd`)",
      });
    } finally {
      process.env.PATH = PATH;
    }
  });

  test("in a zip with other files, without its name", async () => {
    const two = zip({ name: "a", data: Buffer.from("a") }, { name: "b", data: Buffer.from("b") });
    await writeFile(at("two.zip"), two);
    await expect(read(at("two.zip"))).rejects.toMatchObject({
      name: "ArchiveMemberMissingError",
      message: `${at("two.zip")} is a zip that does not hold one file; it has: a, b`,
    });
  });
});

test("several images, by every name they have", async () => {
  const top = [[{ path: "app/version", content: "v2\n" }]];
  const others = [{ references: ["vendor.example/web:2", "vendor.example/web:latest"], layers: top }];
  for (const layout of ["legacy", "oci", "containerd", "oci-layout"] as const) {
    const images = await writeImageArchive({ path: at("a.tar"), references: [REFERENCE], layout, others });
    for (const [index, { references }] of images.entries()) {
      for (const reference of references) {
        const found = summary(references, await readArchivedImage({ archive: at("a.tar"), reference }));
        expect(found).toEqual(written(images[index]!, [...references]));
      }
    }
  }
});

test("an image for several platforms, some of which are not there", async () => {
  const [image] = await writeImageArchive({
    path: at("a.tar"),
    references: [REFERENCE],
    layout: "oci-layout",
    platforms: ["linux/amd64"],
    absent: ["linux/arm/v7", "linux/arm64/v8"],
    attestations: true,
  });
  expect(await read(at("a.tar"))).toEqual({
    references: [REFERENCE],
    index: image!.index!.digest,
    missing: ["linux/arm/v7", "linux/arm64"],
  });
});

test("a platform whose manifest is there without its configuration is not there", async () => {
  const options = { path: at("a.tar"), references: [REFERENCE], layout: "oci-layout" } as const;
  const [image] = await writeImageArchive({ ...options, platforms: ["linux/amd64", "linux/arm64"] });
  const files = await tarMembers(at("a.tar"));
  files.delete(`blobs/sha256/${image!.index!.platforms[1]!.config.slice("sha256:".length)}`);
  await writeFile(at("b.tar"), tar(...[...files].map(([name, content]) => tarEntry(name, content))));
  expect(await read(at("b.tar"))).toMatchObject({ missing: ["linux/arm64"] });
});

test("an index.json that lists the platforms itself", async () => {
  await writeImageArchive({
    path: at("a.tar"),
    references: [],
    layout: "oci-layout",
    platforms: ["linux/amd64", "a/b"],
  });
  const files = await tarMembers(at("a.tar"));
  const { manifests } = JSON.parse(files.get("index.json")!.toString()) as { manifests: { digest: string }[] };
  const path = `blobs/sha256/${manifests[0]!.digest.slice("sha256:".length)}`;
  const nested = files.get(path)!;
  files.set("index.json", nested);
  files.delete(path);
  await writeFile(at("b.tar"), tar(...[...files].map(([name, content]) => tarEntry(name, content))));
  expect(await read(at("b.tar"))).toEqual({ references: [], index: sha256(nested), missing: [] });
});

test("an archive whose blob is not what its name says", async () => {
  await writeImageArchive({ path: at("a.tar"), references: [REFERENCE], layout: "oci-layout" });
  const content = (await readFile(at("a.tar"))).toString("latin1").replace("v1\n", "v2\n");
  await writeFile(at("b.tar"), content, "latin1");
  await expect(read(at("b.tar"))).rejects.toMatchObject({
    name: "DigestMismatchError",
    message: expect.stringMatching(
      /b\.tar: blobs\/sha256\/[0-9a-f]{64}: its bytes hash to sha256:[0-9a-f]{64}, expected sha256:[0-9a-f]{64}$/,
    ) as string,
  });
});

test.each([
  ["no list of images", { other: "x" }, "it has no manifest.json and no index.json"],
  ["an empty index", { "index.json": '{"manifests":[]}' }, "its index.json names no image"],
  [
    "a manifest that is not there",
    { "index.json": '{"manifests":[{"mediaType":"m","digest":"sha256:00","size":1}]}' },
    "its manifest sha256:00 is missing",
  ],
  [
    "a configuration that is not there",
    { "manifest.json": '[{"Config":"c.json","RepoTags":null,"Layers":[]}]' },
    "its config c.json is missing",
  ],
  [
    "a layer that is not there",
    { "manifest.json": '[{"Config":"c.json","RepoTags":null,"Layers":["l.tar"]}]', "c.json": "{}" },
    "its layer l.tar is missing",
  ],
])("an archive with %s", async (_what, files, reason) => {
  await writeFile(at("a.tar"), tar(...Object.entries(files).map(([name, content]) => tarEntry(name, content))));
  await expect(read(at("a.tar"))).rejects.toMatchObject({
    name: "NotAnImageArchiveError",
    message: `${at("a.tar")} is not an image archive: ${reason}`,
  });
});

test("an archive with another number of layers than its configuration has, or with what is no JSON", async () => {
  const manifest = tarEntry("manifest.json", '[{"Config":"c.json","RepoTags":null,"Layers":[]}]');
  await writeFile(at("a.tar"), tar(manifest, tarEntry("c.json", '{"rootfs":{"diff_ids":["sha256:00"]}}')));
  await expect(read(at("a.tar"))).rejects.toMatchObject({
    name: "LayerCountError",
    message: "layers: 0 in the archive's manifest, the config has 1 diffIDs",
  });
  await writeFile(at("a.tar"), tar(tarEntry("manifest.json", "[{]")));
  await expect(read(at("a.tar"))).rejects.toMatchObject({
    name: "InvalidJsonError",
    message: expect.stringMatching(/a\.tar: manifest\.json is not JSON: /) as string,
  });
});

test("what a source throws while it is decompressed is thrown as it is", async () => {
  const failure = new Error("the connection was lost");
  for (const head of [gzipSync("text"), Buffer.from("28b52ffd00000000", "hex")].slice(0, zstdIsHere ? 2 : 1)) {
    async function* source(): AsyncGenerator<Buffer, void> {
      yield await Promise.resolve(head);
      throw failure;
    }
    const { plain } = await decompressed(source(), "layer");
    await expect(collect(plain)).rejects.toBe(failure);
  }
});
