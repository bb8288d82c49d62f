import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buffer } from "node:stream/consumers";
import type { Image, ImageArchive, SavedImage } from "../../core/archive/image";
import { openArchive, writeArchive, type OpenArchiveOptions } from "../../core/archive/open";
import { parseReference } from "../../core/archive/reference";
import { selectImage, selectTaggedImage, type ImageRule } from "../../core/archive/select";
import { LayerCheck, verifyLayers } from "../../core/archive/verify";
import {
  bufferSource,
  compressed,
  containerdSave,
  dockerSave,
  layer,
  nameFields,
  ociImage,
  ociLayout,
  REFERENCE,
  savedImage,
  sha256Hex,
  tar,
  tarEntry,
  zip,
  zstdFrame,
} from "../support/archives";

const NAME = "s3://drops/web.zip";
const ARCHIVE = `image/web in ${NAME}`;

let spoolDirectory: string;
const spoolFile = (name: string): string => join(spoolDirectory, name);
beforeEach(() => {
  spoolDirectory = mkdtempSync(join(tmpdir(), "archive-image-"));
});
afterEach(() => {
  rmSync(spoolDirectory, { recursive: true });
});

async function open(archive: Buffer): Promise<ImageArchive> {
  return openObject(zip({ name: "image/web", data: archive }));
}

async function openObject(object: Buffer, options: Partial<OpenArchiveOptions> = {}): Promise<ImageArchive> {
  return openArchive(bufferSource(object, NAME), { archivePath: "image/web", spoolFile, ...options });
}

async function openFirst(archive: Buffer): Promise<Image> {
  const image = await (await open(archive)).images[0]!.open();
  if (image.kind !== "image") throw new Error("an index");
  return image;
}

describe("a tar that is not compressed, and larger than a limit, is refused when it is found", () => {
  const plain = dockerSave();
  test.each<[string, Buffer, string]>([
    ["bare", plain, NAME],
    ["stored in a zip", zip({ name: "image/web", data: plain, method: "stored" }), ARCHIVE],
    ["deflated in a zip", zip({ name: "image/web", data: plain }), ARCHIVE],
  ])("%s", async (_form, object, name) => {
    const message =
      `${name} is too large: found ${plain.length} bytes, expected at most ${plain.length - 1}; ` +
      "look at what was saved, and raise the limit if all of it is meant";
    const source = bufferSource(object, NAME);
    const file = join(spoolDirectory, "archive");
    const limits = { archive: plain.length };
    await openArchive(source, { spoolFile, limits });
    await writeArchive(source, { file, limits });
    const less = { archive: plain.length - 1 };
    await expect(openArchive(source, { spoolFile, limits: less })).rejects.toMatchObject({ message });
    await expect(writeArchive(source, { file, limits: less })).rejects.toMatchObject({ message });
  });
});

describe("reading", () => {
  test.each(["legacy", "docker25"] as const)("the %s layout", async (layout) => {
    const fixture = savedImage({ layout });
    const archive = await open(dockerSave({ layout }));
    expect(archive.images.map(({ references }) => references)).toEqual([[REFERENCE]]);
    const image = await openFirst(dockerSave({ layout }));
    expect(image.config).toEqual(fixture.config);
    expect(image.configDigest).toBe(fixture.configDigest);
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(
      fixture.layers.map((bytes) => `sha256:${sha256Hex(bytes)}`),
    );
    const contents = image.layers.map(({ content }) => buffer(content.read(0, content.size)));
    expect(await Promise.all(contents)).toEqual(fixture.layers);
  });

  test("several images, also without a name", async () => {
    const archive = await open(
      dockerSave({ references: ["a:1", "b:2"] }, { references: null, layers: [layer("other")] }),
    );
    expect(archive.images.map(({ references }) => references)).toEqual([["a:1", "b:2"], []]);
  });

  test("a layer that is a link to another image's", async () => {
    const base = layer("base");
    const { entries, manifestItem } = savedImage({ layers: [base] });
    const item = { ...manifestItem, Layers: ["other/layer.tar"] };
    const link = tarEntry("other/layer.tar", "", { type: "2", link: `../${sha256Hex(base)}/layer.tar` });
    const archive = tar(...entries, link, tarEntry("manifest.json", JSON.stringify([item])));
    const [content] = (await openFirst(archive)).layers.map((one) => one.content);
    expect(await content!.bytes(0, content!.size)).toEqual(base);
  });
});

