import { buffer } from "node:stream/consumers";
import type { Image, ImageArchive, ImageIndex } from "../../core/archive/image";
import { readImages } from "../../core/archive/images";
import { LIMITS, type ArchiveLimits } from "../../core/archive/limits";
import { TarIndex } from "../../core/archive/tar";
import { verifyLayers } from "../../core/archive/verify";
import {
  attestation,
  attestationFields,
  bufferSource,
  containerdSave,
  layer,
  MEDIA_TYPES,
  multiPlatform,
  nameFields,
  ociImage,
  ociIndex,
  ociLayout,
  REFERENCE,
  savedImage,
  sha256Hex,
  tar,
  tarEntry,
  type Listed,
  type OciFixture,
  type OciLayoutOptions,
} from "../support/archives";

const ARCHIVE = "s3://drops/web.tar";
const AGAIN = "save the image again with `docker save` and upload it";

async function open(bytes: Buffer, limits: Partial<ArchiveLimits> = {}): Promise<ImageArchive> {
  return readImages(await TarIndex.read(bufferSource(bytes, ARCHIVE), { ...LIMITS, ...limits }));
}

async function layout(...listed: readonly Listed[]): Promise<ImageArchive> {
  return open(ociLayout({ listed }));
}

async function openImage(archive: ImageArchive, at = 0): Promise<Image> {
  const image = await archive.images[at]!.open();
  if (image.kind !== "image") throw new Error("an index");
  return image;
}

async function openIndex(archive: ImageArchive): Promise<ImageIndex> {
  const index = await archive.images[0]!.open();
  if (index.kind !== "index") throw new Error("no index");
  return index;
}

function path({ digest }: { readonly digest: string }): string {
  return `blobs/sha256/${digest.slice(7)}`;
}

describe("an image", () => {
  test.each(["none", "gzip", "zstd"] as const)("with layers compressed by %s", async (compression) => {
    const fixture = ociImage({ compression });
    const archive = await layout([fixture]);
    expect(archive.images).toEqual([
      {
        id: fixture.digest,
        references: [],
        digests: [fixture.digest, fixture.configDigest],
        open: expect.any(Function) as unknown,
      },
    ]);
    const { layers, ...image } = await openImage(archive);
    expect(image).toEqual({
      kind: "image",
      config: fixture.config,
      configDigest: fixture.configDigest,
      platform: "linux/amd64",
      manifest: { digest: fixture.digest, mediaType: fixture.mediaType, bytes: fixture.bytes },
    });
    expect(layers.map(({ content, ...rest }) => ({ ...rest, size: content.size }))).toEqual(
      fixture.layers.map((bytes, at) => ({
        diffId: fixture.diffIds[at],
        compression,
        digest: `sha256:${sha256Hex(bytes)}`,
        size: bytes.length,
        mediaType: `${MEDIA_TYPES.layer}${compression === "none" ? "" : `+${compression}`}`,
      })),
    );
    const contents = layers.map(({ content }) => buffer(content.read(0, content.size)));
    expect(await Promise.all(contents)).toEqual(fixture.layers);
    await verifyLayers(layers);
  });

  test.each(["application/vnd.docker.distribution.manifest.v2+json", MEDIA_TYPES.manifest])(
    "with a manifest of the type %s",
    async (mediaType) => {
      const fixture = { ...ociImage({ manifestFields: { mediaType } }), mediaType };
      expect((await openImage(await layout([fixture]))).manifest?.mediaType).toBe(mediaType);
    },
  );

  test("whose media types say another compression than its bytes have", async () => {
    const mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    const { layers } = await openImage(await layout([ociImage({ compression: "zstd", layerFields: { mediaType } })]));
    expect(layers.map(({ compression }) => compression)).toEqual(["zstd", "zstd"]);
    await verifyLayers(layers);
  });

  test("that is no file system keeps what is attached as it is", async () => {
    const fixture = attestation();
    const { layers, platform } = await openImage(await layout([fixture]));
    const digest = `sha256:${sha256Hex(fixture.layers[0]!)}`;
    expect(platform).toBe("unknown/unknown");
    expect(layers).toMatchObject([{ diffId: digest, digest, compression: "none", mediaType: MEDIA_TYPES.inToto }]);
    await verifyLayers(layers);
  });
});

