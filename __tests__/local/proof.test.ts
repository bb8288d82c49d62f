import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { writeImageArchive, zipArchive } from "../../local/fixtures";
import { describeProof, proveImage, proveWithSkopeo, type Proof, type RegistryLocation } from "../../local/proof";
import { compare } from "../../local/proof/prove";
import type { ImageSource } from "../../local/proof/registry";
import { startRegistry, type Registry } from "../../local/registry";
import { REGISTRY_HOST, startEcr, type FakeEcr } from "../support/ecr";
import { createClient, OCI_INDEX, OCI_MANIFEST, sha256, type RegistryClient } from "../support/registry-client";
import { requires } from "../support/requires";

const REPOSITORY = "tomofun/test-jessie";
const REFERENCE = `${REGISTRY_HOST}/${REPOSITORY}:abc1234`;
const LAYER = "application/vnd.oci.image.layer.v1.tar";

const isGzip = (blob: Buffer): boolean => blob.readUInt16BE(0) === 0x1f8b;
const imageManifest = (config: Buffer, layers: readonly Buffer[], layerType?: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: sha256(config),
        size: config.length,
      },
      layers: layers.map((layer) => ({
        mediaType: layerType ?? (isGzip(layer) ? `${LAYER}+gzip` : LAYER),
        digest: sha256(layer),
        size: layer.length,
      })),
    }),
  );

let directory: string;
let archive: string;
let ecr: FakeEcr;
let registry: Registry;
let client: RegistryClient;
let location: RegistryLocation;
/** The files of the archive, read by tar. */
let config: Buffer;
let layers: Buffer[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "proof-test-"));
  archive = join(directory, "image.tar");
  await writeImageArchive({ path: archive, references: [REFERENCE] });
  const member = (name: string): Buffer => execFileSync("tar", ["-xOf", archive, name]);
  const [item] = JSON.parse(member("manifest.json").toString()) as [{ Config: string; Layers: string[] }];
  config = member(item.Config);
  layers = item.Layers.map(member);

  ecr = await startEcr();
  ecr.createRepository(REPOSITORY);
  registry = await startRegistry({ endpoint: ecr.endpoint, directory: join(directory, "registry") });
  client = createClient(registry, ecr.token());
  location = {
    proxyUrl: registry.proxyUrl,
    caFile: registry.caFile,
    host: REGISTRY_HOST,
    repository: REPOSITORY,
    tag: "abc1234",
    authorization: `Basic ${ecr.token()}`,
  };
});

afterAll(async () => {
  await registry.close();
  await ecr.close();
  await rm(directory, { recursive: true });
});

/** Publishes blobs as they are given under the tag of `location`. */
const publish = async (configFile: Buffer, blobs: readonly Buffer[]): Promise<Buffer> => {
  for (const blob of [configFile, ...blobs]) await client.pushBlob(REPOSITORY, blob);
  const manifest = imageManifest(configFile, blobs);
  expect((await client.putManifest(REPOSITORY, "abc1234", manifest)).status).toBe(201);
  return manifest;
};
const expected = (manifest: Buffer, blobs: readonly Buffer[]): Proof => ({
  reference: REFERENCE,
  digest: sha256(manifest),
  mediaType: OCI_MANIFEST,
  images: [
    {
      platform: "linux/amd64",
      digest: sha256(manifest),
      config: { digest: sha256(config), size: config.length },
      layers: blobs.map((blob, index) => ({
        digest: sha256(blob),
        mediaType: isGzip(blob) ? `${LAYER}+gzip` : LAYER,
        size: blob.length,
        diffId: sha256(layers[index]!),
        contentSize: layers[index]!.length,
      })),
    },
  ],
});