describe.each<[string, Buffer]>([
  ["of docker", dockerSave()],
  ["of docker 25", dockerSave({ layout: "docker25" })],
  ["of containerd", containerdSave()],
  ["an OCI layout", ociLayout({ listed: [[ociImage({ compression: "zstd" }), nameFields(REFERENCE)]] })],
])("an archive %s", (_layout, archive) => {
  const forms: [string, Buffer][] = [
    ["tar", archive],
    ["gzip", gzipSync(archive)],
    ["zstd", zstdFrame(archive)],
  ];
  test.each([
    ...forms,
    ...forms.flatMap(([form, data]) =>
      (["stored", "deflated"] as const).map((method): [string, Buffer] => [
        `${form} in a zip, ${method}`,
        zip({ name: "web", data, method }),
      ]),
    ),
  ])("as %s is read, and written as a plain tar", async (_form, object) => {
    const opened = await openObject(object, { archivePath: undefined });
    const file = join(spoolDirectory, "image.tar");
    const written = await writeArchive(bufferSource(object, NAME), { file });
    expect(readFileSync(file).equals(archive)).toBe(true);
    for (const { images } of [opened, written]) {
      expect(images.map(({ references }) => references)).toEqual([[REFERENCE]]);
      const image = await images[0]!.open();
      if (image.kind !== "image") throw new Error("an index");
      expect(image.layers).toHaveLength(2);
      await verifyLayers(image.layers);
    }
  });
});

const refused = (name: string, found: string): string =>
  `${name} is not an image archive: found ${found}, expected the tar that \`docker save\` writes, or an OCI layout, plain or compressed by ` +
  "gzip or zstd, by itself or in a zip; save the image with `docker save` and upload it again";

test.each([
  ["text", Buffer.from("<html>"), refused(NAME, "data of no known format, starting with 3c68746d6c3e")],
  ["nothing", Buffer.alloc(0), refused(NAME, "nothing")],
  ["text in gzip", gzipSync("hello"), refused(NAME, "data of no known format, starting with 68656c6c6f")],
  ["nothing in gzip", gzipSync(""), refused(NAME, "nothing")],
  ["gzip in gzip", gzipSync(gzipSync(dockerSave())), refused(NAME, "gzip-compressed data")],
  ["a zip in gzip", gzipSync(zip({ name: "image/web", data: dockerSave() })), refused(NAME, "a zip")],
  [
    "xz",
    Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
    `not supported yet: found xz-compressed data (${NAME}), expected a tar, or a tar compressed by gzip or zstd; ` +
      "decompress it, or compress it by gzip or zstd",
  ],
])("%s as the object is refused", async (_form, object, message) => {
  await expect(openObject(object)).rejects.toMatchObject({ message });
});