describe("names", () => {
  const references = async (...listed: readonly Listed[]): Promise<(readonly string[])[]> =>
    (await layout(...listed)).images.map((image) => image.references);
  const refName = (name: string): Record<string, unknown> => ({
    annotations: { "org.opencontainers.image.ref.name": name },
  });

  test.each<[string, Record<string, unknown>, string[]]>([
    ["of containerd", nameFields("host.example/web:1"), ["host.example/web:1"]],
    ["a tag alone", refName("1"), ["1"]],
    ["in full", refName("host.example/web:1"), ["host.example/web:1"]],
    [
      "that differ",
      { annotations: { "io.containerd.image.name": "web:1", "org.opencontainers.image.ref.name": "2" } },
      ["web:1", "2"],
    ],
    ["none", {}, []],
  ])("%s", async (_what, fields, expected) => {
    expect(await references([ociImage(), fields])).toEqual([expected]);
  });

  test("several of one image are one image", async () => {
    const [one, other] = [ociImage(), ociImage({ layers: [layer("other")] })];
    expect(await references([one, nameFields("a:1")], [other, nameFields("b:1")], [one, nameFields("a:2")])).toEqual([
      ["a:1", "a:2"],
      ["b:1"],
    ]);
  });
});

describe("index.json and manifest.json together", () => {
  const items = (...entries: readonly Record<string, unknown>[]): Buffer =>
    tarEntry("manifest.json", JSON.stringify(entries));

  test("are one image", async () => {
    const fixture = ociImage();
    const archive = await open(containerdSave(fixture));
    expect(archive.images.map(({ id, references }) => [id, references])).toEqual([[fixture.digest, [REFERENCE]]]);
    expect((await openImage(archive)).manifest?.digest).toBe(fixture.digest);
  });

  test("unite their names, and what manifest.json alone lists stands by itself", async () => {
    const fixture = ociImage();
    const alone = savedImage({ references: ["alone:1"], layers: [layer("alone")] });
    const item = { Config: path({ digest: fixture.configDigest }), RepoTags: ["web:1", "web:2"], Layers: [] };
    const bytes = ociLayout({
      listed: [[fixture, nameFields("web:1")]],
      entries: [...alone.entries, items(item, alone.manifestItem)],
    });
    const archive = await open(bytes);
    expect(archive.images.map(({ references }) => references)).toEqual([["web:1", "web:2"], ["alone:1"]]);
    await verifyLayers((await openImage(archive, 1)).layers);
  });

  test("join an index by the configuration of one of its images", async () => {
    const fixture = multiPlatform();
    const item = { Config: path({ digest: fixture.images[1]!.configDigest }), RepoTags: ["web:1"], Layers: [] };
    const archive = await open(ociLayout({ listed: [[fixture]], entries: [items(item)] }));
    expect(archive.images.map(({ id, references }) => [id, references])).toEqual([[fixture.digest, ["web:1"]]]);
  });
});