describe("the archive's image", () => {
  test("with compressed layers, from the bare archive", async () => {
    const blobs = layers.map((layer) => gzipSync(layer));
    const manifest = await publish(config, blobs);
    expect(await proveImage({ archive, registry: location })).toEqual(expected(manifest, blobs));
  });

  test("with layers of several gzip members", async () => {
    const blobs = layers.map((layer) => Buffer.concat([gzipSync(layer.subarray(0, 99)), gzipSync(layer.subarray(99))]));
    const manifest = await publish(config, blobs);
    expect(await proveImage({ archive, registry: location })).toEqual(expected(manifest, blobs));
  });

  test("with uncompressed layers", async () => {
    const manifest = await publish(config, layers);
    expect(await proveImage({ archive, registry: location })).toEqual(expected(manifest, layers));
  });

  test.each(["store", "deflate"] as const)("from a zip (%s)", async (method) => {
    await publish(config, layers);
    const zip = join(directory, `${method}.zip`);
    await zipArchive({ path: zip, member: "image/test-jessie", archive, method });
    const proof = await proveImage({ archive: zip, member: "image/test-jessie", registry: location });
    expect(proof.images[0].config.digest).toBe(sha256(config));
  });

  test("from an oci-shaped archive, and as a linked layer of one with several images", async () => {
    await publish(config, layers);
    const oci = join(directory, "oci.tar");
    await writeImageArchive({ path: oci, layout: "oci", references: [REFERENCE] });
    expect((await proveImage({ archive: oci, registry: location })).images[0].layers).toHaveLength(2);

    const several = join(directory, "several.tar");
    const top = [{ path: "app/version", content: "v1\n" }];
    await writeImageArchive({
      path: several,
      references: ["other:1"],
      layers: [top],
      others: [{ references: [REFERENCE] }],
    });
    const proof = await proveImage({ archive: several, reference: REFERENCE, registry: location });
    expect(proof.images[0].layers.map(({ diffId }) => diffId)).toEqual(layers.map(sha256));
  });

  test("of an archive without a manifest, cannot be unchanged", async () => {
    const manifest = await publish(config, layers);
    await expect(proveImage({ archive, registry: location, unchanged: true })).rejects.toMatchObject({
      name: "ManifestChangedError",
      message: `${REFERENCE} is ${sha256(manifest)}, expected the archive's own: it has no manifest`,
    });
  });

  test("as lines to print", async () => {
    const manifest = await publish(config, layers);
    const short = (content: Buffer): string => sha256(content).slice(0, 19);
    expect(describeProof(await proveImage({ archive, registry: location }))).toBe(
      [
        REFERENCE,
        `manifest ${short(manifest)}`,
        `config   ${short(config)}`,
        `layer 0  ${short(layers[0]!)} 0.003 MB, content ${short(layers[0]!)} 0.003 MB`,
        `layer 1  ${short(layers[1]!)} 0.003 MB, content ${short(layers[1]!)} 0.003 MB`,
      ].join("\n"),
    );
  });

  if (requires("skopeo", "apt-get install skopeo")) {
    test("read by skopeo", async () => {
      const blobs = layers.map((layer) => gzipSync(layer));
      const manifest = await publish(config, blobs);
      expect(await proveWithSkopeo({ archive, registry: location })).toEqual(expected(manifest, blobs));
    });

    test("read by skopeo under a tag that is not there", async () => {
      const registry = { ...location, tag: "missing" };
      await expect(proveWithSkopeo({ archive, registry })).rejects.toMatchObject({
        name: "SkopeoError",
        message: expect.stringContaining(
          `skopeo copy of ${REGISTRY_HOST}/${REPOSITORY}:missing ended with code 1`,
        ) as string,
      });
    });
  }
});

test("without a proxy the registry is asked directly, without caFile by the public authorities", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  const seen = new Promise((asked) => server.once("tlsClientError", asked));
  const direct = { host, repository: REPOSITORY, tag: "abc1234", authorization: "Basic x" };
  await expect(proveImage({ archive, registry: direct })).rejects.toThrow("handshake failure");
  await seen;
  await new Promise((done) => server.close(done));
});

test("without skopeo on the PATH its proof is undefined", async () => {
  const { PATH } = process.env;
  process.env.PATH = directory;
  try {
    expect(await proveWithSkopeo({ archive, registry: location })).toBeUndefined();
  } finally {
    process.env.PATH = PATH;
  }
});