test.each([
  ["a zip", zip(), refused(ARCHIVE, "a zip")],
  ["text", Buffer.from("hello"), refused(ARCHIVE, "data of no known format, starting with 68656c6c6f")],
  [
    "a tar of files",
    tar(tarEntry("README", "x"), tarEntry("src/main.c", "y")),
    refused(ARCHIVE, "a tar without manifest.json and index.json, holding README, src/main.c"),
  ],
  [
    "an OCI layout of nothing",
    tar(tarEntry("oci-layout", "{}"), tarEntry("index.json", "{}")),
    refused(ARCHIVE, "no image listed in index.json"),
  ],
  [
    "no image",
    tar(tarEntry("manifest.json", "[]"), tarEntry("index.json", '{"manifests":null}')),
    refused(ARCHIVE, "no image listed in manifest.json and index.json"),
  ],
  [
    "a manifest that is no list",
    tar(tarEntry("manifest.json", '{"schemaVersion":2}')),
    `manifest.json in ${ARCHIVE} cannot be understood: found Invalid input: expected array, received object at its root, ` +
      "expected what `docker save` writes; save the image again with it",
  ],
  [
    "a manifest that nests lists",
    tar(tarEntry("manifest.json", `${"[".repeat(65)}${"]".repeat(65)}`)),
    `manifest.json in ${ARCHIVE} cannot be understood: found JSON that is more than 64 levels deep, ` +
      "expected what `docker save` writes; save the image again with it",
  ],
  [
    "a manifest of 1,001 layers",
    tar(tarEntry("manifest.json", JSON.stringify([{ Config: "c", Layers: Array(1001).fill("l") }]))),
    `manifest.json in ${ARCHIVE} cannot be understood: found Too big: expected array to have <=1000 items at 0.Layers, ` +
      "expected what `docker save` writes; save the image again with it",
  ],
])("%s as the archive is refused", async (_form, archive, message) => {
  await expect(open(archive)).rejects.toMatchObject({ message });
});

test("a manifest that is no JSON is refused", async () => {
  await expect(open(tar(tarEntry("manifest.json", "[{")))).rejects.toThrow(
    /^manifest\.json in image\/web in s3:\/\/drops\/web\.zip cannot be understood: found no JSON \(.+\), expected what `docker save` writes; save the image again with it$/,
  );
});

describe("an image is refused", () => {
  test("whose configuration is not what its name says", async () => {
    const configName = "0".repeat(64);
    const { configDigest } = savedImage();
    await expect(openFirst(dockerSave({ configName }))).rejects.toThrow(
      `${configName}.json in ${ARCHIVE} is damaged: found ${configDigest}, expected sha256:${configName} as its name says; ` +
        "nothing was tagged; save the image again with `docker save` and upload it",
    );
  });

  test("whose configuration is not what go-containerregistry's name for it says", async () => {
    const Config = `sha256:${"0".repeat(64)}`;
    const { config, configDigest, entries, manifestItem } = savedImage();
    const manifest = tarEntry("manifest.json", JSON.stringify([{ ...manifestItem, Config }]));
    await expect(openFirst(tar(...entries, tarEntry(Config, config), manifest))).rejects.toThrow(
      `${Config} in ${ARCHIVE} is damaged: found ${configDigest}, expected ${Config} as its name says; `,
    );
  });

  test("that lists fewer layers than its configuration", async () => {
    const diffIds = [1, 2, 3].map((digit) => `sha256:${String(digit).repeat(64)}`);
    await expect(openFirst(dockerSave({ diffIds }))).rejects.toThrow(
      `${ARCHIVE} contradicts itself: found 2 layers in its manifest, expected 3 as in the image's configuration; ` +
        "save the image again with `docker save` and upload it",
    );
  });

  test("whose diffID is no digest", async () => {
    await expect(openFirst(dockerSave({ diffIds: ["sha256:1", "md5:2"] }))).rejects.toThrow(
      "cannot be understood: found not a sha256 digest at rootfs.diff_ids.0",
    );
  });

  test("whose layer is missing", async () => {
    const { entries, manifestItem } = savedImage();
    const archive = tar(...entries.slice(0, 2), tarEntry("manifest.json", JSON.stringify([manifestItem])));
    await expect(openFirst(archive)).rejects.toThrow(
      `${ARCHIVE} is incomplete: found no ${sha256Hex(layer("app"))}/layer.tar, expected it since manifest.json names it; ` +
        "save the image again with `docker save` and upload it",
    );
  });

  test("that lies outside", async () => {
    const { entries, manifestItem } = savedImage();
    for (const Config of ["../config.json", "/config.json", "a\\config.json", "a/../../config.json"]) {
      const item = { ...manifestItem, Config };
      const archive = tar(...entries, tarEntry(Config, "{}"), tarEntry("manifest.json", JSON.stringify([item])));
      await expect(openFirst(archive)).rejects.toMatchObject({
        message:
          `${ARCHIVE} has an unusable name: found ${Config} in manifest.json, expected the path of a file inside the archive; ` +
          "save the image again with `docker save` and upload it",
      });
    }
  });
});