describe("an index", () => {
  test("has every platform, and what is attached to it", async () => {
    const fixture = multiPlatform();
    const archive = await layout([fixture, nameFields("web:1")]);
    expect(archive.images[0]).toMatchObject({
      id: fixture.digest,
      references: ["web:1"],
      digests: [fixture.digest],
      parts: fixture.images.map(({ digest, configDigest }) => ({ id: digest, digests: [digest, configDigest] })),
    });
    const { manifest, entries, missing } = await openIndex(archive);
    expect(manifest).toEqual({ digest: fixture.digest, mediaType: MEDIA_TYPES.index, bytes: fixture.bytes });
    expect(missing).toEqual([]);
    expect(entries.map(({ platform, attests, image }) => [platform, attests, image.manifest?.digest])).toEqual([
      ["linux/amd64", undefined, fixture.images[0]!.digest],
      ["linux/arm64/v8", undefined, fixture.images[1]!.digest],
      ["unknown/unknown", fixture.images[0]!.digest, fixture.attestation.digest],
    ]);
    const listed = (JSON.parse(fixture.bytes.toString()) as { manifests: unknown[] }).manifests;
    expect(entries.map(({ descriptor }) => descriptor)).toEqual(listed);
    for (const { image } of entries) await verifyLayers(image.layers);
  });

  test("its images can be opened by themselves", async () => {
    const fixture = multiPlatform();
    const [first, second] = (await layout([fixture])).images[0]!.parts!;
    expect(await first!.open()).toMatchObject({ kind: "image", platform: "linux/amd64" });
    expect(await second!.open()).toMatchObject({ configDigest: fixture.images[1]!.configDigest });
  });

  test("names the platforms that the archive lacks", async () => {
    const fixture = multiPlatform();
    const [amd64, arm64] = fixture.images as readonly OciFixture[] as [OciFixture, OciFixture];
    // Of a platform that was not pulled, the manifest may be there.
    for (const without of [arm64.blobs, arm64.blobs.slice(1)]) {
      const bytes = ociLayout({ listed: [[fixture]], without });
      const { entries, missing } = await openIndex(await open(bytes));
      expect([entries.map(({ platform }) => platform), missing]).toEqual([
        ["linux/amd64", "unknown/unknown"],
        ["linux/arm64/v8"],
      ]);
    }
    const bytes = ociLayout({ listed: [[fixture]], without: [...amd64.blobs, ...arm64.blobs] });
    await expect(openIndex(await open(bytes))).rejects.toMatchObject({
      message:
        `${path(fixture)} in ${ARCHIVE} has none of its images: found an index for linux/amd64, linux/arm64/v8 but no image of it, ` +
        "expected at least one; pull the image for the platform that is meant, and save it again",
    });
  });

  test("does without an attestation that was not saved", async () => {
    const fixture = multiPlatform();
    const { entries, missing } = await openIndex(
      await open(ociLayout({ listed: [[fixture]], without: fixture.attestation.blobs })),
    );
    expect([entries.length, missing]).toEqual([2, []]);
  });

  test("in an index is resolved into one list", async () => {
    const image = (text: string): OciFixture => ociImage({ layers: [layer(text)] });
    const [one, two, three] = [image("1"), image("2"), image("3")] as const;
    const outer = ociIndex([one], [ociIndex([two], [ociIndex([three])])]);
    const { entries, manifest } = await openIndex(await layout([outer]));
    expect(manifest.digest).toBe(outer.digest);
    expect(entries.map(({ image }) => image.manifest?.digest)).toEqual([one.digest, two.digest, three.digest]);
    expect(entries[0]!.platform).toBe("linux/amd64");
  });

  test("in index.json, an attestation is no image", async () => {
    const fixture = ociImage();
    const archive = await layout([fixture], [attestation(), attestationFields(fixture)]);
    expect(archive.images.map(({ id }) => id)).toEqual([fixture.digest]);
  });

  test("of five indexes in each other is refused", async () => {
    const nested = (depth: number): OciFixture => (depth === 0 ? ociImage() : ociIndex([nested(depth - 1)]));
    await layout([nested(4)]);
    await expect(layout([nested(5)])).rejects.toMatchObject({
      message:
        `${path(nested(1))} in ${ARCHIVE} cannot be followed: found more than 4 indexes in each other, ` +
        "expected an index of image manifests; save the image again with `docker save`",
    });
  });

  test("that multiplies is refused", async () => {
    const ten = (one: OciFixture): OciFixture => ociIndex(...Array.from({ length: 10 }, (): Listed => [one]));
    const bytes = ociLayout({ listed: [[ten(ten(ociImage()))]] });
    await open(bytes, { images: 110 });
    await expect(open(bytes, { images: 109 })).rejects.toMatchObject({
      message: `${ARCHIVE} has too many images: found more than 109, expected at most 109; save fewer images in one archive`,
    });
  });

  test("that leads back to itself is refused", async () => {
    // By a digest that it cannot have: no such index can be made.
    const hex = "1".repeat(64);
    const self = { mediaType: MEDIA_TYPES.index, digest: `sha256:${hex}`, size: 1 };
    const bytes = tar(
      tarEntry(`blobs/sha256/${hex}`, "x"),
      tarEntry("index.json", JSON.stringify({ manifests: [self] })),
    );
    await expect(open(bytes)).rejects.toMatchObject({
      message: `blobs/sha256/${hex} in ${ARCHIVE} is damaged: found sha256:${sha256Hex(Buffer.from("x"))}, expected sha256:${hex} as its name says; nothing was tagged; ${AGAIN}`,
    });
  });
});