describe("another image is told by the first difference", () => {
  test("another config", async () => {
    const other = Buffer.from(config.toString().replace("amd64", "arm64"));
    await publish(other, layers);
    await expect(proveImage({ archive, registry: location })).rejects.toMatchObject({
      name: "ConfigDiffersError",
      message: `${REFERENCE} has the config ${sha256(other)}, the archive's is ${sha256(config)}: it is another image`,
    });
  });

  test("another layer under the same config", async () => {
    const other = Buffer.from("not the layer");
    await publish(config, [layers[0]!, gzipSync(other)]);
    await expect(proveImage({ archive, registry: location })).rejects.toMatchObject({
      name: "LayerDiffersError",
      message: `layer 1: the registry's content hashes to ${sha256(other)}, the config's diffID is ${sha256(layers[1]!)}`,
    });
  });

  test("layers in another order", async () => {
    await publish(config, [layers[1]!, layers[0]!]);
    await expect(proveImage({ archive, registry: location })).rejects.toMatchObject({
      message: `layer 0: the registry's content hashes to ${sha256(layers[1]!)}, the config's diffID is ${sha256(layers[0]!)}`,
    });
  });

  test("a layer too few", async () => {
    await publish(config, [layers[0]!]);
    await expect(proveImage({ archive, registry: location })).rejects.toMatchObject({
      name: "LayerCountError",
      message: "layers: 1 in the registry's manifest, the config has 2 diffIDs",
    });
  });

  test("an index instead of an image", async () => {
    const child = await publish(config, layers);
    const manifests = [
      { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: sha256(child), size: child.length },
    ];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
    expect((await client.putManifest(REPOSITORY, "multi", index, OCI_INDEX)).status).toBe(201);
    await expect(proveImage({ archive, registry: { ...location, tag: "multi" } })).rejects.toMatchObject({
      name: "ManifestKindError",
      message: `${REGISTRY_HOST}/${REPOSITORY}:multi is a ${OCI_INDEX}, expected the manifest of one image`,
    });
  });

  test("no such tag", async () => {
    await expect(proveImage({ archive, registry: { ...location, tag: "missing" } })).rejects.toMatchObject({
      name: "RegistryAnswerError",
      message: expect.stringMatching(
        new RegExp(
          `^GET https://${REGISTRY_HOST}/v2/${REPOSITORY}/manifests/missing answered 404, expected 200: .*MANIFEST_UNKNOWN`,
        ),
      ) as string,
    });
  });
});

describe("a registry that lies", () => {
  const source = (over: Partial<Record<"manifest" | "config" | "layer", Buffer>>): ImageSource => {
    const manifest = imageManifest(config, layers);
    const blobs = new Map([config, ...layers].map((blob) => [sha256(blob), blob]));
    if (over.config) blobs.set(sha256(config), over.config);
    if (over.layer) blobs.set(sha256(layers[1]!), over.layer);
    return {
      manifest: () => Promise.resolve({ bytes: over.manifest ?? manifest, digest: sha256(manifest) }),
      blob: (digest) =>
        Promise.resolve(
          (async function* () {
            yield await Promise.resolve(blobs.get(digest)!);
          })(),
        ),
    };
  };
  const lie = Buffer.from("a lie");

  test("tells the truth: the proof holds", async () => {
    const proof = await compare(REFERENCE, source({}), { archive });
    expect(proof.images[0].layers.map(({ digest }) => digest)).toEqual(layers.map(sha256));
  });

  test.each([
    [
      "manifest",
      () =>
        `manifest of ${REFERENCE}: its bytes hash to ${sha256(lie)}, expected ${sha256(imageManifest(config, layers))}`,
    ],
    ["config", () => `config: its bytes hash to ${sha256(lie)}, expected ${sha256(config)}`],
    ["layer", () => `layer 1: its bytes hash to ${sha256(lie)}, expected ${sha256(layers[1]!)}`],
  ] as const)("about the %s's bytes", async (what, message) => {
    await expect(compare(REFERENCE, source({ [what]: lie }), { archive })).rejects.toMatchObject({
      name: "DigestMismatchError",
      message: message(),
    });
  });

  test("about a size", async () => {
    const manifest = Buffer.from(
      imageManifest(config, layers).toString().replace(`"size":${config.length}`, '"size":1'),
    );
    const announced = {
      ...source({}),
      manifest: () => Promise.resolve({ bytes: manifest }),
    };
    await expect(compare(REFERENCE, announced, { archive })).rejects.toMatchObject({
      name: "SizeMismatchError",
      message: `config: ${config.length} bytes, the manifest says 1`,
    });
  });

  test.each([
    ["the media type", [LAYER, "gzip"], `layer 0 is called ${LAYER}, expected ${LAYER}+gzip`],
    ["the media type", [`${LAYER}+zstd`, "none"], `layer 0 is called ${LAYER}+zstd, expected ${LAYER}`],
    [
      "a type of no layer",
      ["application/octet-stream", "gzip"],
      `layer 0 is called application/octet-stream, expected ${LAYER}+gzip`,
    ],
    [
      "the kind of its layers",
      ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
      `layer 0 is called application/vnd.docker.image.rootfs.diff.tar.gzip, expected ${LAYER}+gzip`,
    ],
  ] as const)("about %s", async (_what, [type, compression], message) => {
    const blobs = layers.map((layer) => (compression === "gzip" ? gzipSync(layer) : layer));
    const stored = new Map([config, ...blobs].map((blob) => [sha256(blob), blob]));
    const wrong: ImageSource = {
      manifest: () => Promise.resolve({ bytes: imageManifest(config, blobs, type) }),
      blob: (digest) => Promise.resolve(Readable.from([stored.get(digest)!])),
    };
    await expect(compare(REFERENCE, wrong, { archive })).rejects.toMatchObject({ name: "MediaTypeError", message });
  });
});

