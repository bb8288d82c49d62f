import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { writeImageArchive, type ArchivedImage, type ArchiveOptions } from "../../local/fixtures";
import { describeProof, proveImage, proveWithSkopeo } from "../../local/proof";
import type { Expectation } from "../../local/proof/expectation";
import { compare, type Proof } from "../../local/proof/prove";
import type { ImageSource } from "../../local/proof/registry";
import { startPlainRegistry } from "../support/plain-registry";
import { OCI_INDEX, OCI_MANIFEST, sha256 } from "../support/registry-client";
import { requires } from "../support/requires";
import { tarMembers } from "../support/tar-members";

const REFERENCE = "vendor.example/web:1";
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const PLATFORMS = ["linux/amd64", "linux/arm64/v8"];

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string; variant?: string };
  annotations?: Record<string, string>;
}
interface Index {
  manifests: Descriptor[];
}
interface Manifest {
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

let directory: string;
let archive: string;
let image: ArchivedImage;
let blobs: Map<string, Buffer>;
let index: Index;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "proof-index-"));
  archive = join(directory, "image.tar");
  ({ image, blobs } = await write(archive, { platforms: PLATFORMS, attestations: true }));
  index = parse(image.index!.digest) as Index;
});
afterAll(() => rm(directory, { recursive: true }));

const write = async (
  path: string,
  options: Partial<ArchiveOptions>,
): Promise<{ image: ArchivedImage; blobs: Map<string, Buffer> }> => {
  const [first] = await writeImageArchive({ path, references: [REFERENCE], layout: "containerd", ...options });
  const files = await tarMembers(path);
  return { image: first!, blobs: new Map([...files.values()].map((content) => [sha256(content), content])) };
};
const parse = (digest: string): unknown => JSON.parse(blobs.get(digest)!.toString());
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A registry that has the archive's blobs, and `more`; its tag points to `top`. */
const registryOf = (top: Buffer, more: readonly Buffer[] = []): ImageSource => {
  const all = new Map([...blobs, ...more.map((blob): [string, Buffer] => [sha256(blob), blob])]);
  return {
    manifest: (digest) => Promise.resolve({ bytes: digest === undefined ? top : all.get(digest)! }),
    blob: (digest) => Promise.resolve(Readable.from([all.get(digest)!])),
  };
};
const prove = (top: Buffer, expectation: Partial<Expectation> = {}, more?: readonly Buffer[]): Promise<Proof> =>
  compare(REFERENCE, registryOf(top, more), { archive, ...expectation });
const original = (): Buffer => blobs.get(image.index!.digest)!;
/** An index of some of the archive's descriptors. */
const indexOf = (manifests: readonly Descriptor[]): Buffer =>
  bytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
const descriptorOf = (manifest: Buffer, like: Descriptor): Descriptor => ({
  ...like,
  digest: sha256(manifest),
  size: manifest.length,
});