describe("layers", () => {
  test.each(["none", "gzip", "zstd"] as const)("compressed by %s", async (compression) => {
    const [base, app] = [layer("base"), layer("app")];
    const blobs = [base, app].map((bytes) => compressed(bytes, compression));
    const diffIds = [base, app].map((bytes) => `sha256:${sha256Hex(bytes)}`);
    const { layers } = await openFirst(dockerSave({ layout: "docker25", layers: blobs, diffIds }));
    expect(layers.map(({ content, ...rest }) => ({ ...rest, size: content.size }))).toEqual(
      blobs.map((bytes, at) => ({
        diffId: diffIds[at],
        compression,
        digest: `sha256:${sha256Hex(bytes)}`,
        size: bytes.length,
      })),
    );
    await verifyLayers(layers);
  });

  test("that are not what the configuration lists", async () => {
    const blob = gzipSync(layer("base"));
    const diffId = `sha256:${"1".repeat(64)}`;
    const { layers } = await openFirst(dockerSave({ layers: [blob], diffIds: [diffId] }));
    await expect(verifyLayers(layers)).rejects.toMatchObject({
      message:
        `${sha256Hex(blob)}/layer.tar in ${ARCHIVE} is damaged: found a layer with the diffID sha256:${sha256Hex(layer("base"))}, ` +
        `expected ${diffId}; nothing was tagged; save the image again with \`docker save\` and upload it`,
    });
  });

  test("that are not what their names say", async () => {
    const { entries, manifestItem } = savedImage({ layout: "docker25", layers: [layer("base")] });
    const swapped = tarEntry((manifestItem.Layers as string[])[0]!, layer("evil"));
    const archive = tar(entries[0]!, swapped, tarEntry("manifest.json", JSON.stringify([manifestItem])));
    await expect(verifyLayers((await openFirst(archive)).layers)).rejects.toThrow(
      `is damaged: found sha256:${sha256Hex(layer("evil"))}, expected sha256:${sha256Hex(layer("base"))}; nothing was tagged`,
    );
  });

  test("that are cut", async () => {
    const blob = gzipSync(layer("base")).subarray(0, -9);
    const { layers } = await openFirst(dockerSave({ layers: [blob], diffIds: [`sha256:${sha256Hex(layer("base"))}`] }));
    await expect(verifyLayers(layers)).rejects.toMatchObject({
      message:
        `${sha256Hex(blob)}/layer.tar in ${ARCHIVE} is truncated: found gzip-compressed data without its end, expected all of it; ` +
        "compare the size with the original, save the image again and upload it",
    });
  });

  test("that grow beyond a limit", async () => {
    const plain = layer("base");
    const { layers } = await openFirst(
      dockerSave({ layers: [gzipSync(plain)], diffIds: [`sha256:${sha256Hex(plain)}`] }),
    );
    await verifyLayers(layers, { layer: plain.length, ratio: 500 });
    await expect(verifyLayers(layers, { layer: plain.length - 1, ratio: 500 })).rejects.toThrow(
      `is too large: found more than ${plain.length - 1} bytes when decompressing it, expected at most ${plain.length - 1}`,
    );
  });

  test("that are not compressed, and larger than a limit", async () => {
    const plain = layer("base");
    const open = async (limit: number): Promise<unknown> =>
      (await openObject(dockerSave({ layers: [plain] }), { limits: { layer: limit } })).images[0]!.open();
    await open(plain.length);
    await expect(open(plain.length - 1)).rejects.toMatchObject({
      message:
        `${sha256Hex(plain)}/layer.tar in ${NAME} is too large: found ${plain.length} bytes, expected at most ${plain.length - 1}; ` +
        "look at what was saved, and raise the limit if all of it is meant",
    });
  });

  test("a check passes the bytes on as they are, and knows their digest", async () => {
    const plain = layer("base");
    const blob = gzipSync(plain);
    const { layers } = await openFirst(dockerSave({ layers: [blob], diffIds: [`sha256:${sha256Hex(plain)}`] }));
    const { content } = layers[0]!;
    const check = content.read(0, content.size).pipe(new LayerCheck(layers[0]!));
    expect((await buffer(check)).equals(blob)).toBe(true);
    expect([check.size, check.digest]).toEqual([blob.length, `sha256:${sha256Hex(blob)}`]);
  });
});