describe("an archive that cannot be read", () => {
  const broken = async (name: string, change: (content: Buffer) => Buffer): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, change(await readFile(archive)));
    return path;
  };
  const prove = (path: string, member?: string): Promise<Proof> =>
    proveImage({ archive: path, ...(member === undefined ? {} : { member }), registry: location });

  test("a layer that is not the config's", async () => {
    await publish(config, layers);
    const path = await broken("swapped.tar", (tar) =>
      Buffer.from(tar.toString("latin1").replace("v1\n", "v2\n"), "latin1"),
    );
    await expect(prove(path)).rejects.toMatchObject({
      name: "LayerDiffersError",
      message: expect.stringMatching(
        new RegExp(
          `^layer 1: the archive's content hashes to sha256:[0-9a-f]{64}, the config's diffID is ${sha256(layers[1]!)}$`,
        ),
      ) as string,
    });
  });

  test("truncated", async () => {
    const path = await broken("truncated.tar", (tar) => tar);
    await truncate(path, 5_000);
    await expect(prove(path)).rejects.toMatchObject({
      name: "NotAnImageArchiveError",
      message: `${path} is not an image archive: Unexpected end of data`,
    });
  });

  test("without manifest.json", async () => {
    const path = await broken("empty.tar", () => Buffer.alloc(1024));
    await expect(prove(path)).rejects.toThrow(`${path} is not an image archive: it has no files`);
  });

  test("a zip without the member", async () => {
    const path = join(directory, "member.zip");
    await zipArchive({ path, member: "image/test-jessie", archive });
    await expect(prove(path, "image/other")).rejects.toMatchObject({
      name: "ArchiveMemberMissingError",
      message: `${path} has no member image/other; it has: image/test-jessie`,
    });
  });

  test("no zip at all", async () => {
    await expect(prove(archive, "image/test-jessie")).rejects.toMatchObject({ name: "NotAnImageArchiveError" });
  });

  test("several images and no choice, or a wrong one", async () => {
    const path = join(directory, "choice.tar");
    await writeImageArchive({ path, references: ["a:1"], others: [{ references: ["b:1"] }] });
    await expect(prove(path)).rejects.toMatchObject({
      name: "ImageChoiceError",
      message: `${path} holds several images, name one by \`reference\`; it has: a:1, b:1`,
    });
    await expect(proveImage({ archive: path, reference: "c:1", registry: location })).rejects.toThrow(
      `${path} has no image c:1; it has: a:1, b:1`,
    );
  });
});