describe("an index", () => {
  test("is proved for every platform, with its attestations", async () => {
    const proof = await prove(original(), { unchanged: true });
    expect(proof.digest).toBe(image.index!.digest);
    expect(proof.mediaType).toBe(OCI_INDEX);
    const [amd64, arm64] = image.index!.platforms;
    expect(
      proof.images.map(({ platform, digest, config, layers, attests }) => [
        platform,
        digest,
        config.digest,
        layers.length,
        attests,
      ]),
    ).toEqual([
      ["linux/amd64", amd64!.manifest, amd64!.config, 3, undefined],
      ["linux/arm64", arm64!.manifest, arm64!.config, 3, undefined],
      ["unknown/unknown", index.manifests[2]!.digest, expect.any(String), 1, amd64!.manifest],
      ["unknown/unknown", index.manifests[3]!.digest, expect.any(String), 1, arm64!.manifest],
    ]);
    expect(proof.images[1]!.layers.map(({ diffId }) => diffId)).toEqual(arm64!.layers.map(({ diffId }) => diffId));
    expect(describeProof(proof).split("\n")).toEqual(
      expect.arrayContaining([
        `index    ${image.index!.digest.slice(0, 19)}`,
        "linux/arm64",
        `attestation of ${amd64!.manifest!.slice(0, 19)}`,
      ]),
    );
  });

  test("is another form of the same images with other manifests, if they were not to be unchanged", async () => {
    const [amd64, , attestation] = index.manifests;
    const manifest = bytes({ ...(parse(amd64!.digest) as Manifest), annotations: { a: "b" } });
    const rebuilt = descriptorOf(manifest, amd64!);
    const about = {
      ...attestation!,
      annotations: { ...attestation!.annotations, "vnd.docker.reference.digest": rebuilt.digest },
    };
    const top = indexOf([rebuilt, index.manifests[1]!, about, index.manifests[3]!]);
    expect((await prove(top, {}, [manifest])).images[0].digest).toBe(sha256(manifest));
    await expect(prove(top, { unchanged: true }, [manifest])).rejects.toMatchObject({
      name: "ManifestChangedError",
      message: `${REFERENCE} is ${sha256(top)}, expected the archive's own: ${image.index!.digest}`,
    });
  });

  test("of some platforms alone", async () => {
    const [amd64, arm64, , attestation] = index.manifests;
    const top = indexOf([arm64!, attestation!]);
    const proof = await prove(top, { platforms: ["linux/arm64"], unchanged: true });
    expect(proof.images.map(({ platform }) => platform)).toEqual(["linux/arm64", "unknown/unknown"]);
    await expect(prove(top)).rejects.toMatchObject({
      name: "PlatformsDifferError",
      message:
        `${REFERENCE} has images for linux/arm64, attestation; ` +
        "the archive's are for linux/amd64, linux/arm64, attestation, attestation",
    });
    await expect(prove(indexOf([amd64!]), { platforms: ["linux/arm64"], attestations: false })).rejects.toThrow(
      `${REFERENCE} has images for linux/amd64; the archive's are for linux/arm64`,
    );
  });

  test("without attestations, where none are expected", async () => {
    const top = indexOf(index.manifests.slice(0, 2));
    expect((await prove(top, { attestations: false })).images).toHaveLength(2);
    await expect(prove(original(), { attestations: false })).rejects.toMatchObject({ name: "PlatformsDifferError" });
  });

  test("one platform of it as an image of its own", async () => {
    const arm64 = index.manifests[1]!;
    const proof = await prove(blobs.get(arm64.digest)!, { platform: "linux/arm64/v8", unchanged: true });
    expect([proof.mediaType, proof.images.map(({ platform }) => platform)]).toEqual([OCI_MANIFEST, ["linux/arm64"]]);
    await expect(prove(original(), { platform: "linux/arm64" })).rejects.toMatchObject({
      name: "ManifestKindError",
      message: `${REFERENCE} is a ${OCI_INDEX}, expected the manifest of one image`,
    });
    await expect(prove(blobs.get(arm64.digest)!)).rejects.toMatchObject({
      message: `${REFERENCE} is a ${OCI_MANIFEST}, expected an index of several platforms`,
    });
    await expect(prove(original(), { platform: "linux/arm" })).rejects.toMatchObject({
      name: "PlatformChoiceError",
      message: `${archive} has no image for linux/arm; it has: linux/amd64, linux/arm64`,
    });
  });

  test("whose platforms are swapped is another one", async () => {
    const [amd64, arm64] = index.manifests;
    const top = indexOf([
      { ...arm64!, platform: amd64!.platform! },
      { ...amd64!, platform: arm64!.platform! },
    ]);
    await expect(prove(top, { attestations: false })).rejects.toMatchObject({
      name: "ConfigDiffersError",
      message:
        `${REFERENCE} (linux/amd64) has the config ${image.index!.platforms[1]!.config}, ` +
        `the archive's is ${image.config}: it is another image`,
    });
  });

  test.each([
    ["nothing in it", "sha256:0000", "sha256:0000, which the index does not name"],
    ["another image", 1, "linux/arm64"],
  ])("whose attestation is about %s is another one", async (_what, subject, found) => {
    const [amd64, arm64, attestation] = index.manifests;
    const digest = typeof subject === "number" ? index.manifests[subject]!.digest : subject;
    const about = {
      ...attestation!,
      annotations: { ...attestation!.annotations, "vnd.docker.reference.digest": digest },
    };
    await expect(prove(indexOf([amd64!, arm64!, about, index.manifests[3]!]))).rejects.toMatchObject({
      name: "AttestationSubjectError",
      message: `${REFERENCE}: the attestation ${about.digest} is about ${found}, expected the image for linux/amd64`,
    });
  });

  test("that lies about a manifest is refused", async () => {
    const [amd64, ...others] = index.manifests;
    await expect(prove(indexOf([{ ...amd64!, size: 1 }, ...others]))).rejects.toMatchObject({
      name: "SizeMismatchError",
      message: `manifest of ${REFERENCE} (linux/amd64): ${amd64!.size} bytes, the manifest says 1`,
    });
    const docker = "application/vnd.docker.distribution.manifest.v2+json";
    await expect(prove(indexOf([{ ...amd64!, mediaType: docker }, ...others]))).rejects.toMatchObject({
      name: "MediaTypeError",
      message: `manifest of ${REFERENCE} (linux/amd64) is called ${docker}, expected ${OCI_MANIFEST}`,
    });
  });
});

