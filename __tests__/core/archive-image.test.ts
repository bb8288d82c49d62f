import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buffer } from "node:stream/consumers";
import type { ImageArchive } from "../../core/archive/image";
import { openArchive } from "../../core/archive/open";
import { parseReference } from "../../core/archive/reference";
import { selectImage, type ImageRule } from "../../core/archive/select";
import {
  bufferSource,
  dockerSave,
  layer,
  REFERENCE,
  savedImage,
  sha256Hex,
  tar,
  tarEntry,
  zip,
} from "../support/archives";

const NAME = "s3://drops/web.zip";
const ARCHIVE = `image/web in ${NAME}`;

let spoolDirectory: string;
beforeEach(() => {
  spoolDirectory = mkdtempSync(join(tmpdir(), "archive-image-"));
});
afterEach(() => {
  rmSync(spoolDirectory, { recursive: true });
});

async function open(archive: Buffer): Promise<ImageArchive> {
  return openObject(zip({ name: "image/web", data: archive }));
}

async function openObject(object: Buffer): Promise<ImageArchive> {
  return openArchive(bufferSource(object, NAME), { archivePath: "image/web", spoolDirectory });
}

describe("reading", () => {
  test.each(["legacy", "docker25"] as const)("the %s layout", async (layout) => {
    const fixture = savedImage({ layout });
    const archive = await open(dockerSave({ layout }));
    expect(archive.images.map(({ references }) => references)).toEqual([[REFERENCE]]);
    const image = await archive.images[0]!.open();
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
    const archive = await open(tar(...entries, link, tarEntry("manifest.json", JSON.stringify([item]))));
    const [content] = (await archive.images[0]!.open()).layers.map((one) => one.content);
    expect(await content!.bytes(0, content!.size)).toEqual(base);
  });
});

const asObject = (found: string): string =>
  `not supported yet: found ${found} as the object itself (${NAME}), expected a zip that holds the image archive at image/web; ` +
  "put the output of `docker save` into a zip under that path";

test.each([
  ["a tar", dockerSave(), asObject("a tar")],
  ["gzip", gzipSync(dockerSave()), asObject("gzip-compressed data")],
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]), asObject("zstd-compressed data")],
  [
    "text",
    Buffer.from("<html>"),
    `${NAME} is not a zip: found data of no known format, starting with 3c68746d6c3e (6 bytes), expected a zip that holds the image archive at ` +
      "image/web; zip the output of `docker save` under that path and upload it again",
  ],
  [
    "nothing",
    Buffer.alloc(0),
    `${NAME} is not a zip: found nothing (0 bytes), expected a zip that holds the image archive at image/web; ` +
      "zip the output of `docker save` under that path and upload it again",
  ],
])("%s as the object is refused", async (_form, object, message) => {
  await expect(openObject(object)).rejects.toMatchObject({ message });
});