describe("an archive is refused", () => {
  const fixture = ociImage();
  const layerPath = `blobs/sha256/${sha256Hex(fixture.layers[0]!)}`;
  const openFirst = async (options: OciLayoutOptions, limits?: Partial<ArchiveLimits>): Promise<unknown> =>
    (await open(ociLayout(options), limits)).images[0]!.open();
  const incomplete = (found: string, wantedBy: string): string =>
    `${ARCHIVE} is incomplete: found no ${found}, expected it since ${wantedBy} names it; ${AGAIN}`;
  const misread = (what: string, found: string): string =>
    `${what} in ${ARCHIVE} cannot be understood: found ${found}, expected what \`docker save\` writes; save the image again with it`;
  const both = ociImage({ manifestFields: { manifests: [] } });
  const asIndex = ociImage({ manifestFields: { mediaType: MEDIA_TYPES.index } });
  const foreign = ociImage({ layerFields: { urls: ["https://host.example/layer"] } });
  const encrypted = ociImage({ layerFields: { mediaType: `${MEDIA_TYPES.layer}+gzip+encrypted` } });
  const wrongSize = ociImage({ layerFields: { size: 7 } });
  const fewer = ociImage({ configFields: { rootfs: { diff_ids: [] } } });
  const none = ociImage({ configFields: { rootfs: null } });
  const sha512 = ociImage({ layerFields: { digest: `sha512:${"1".repeat(128)}` } });

  test.each<[string, OciLayoutOptions, string]>([
    ["without a manifest", { listed: [[fixture]], without: [fixture.bytes] }, incomplete(path(fixture), "index.json")],
    [
      "without a configuration",
      { listed: [[fixture]], without: [fixture.config] },
      incomplete(path({ digest: fixture.configDigest }), path(fixture)),
    ],
    ["without a layer", { listed: [[fixture]], without: [fixture.layers[0]!] }, incomplete(layerPath, path(fixture))],
    [
      "without a layer that lies elsewhere",
      { listed: [[foreign]], without: [foreign.layers[0]!] },
      `${layerPath} in ${ARCHIVE} is not in the archive: found a layer that lies at https://host.example/layer, expected all layers in the ` +
        "archive; save the image by a tool that includes foreign layers, or build it on another base",
    ],
    [
      "with an encrypted layer",
      { listed: [[encrypted]] },
      `not supported yet: found an encrypted layer (${layerPath} in ${ARCHIVE}), expected layers that docker can unpack; decrypt the image`,
    ],
    [
      "with a layer of another size",
      { listed: [[wrongSize]] },
      `${layerPath} in ${ARCHIVE} is damaged: found ${fixture.layers[0]!.length} bytes, expected 7 as ${path(wrongSize)} says; nothing was tagged; ${AGAIN}`,
    ],
    [
      "with a manifest of another size",
      { listed: [[fixture, { size: 7 }]] },
      `${path(fixture)} in ${ARCHIVE} is damaged: found ${fixture.bytes.length} bytes, expected 7 as index.json says; nothing was tagged; ${AGAIN}`,
    ],
    [
      "with an index and a manifest in one",
      { listed: [[both]] },
      misread(path(both), "an index and a manifest in one at manifests"),
    ],
    [
      "with a manifest that says it is an index",
      { listed: [[asIndex]] },
      misread(path(asIndex), `the media type "${MEDIA_TYPES.index}" in what is listed as "${MEDIA_TYPES.manifest}"`),
    ],
    [
      "with an index that is a manifest",
      { listed: [[fixture, { mediaType: MEDIA_TYPES.index }]] },
      misread(path(fixture), "an index and a manifest in one at layers"),
    ],
    [
      "with fewer diffIDs than layers",
      { listed: [[fewer]] },
      `${ARCHIVE} contradicts itself: found 2 layers in its manifest, expected 0 as in the image's configuration; ${AGAIN}`,
    ],
    [
      "with a configuration that lists no file system",
      { listed: [[none]] },
      misread(path({ digest: none.configDigest }), "Invalid input: expected object, received null at rootfs"),
    ],
    ["with another algorithm", { listed: [[sha512]] }, misread(path(sha512), "not a sha256 digest at layers.0.digest")],
  ])("%s", async (_what, options, message) => {
    await expect(openFirst(options)).rejects.toMatchObject({ message });
  });

  test.each([
    "",
    "text",
    "text/",
    `${MEDIA_TYPES.manifest}\r\nX-Other: 1`,
    `${MEDIA_TYPES.manifest}\n`,
    `${MEDIA_TYPES.manifest} 層`,
    `${MEDIA_TYPES.manifest};charset=utf-8`,
    `a/${"b".repeat(128)}`,
  ])("with the media type %j", async (mediaType) => {
    await expect(layout([fixture, { mediaType }])).rejects.toMatchObject({
      message:
        `manifests.0 of index.json in ${ARCHIVE} cannot be understood: found not a media type at mediaType, ` +
        "expected what `docker save` writes; save the image again with it",
    });
    const image = ociImage({ layerFields: { mediaType } });
    await expect(openFirst({ listed: [[image]] })).rejects.toMatchObject({
      message: misread(path(image), "not a media type at layers.0.mediaType"),
    });
  });

  test.each(["text/plain", MEDIA_TYPES.config, "application/vnd.docker.distribution.manifest.v1+prettyjws"])(
    "with a manifest of the type %s, by itself or in an index",
    async (mediaType) => {
      const message = misread(
        path(fixture),
        `that it is listed as "${mediaType}", neither a manifest nor an index of images`,
      );
      const other = { ...fixture, mediaType };
      await expect(layout([other])).rejects.toMatchObject({ message });
      await expect(layout([ociIndex([other])])).rejects.toMatchObject({ message });
    },
  );

  test("with a manifest that is not what its name says", async () => {
    const bytes = ociLayout({
      listed: [[fixture]],
      without: [fixture.bytes],
      entries: [tarEntry(path(fixture), " ".repeat(fixture.bytes.length))],
    });
    await expect(open(bytes)).rejects.toThrow(`expected ${fixture.digest} as its name says; nothing was tagged`);
  });

  test.each<[string, OciFixture & { readonly layers: readonly Buffer[] }]>([
    ["a layer that is not compressed", ociImage({ compression: "none", layers: [layer("plain")] })],
    ["what is attached", attestation()],
  ])("with %s, and larger than a limit", async (_what, image) => {
    const [blob] = image.layers as [Buffer];
    await openFirst({ listed: [[image]] }, { layer: blob.length });
    await expect(openFirst({ listed: [[image]] }, { layer: blob.length - 1 })).rejects.toMatchObject({
      message:
        `blobs/sha256/${sha256Hex(blob)} in ${ARCHIVE} is too large: found ${blob.length} bytes, expected at most ${blob.length - 1}; ` +
        "look at what was saved, and raise the limit if all of it is meant",
    });
  });

  test("with more than 32 MiB of manifests", async () => {
    const images = Array.from({ length: 3 }, (_, at) => ociImage({ layers: [layer(`${at}`)] }));
    const index = ociLayout({ listed: images.map((one): Listed => [one]) });
    const jsonTotal = 1500;
    await expect(open(index, { jsonTotal })).rejects.toMatchObject({
      message:
        `${ARCHIVE} has too many or too large manifests: found more than ${jsonTotal} bytes of them, expected at most ${jsonTotal}; ` +
        "save fewer images in one archive",
    });
  });

  test("with a manifest that occurs twice", async () => {
    const bytes = ociLayout({ listed: [[fixture]], entries: [tarEntry(path(fixture), fixture.bytes)] });
    await expect(open(bytes)).rejects.toThrow(`${ARCHIVE} is ambiguous: found several entries named ${path(fixture)}`);
  });
});