test("an attestation's document keeps its type", async () => {
  const attestation = index.manifests[2]!;
  const { layers, ...rest } = parse(attestation.digest) as Manifest;
  const retyped = bytes({ ...rest, layers: layers.map((layer) => ({ ...layer, mediaType: LAYER })) });
  const manifests = index.manifests.map((one) => (one === attestation ? descriptorOf(retyped, one) : one));
  await expect(prove(indexOf(manifests), {}, [retyped])).rejects.toMatchObject({
    name: "MediaTypeError",
    message: `layer 0 is called ${LAYER}, expected application/vnd.in-toto+json`,
  });
});

test("a platform that the archive lacks is not expected, and the index cannot be the archive's own", async () => {
  const path = join(directory, "absent.tar");
  const absent = await write(path, { platforms: ["linux/amd64"], absent: ["linux/s390x"], attestations: true });
  blobs = new Map([...blobs, ...absent.blobs]);
  const whole = parse(absent.image.index!.digest) as Index;
  const names = whole.manifests.map(({ platform }) => platform?.architecture);
  expect(names).toEqual(["amd64", "s390x", "unknown", "unknown"]);
  const top = indexOf([whole.manifests[0]!, whole.manifests[2]!]);
  const proof = await prove(top, { archive: path, unchanged: true });
  expect(proof.images.map(({ platform }) => platform)).toEqual(["linux/amd64", "unknown/unknown"]);
  await expect(prove(blobs.get(absent.image.index!.digest)!, { archive: path })).rejects.toThrow(
    "has images for linux/amd64, linux/s390x, attestation, attestation; the archive's are for linux/amd64, attestation",
  );
});

test("a docker manifest list and its manifests", async () => {
  const docker = "application/vnd.docker.distribution.manifest";
  const manifests: Buffer[] = [];
  const list = index.manifests.slice(0, 2).map((descriptor) => {
    const { config, layers } = parse(descriptor.digest) as Manifest;
    const manifest = bytes({
      schemaVersion: 2,
      mediaType: `${docker}.v2+json`,
      config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
      layers: layers.map((layer) => ({ ...layer, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" })),
    });
    manifests.push(manifest);
    return { ...descriptorOf(manifest, descriptor), mediaType: `${docker}.v2+json` };
  });
  const top = bytes({ schemaVersion: 2, mediaType: `${docker}.list.v2+json`, manifests: list });
  const proof = await prove(top, { attestations: false }, manifests);
  expect(proof.mediaType).toBe(`${docker}.list.v2+json`);
  expect(proof.images.map(({ digest }) => digest)).toEqual(manifests.map(sha256));

  const mixed = bytes({ ...(JSON.parse(manifests[0]!.toString()) as Manifest), mediaType: OCI_MANIFEST });
  await expect(prove(mixed, { platform: "linux/amd64" })).rejects.toMatchObject({
    name: "MediaTypeError",
    message:
      "config is called application/vnd.docker.container.image.v1+json, expected application/vnd.oci.image.config.v1+json",
  });
});

test("over plain HTTP, without credentials, by requests and by skopeo", async () => {
  const registry = await startPlainRegistry(join(directory, "registry"));
  registry.intercept = ({ url }, response) => {
    if (url === "/v2/") response.end();
    return url === "/v2/";
  };
  const location = { host: registry.url.host, plainHttp: true, repository: "web", tag: "1" };
  const put = async (path: string, body: Buffer, type = "application/octet-stream"): Promise<void> => {
    const answer = await fetch(new URL(path, registry.url), { method: "PUT", body, headers: { "content-type": type } });
    expect(answer.status).toBe(201);
  };
  try {
    for (const [digest, blob] of blobs) {
      const started = await fetch(new URL("/v2/web/blobs/uploads/", registry.url), { method: "POST" });
      await put(`${started.headers.get("location") ?? ""}?digest=${digest}`, blob);
    }
    for (const { digest } of index.manifests)
      await put(`/v2/web/manifests/${digest}`, blobs.get(digest)!, OCI_MANIFEST);
    await put("/v2/web/manifests/1", original(), OCI_INDEX);

    const proof = await proveImage({ archive, registry: location, unchanged: true });
    expect(proof.images).toHaveLength(4);
    if (requires("skopeo", "apt-get install skopeo")) {
      expect(await proveWithSkopeo({ archive, registry: location, unchanged: true })).toEqual(proof);
    }
  } finally {
    await registry.close();
  }
});