describe("references", () => {
  test.each([
    ["web:1", undefined, ["web"], "1"],
    ["tomofun/web:1", undefined, ["tomofun", "web"], "1"],
    ["host.example/tomofun/web:1", "host.example", ["tomofun", "web"], "1"],
    ["host:5000/web:1", "host:5000", ["web"], "1"],
    ["localhost/web:v1.0_rc-1", "localhost", ["web"], "v1.0_rc-1"],
    ["Host-1.example:443/a.b/c__d/e---f/g_h:1", "Host-1.example:443", ["a.b", "c__d", "e---f", "g_h"], "1"],
  ])("%s", (text, host, path, tag) => {
    expect(parseReference(text)).toEqual({ text, ...(host !== undefined && { host }), path, tag });
  });

  test.each([
    "web",
    "host:5000/web",
    ":1",
    "/web:1",
    "web:",
    "web:-1",
    `web:${"a".repeat(129)}`,
    "Web:1",
    "web@sha256:1",
    "a//b:1",
    "web:1\n",
    "-web:1",
    "web-:1",
    "a..b:1",
    "a___b:1",
    "-v/web:1",
    "-host.example/web:1",
    "host.example-/web:1",
    "host.example:/web:1",
    "host.example:a/web:1",
    "a b.example/web:1",
    "$(id).example/web:1",
    "a\n.example/web:1",
  ])("%j is none", (text) => {
    expect(parseReference(text)).toBeUndefined();
  });
});