test.each([
  [
    "gzip",
    gzipSync(dockerSave()),
    `not supported yet: found gzip-compressed data (${ARCHIVE}), expected the plain tar that \`docker save\` writes; ` +
      "decompress it before zipping it; the zip compresses it anyway",
  ],
  [
    "a zip",
    zip(),
    `${ARCHIVE} is not an image archive: found a zip, expected the tar that \`docker save\` writes, with a manifest.json; ` +
      "save the image with `docker save` and upload it again",
  ],
  [
    "text",
    Buffer.from("hello"),
    `${ARCHIVE} is not an image archive: found data of no known format, starting with 68656c6c6f, expected the tar that ` +
      "`docker save` writes, with a manifest.json; save the image with `docker save` and upload it again",
  ],
  [
    "a tar of files",
    tar(tarEntry("README", "x"), tarEntry("src/main.c", "y")),
    `${ARCHIVE} is not an image archive: found a tar without manifest.json, holding README, src/main.c, expected the tar that ` +
      "`docker save` writes, with a manifest.json; save the image with `docker save` and upload it again",
  ],
  [
    "an OCI layout",
    tar(tarEntry("oci-layout", "{}"), tarEntry("index.json", "{}")),
    `not supported yet: found an OCI layout without manifest.json (${ARCHIVE}), expected the tar that \`docker save\` writes; ` +
      "save the image with `docker save`, or convert it with `skopeo copy oci-archive:IN docker-archive:OUT`",
  ],
  [
    "no image",
    tar(tarEntry("manifest.json", "[]")),
    `${ARCHIVE} is not an image archive: found a manifest.json that lists no image, expected the tar that \`docker save\` writes, ` +
      "with a manifest.json; save the image with `docker save` and upload it again",
  ],
  [
    "a manifest that is no list",
    tar(tarEntry("manifest.json", '{"schemaVersion":2}')),
    `manifest.json in ${ARCHIVE} cannot be understood: found Invalid input: expected array, received object at its root, ` +
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
  const openFirst = async (archive: Buffer): Promise<unknown> => (await open(archive)).images[0]!.open();

  test("whose configuration is not what its name says", async () => {
    const configName = "0".repeat(64);
    const { configDigest } = savedImage();
    await expect(openFirst(dockerSave({ configName }))).rejects.toThrow(
      `${configName}.json in ${ARCHIVE} is damaged: found ${configDigest}, expected sha256:${configName} as its name says; ` +
        "nothing was tagged; save the image again with `docker save` and upload it",
    );
  });

  test("that lists fewer layers than its configuration", async () => {
    const diffIds = [1, 2, 3].map((digit) => `sha256:${String(digit).repeat(64)}`);
    await expect(openFirst(dockerSave({ diffIds }))).rejects.toThrow(
      `${ARCHIVE} contradicts itself: found 2 layers in manifest.json, expected 3 as in the image's configuration; ` +
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

  test.each([
    ["gzip", gzipSync(layer("base"))],
    ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])],
  ])("whose layers are compressed by %s", async (format, bytes) => {
    await expect(openFirst(dockerSave({ layout: "docker25", layers: [bytes] }))).rejects.toThrow(
      `not supported yet: found a ${format}-compressed layer (blobs/sha256/${sha256Hex(bytes)} in ${ARCHIVE}), expected layers as plain tar; ` +
        "save the image with a docker that does not use the containerd image store, " +
        "or convert the archive with `skopeo copy docker-archive:IN docker-archive:OUT`",
    );
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
    return { name: ARCHIVE, images: images.map((references, at) => ({ id: `image ${at}`, references, open })) };
  }

  function select(overrides: Partial<ImageRule>, ...images: readonly (readonly string[])[]): string {
    const { image, gitHash } = selectImage(archive(...images), { ...rule, ...overrides });
    return `${image.id} ${gitHash}`;
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
      `${ARCHIVE} has several images for this service: found ${HOST}/tomofun/api:0123abc, ${HOST}/tomofun/api:0123abd, ` +
        "expected one image with one git hash under a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "save only that image with `docker save NAME:TAG`",
    ],
    [
      "one image with two hashes",
      {},
      [[`${HOST}/tomofun/api:0123abc`, `${HOST}/tomofun/api:0123abd`]],
      `${ARCHIVE} has several images for this service: found ${HOST}/tomofun/api:0123abc, ${HOST}/tomofun/api:0123abd, ` +
        "expected one image with one git hash under a reference starting with 123456789012 that contains the repository tomofun/api; " +
        "save only that image with `docker save NAME:TAG`",
    ],
  ])("refuses %s", (_what, overrides, images, message) => {
    expect(() => select(overrides, ...images)).toThrow(new Error(message));
  });

  test("lists at most ten references", () => {
    const many = Array.from({ length: 13 }, (_, at) => `other/image-${at}:0123abc`);
    expect(() => select({}, many)).toThrow(/other\/image-9:0123abc and 3 more, expected/);
  });
});