describe("selection", () => {
  const HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
  const rule: ImageRule = { account: "123456789012", repository: "tomofun/api", tagPattern: /^[0-9a-f]{7,40}$/ };

  function archive(...images: readonly (readonly string[])[]): ImageArchive {
    const open = (): Promise<never> => Promise.reject(new Error("not opened by the selection"));
    return {
      name: ARCHIVE,
      images: images.map((references, at) => ({ id: `image ${at}`, references, digests: [], open })),
    };
  }

  function select(overrides: Partial<ImageRule>, ...images: readonly (readonly string[])[]): string {
    const { image, gitHash } = selectImage(archive(...images), { ...rule, ...overrides });
    return `${image.id} ${gitHash ?? "-"}`;
  }

  test.each<[string, Partial<ImageRule>, string[][], string]>([
    ["the only one", {}, [[`${HOST}/tomofun/api:0123abc`]], "image 0 0123abc"],
    [
      "whole components",
      {},
      [[`${HOST}/tomofun/api-gateway:0123abc`, `${HOST}/x/tomofun/api:0123abd`]],
      "image 0 0123abd",
    ],
    [
      "the account",
      {},
      [["999999999999.dkr.ecr.us-east-1.amazonaws.com/tomofun/api:0123abc"], [`${HOST}/tomofun/api:0123abd`]],
      "image 1 0123abd",
    ],
    ["the hash among its tags", {}, [[`${HOST}/tomofun/api:latest`, `${HOST}/tomofun/api:0123abc`]], "image 0 0123abc"],
    [
      "one image under two hosts",
      { account: undefined },
      [[`${HOST}/tomofun/api:0123abc`, "host:5000/tomofun/api:0123abc"]],
      "image 0 0123abc",
    ],
    ["any account", { account: undefined }, [["tomofun/api:0123abc"]], "image 0 0123abc"],
    [
      "a registry with a port",
      { account: "host:5000", repository: "api" },
      [["host:5000/api:0123abc"]],
      "image 0 0123abc",
    ],
    [
      "an account with folders",
      { account: "host.example/tomofun" },
      [["host.example/tomofun-b/tomofun/api:0123abc", "host.example/tomofun/api:0123abd"]],
      "image 0 0123abd",
    ],
    [
      "an account that ends in a slash",
      { account: "host.example/" },
      [["host.example/tomofun/api:0123abc"]],
      "image 0 0123abc",
    ],
    ["a tag alone", { account: undefined }, [["0123abc"]], "image 0 0123abc"],
    ["another tag rule", { tagPattern: /^v\d+$/ }, [[`${HOST}/tomofun/api:v12`]], "image 0 v12"],
  ])("takes %s", (_what, overrides, images, expected) => {
    expect(select(overrides, ...images)).toBe(expected);
  });

  test.each([
    ["7 digits", "0123abc", true],
    ["6 digits", "0123ab", false],
    ["40 digits", "a".repeat(40), true],
    ["41 digits", "a".repeat(41), false],
  ])("a tag of %s", (_what, tag, isHash) => {
    const selecting = (): string => select({}, [`${HOST}/tomofun/api:${tag}`]);
    if (isHash) expect(selecting()).toBe(`image 0 ${tag}`);
    else expect(selecting).toThrow("has no image tagged with a git hash");
  });

  test.each<[string, Partial<ImageRule>, string[][], string]>([
    [
      "none of that account",
      {},
      [["999999999999.dkr.ecr.us-east-1.amazonaws.com/tomofun/api:0123abc"], ["tomofun/api:0123abc"]],
      `${ARCHIVE} has no image for this service: found 999999999999.dkr.ecr.us-east-1.amazonaws.com/tomofun/api:0123abc, tomofun/api:0123abc, ` +
        "expected a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    ],
    [
      "a tag alone, where an account is asked for",
      {},
      [["0123abc"]],
      `${ARCHIVE} has no image for this service: found 0123abc, ` +
        "expected a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    ],
    [
      "none of that repository",
      { account: undefined },
      [["tomofun/api-gateway:0123abc"]],
      `${ARCHIVE} has no image for this service: found tomofun/api-gateway:0123abc, ` +
        "expected any reference that contains the repository tomofun/api; " +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    ],
    [
      "none with a name",
      {},
      [[], []],
      `${ARCHIVE} has no image for this service: found only images without a name, ` +
        "expected a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "tag the image so before `docker save NAME:TAG`, or correct the service's account and repository",
    ],
    [
      "none with a hash",
      {},
      [[`${HOST}/tomofun/api:latest`, `${HOST}/tomofun/api:v1`]],
      `${ARCHIVE} has no image tagged with a git hash: found ${HOST}/tomofun/api:latest, ${HOST}/tomofun/api:v1, ` +
        "expected a tag that matches ^[0-9a-f]{7,40}$; tag the image with its git hash before `docker save NAME:TAG`",
    ],
    [
      "two images",
      {},
      [[`${HOST}/tomofun/api:0123abc`], [`${HOST}/tomofun/api:0123abd`]],
      `${ARCHIVE} has several images for this service: found ${HOST}/tomofun/api:0123abc (image 0), ${HOST}/tomofun/api:0123abd (image 1), ` +
        "expected one image with one git hash under a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "save only that image with `docker save NAME:TAG`, or name it by its digest",
    ],
    [
      "one image with two hashes",
      {},
      [[`${HOST}/tomofun/api:0123abc`, `${HOST}/tomofun/api:0123abd`]],
      `${ARCHIVE} has several images for this service: found ${HOST}/tomofun/api:0123abc (image 0), ${HOST}/tomofun/api:0123abd (image 0), ` +
        "expected one image with one git hash under a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "save only that image with `docker save NAME:TAG`, or name it by its digest",
    ],
  ])("refuses %s", (_what, overrides, images, message) => {
    expect(() => select(overrides, ...images)).toThrow(new Error(message));
  });

  test("lists at most ten references", () => {
    const many = Array.from({ length: 13 }, (_, at) => `other/image-${at}:0123abc`);
    expect(() => select({}, many)).toThrow(/other\/image-9:0123abc and 3 more, expected/);
  });

  describe("of an image that is named", () => {
    const digest = (digit: string): `sha256:${string}` => `sha256:${digit.repeat(64)}`;
    const image = (id: string, references: readonly string[], fields: Partial<SavedImage> = {}): SavedImage => ({
      id,
      references,
      digests: [],
      open: () => Promise.reject(new Error("not opened by the selection")),
      ...fields,
    });
    const part = image(digest("5"), [], { digests: [digest("5"), digest("6")] });
    const named: ImageArchive = {
      name: ARCHIVE,
      images: [
        image("abc.json", ["redis:7"]),
        image(digest("1"), ["host.example/web:0123abc", "host.example/web:latest"], {
          digests: [digest("1"), digest("2")],
        }),
        image(digest("3"), ["twin:1"], { digests: [digest("3"), digest("4")] }),
        image(digest("7"), ["twin:1", "v1"], { digests: [digest("7")], parts: [part] }),
        image(digest("8"), ["a:0123abc", "a:0123abd"], { digests: [digest("8")] }),
      ],
    };

    test.each([
      ["its id", "abc.json", "abc.json", "redis:7", undefined],
      ["the digest of its manifest", digest("1"), digest("1"), "host.example/web:0123abc", "0123abc"],
      ["the digest of its configuration", digest("2"), digest("1"), "host.example/web:0123abc", "0123abc"],
      ["the digest of an index", digest("7"), digest("7"), undefined, undefined],
      ["the digest of an image in an index", digest("5"), digest("5"), undefined, undefined],
      ["the digest of a configuration in an index", digest("6"), digest("5"), undefined, undefined],
      ["its name", "host.example/web:0123abc", digest("1"), "host.example/web:0123abc", "0123abc"],
      ["another name of it", "host.example/web:latest", digest("1"), "host.example/web:latest", "0123abc"],
      ["its name in full", "docker.io/library/redis:7", "abc.json", "redis:7", undefined],
      ["a name without a tag", "host.example/web", digest("1"), "host.example/web:latest", "0123abc"],
      ["a tag alone", "v1", digest("7"), "v1", undefined],
      ["a digest, of an image with two hashes", digest("8"), digest("8"), undefined, undefined],
      ["one of two hashes", "a:0123abd", digest("8"), "a:0123abd", "0123abd"],
    ])("by %s", (_what, name, id, reference, gitHash) => {
      const selected = selectImage(named, { ...rule, image: name });
      expect([selected.image.id, selected.reference?.text, selected.gitHash]).toEqual([id, reference, gitHash]);
    });

    const listed =
      `redis:7 (abc.json), host.example/web:0123abc, host.example/web:latest (${digest("1")}, ${digest("2")}), ` +
      `twin:1 (${digest("3")}, ${digest("4")}), twin:1, v1 (${digest("7")}), a:0123abc, a:0123abd (${digest("8")})`;

    test("that is not there", () => {
      expect(() => selectImage(named, { ...rule, image: "redis:8" })).toThrow(
        new Error(
          `${ARCHIVE} has no image redis:8: found ${listed}, expected that name or digest among them; name one of them`,
        ),
      );
    });

    test("by a name that two have", () => {
      expect(() => selectImage(named, { ...rule, image: "twin:1" })).toThrow(
        new Error(
          `${ARCHIVE} has several images twin:1: found twin:1 (${digest("3")}, ${digest("4")}), twin:1, v1 (${digest("7")}), ` +
            "expected one; name it by its digest",
        ),
      );
    });

    test("without a git hash, where one is needed", () => {
      expect(selectTaggedImage(named, { ...rule, image: digest("1") }).gitHash).toBe("0123abc");
      expect(() => selectTaggedImage(named, { ...rule, image: "redis:7" })).toThrow(
        new Error(
          `${ARCHIVE} has no image tagged with a git hash: found redis:7, expected a tag that matches ^[0-9a-f]{7,40}$; ` +
            "tag the image with its git hash before `docker save NAME:TAG`",
        ),
      );
    });
  });
});
