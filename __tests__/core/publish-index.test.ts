import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selectOnlyImage } from "../../core/archive/select";
import type { PublishEvent } from "../../core/publish/events";
import { publish, type PublishChoice } from "../../core/publish/publish";
import { Repository } from "../../core/registry/repository";
import {
  bufferSource,
  descriptor,
  layer,
  MEDIA_TYPES,
  multiPlatform,
  ociImage,
  ociIndex,
  ociLayout,
  type OciFixture,
} from "../support/archives";
import { DEFAULT_CHOICE } from "../support/choice";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";

let directory: string;
let registry: PlainRegistry;
let repository: Repository;
let events: PublishEvent[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "index-"));
  registry = await startPlainRegistry(join(directory, "registry"));
  const retry = { attempts: 2, baseDelay: 1, maxDelay: 5 };
  repository = new Repository({ registry: registry.url, name: "team/api", retry });
  events = [];
});
afterEach(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

interface Published {
  readonly digest: string;
  readonly manifests?: readonly Readonly<Record<string, unknown>>[];
}

/** Publishes what an OCI layout lists, and reads back what the tag points to. */
async function drop(
  listed: OciFixture,
  without: readonly Buffer[] = [],
  choice: Partial<PublishChoice> = {},
  movingTags: readonly string[] = [],
  hashTag = "aaaaaa1",
) {
  await publish({
    object: bufferSource(ociLayout({ listed: [[listed]], without })),
    spoolFile: (name) => join(directory, name),
    select: (archive) => selectOnlyImage(archive, { tagPattern: /^[0-9a-f]{7}$/ }),
    hashTag,
    repository,
    movingTags,
    choice: { ...DEFAULT_CHOICE, ...choice },
    listener: (event) => events.push(event),
  });
  const { digest, bytes } = (await repository.manifest(hashTag))!;
  return { digest, ...(JSON.parse(bytes.toString()) as object) } as Published;
}

const digests = ({ manifests = [] }: Published): unknown[] => manifests.map(({ digest }) => digest);
const types = (): string[] => events.map(({ type }) => type);

const amd64 = ociImage();
const arm64 = ociImage({ layers: [layer("arm64")], platform: { os: "linux", architecture: "arm64" } });

test("an index whose images are all unchanged stays what it is", async () => {
  const index = ociIndex([amd64, { platform: amd64.platform }], [arm64, { platform: arm64.platform }]);
  expect((await drop(index)).digest).toBe(index.digest);
});

test("an index in an index becomes one index, and is known again", async () => {
  const outer = ociIndex([ociIndex([amd64, { platform: amd64.platform }])], [arm64, { platform: arm64.platform }]);
  expect(digests(await drop(outer))).toEqual([amd64.digest, arm64.digest]);
  await drop(outer);
  expect(types().at(-1)).toBe("unchanged");
});

test("an attestation that was not saved is left out of the index", async () => {
  const index = multiPlatform();
  expect(digests(await drop(index, index.attestation.blobs))).toEqual(index.images.map(({ digest }) => digest));
});

test("an index does not carry along what it had embedded of a manifest that is another now", async () => {
  const plain = ociImage({ compression: "none" });
  const data = plain.bytes.toString("base64");
  const { manifests = [] } = await drop(
    ociIndex([plain, { platform: plain.platform, data }], [arm64, { data: "kept" }]),
  );
  expect(manifests.map(({ data }) => data)).toEqual([undefined, "kept"]);
});

test("of a platform, its own image is taken rather than one for a variant", async () => {
  const arm = (text: string, variant?: string) =>
    ociImage({ layers: [layer(text)], platform: { os: "linux", architecture: "arm", ...(variant && { variant }) } });
  const [v5, plain] = [arm("v5", "v5"), arm("plain")];
  const index = ociIndex([v5, { platform: v5.platform }], [plain, { platform: plain.platform }]);
  expect((await drop(index, [], { platform: "linux/arm" })).digest).toBe(plain.digest);
});

test.each([
  ["a note of another kind", { "vnd.docker.reference.type": "note" }],
  ["an attestation of nothing", { "vnd.docker.reference.type": "attestation-manifest" }],
])("an index with %s is known again", async (_what, annotations) => {
  const index = ociIndex([amd64, { platform: amd64.platform }], [arm64, { annotations }]);
  await drop(index);
  await drop(index);
  expect(types().at(-1)).toBe("unchanged");
});

describe("an artifact in an index", () => {
  // The media type of an image's layer, as ORAS writes it for a folder.
  const oras = { mediaType: `${MEDIA_TYPES.layer}+gzip` };
  const helm = { mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip" };
  const artifact = (configType: string, layerFields: Readonly<Record<string, unknown>>): OciFixture => {
    const config = Buffer.from("{}");
    const { blobs, ...image } = ociImage({
      layers: [layer("attached")],
      layerFields,
      manifestFields: { config: descriptor(configType, config) },
    });
    return { ...image, blobs: [...blobs, config] };
  };

  test.each([
    ["an empty configuration", artifact("application/vnd.oci.empty.v1+json", oras)],
    ["a configuration of its own", artifact("application/vnd.cncf.helm.config.v1+json", helm)],
  ])("with %s goes along as it is", async (_what, attached) => {
    const index = ociIndex([attached], [amd64, { platform: amd64.platform }]);
    expect((await drop(index)).digest).toBe(index.digest);
    expect(events.flatMap((event) => (event.type === "image" ? event.platform : []))).toEqual([
      "unknown/unknown",
      "linux/amd64",
    ]);
  });

  test("is not taken for an image of a platform", async () => {
    const attached = artifact("application/vnd.oci.empty.v1+json", oras);
    const index = ociIndex([attached], [amd64, { platform: amd64.platform }]);
    expect((await drop(index, [], { platform: "linux/amd64" })).digest).toBe(amd64.digest);
  });
});

test("an image whose configuration lacks its type is verified all the same", async () => {
  const wrong = { config: descriptor("application/octet-stream", ociImage().config) };
  const image = ociImage({ layers: [layer("other"), layer("app")], manifestFields: wrong });
  await expect(drop({ ...image, blobs: [...image.blobs, ociImage().config] })).rejects.toThrow(
    / is damaged: found a layer with the diffID sha256:[0-9a-f]{64}, expected sha256:/,
  );
});

test("one blob listed with two diffIDs is refused before anything is sent", async () => {
  const { diffIds } = ociImage({ layers: [layer("app")] });
  const wrong = `sha256:${"0".repeat(64)}`;
  const configFields = { rootfs: { type: "layers", diff_ids: [wrong, ...diffIds] } };
  const image = ociImage({ layers: [layer("app"), layer("app")], configFields });
  await expect(drop(image)).rejects.toThrow(
    `contradicts itself: found the diffID ${diffIds[0]!} in a configuration, expected ${wrong} as elsewhere in them; save the image again`,
  );
  expect(registry.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
});

test("an index whose images are gone is put again, with all of them", async () => {
  const index = ociIndex([amd64, { platform: amd64.platform }], [arm64, { platform: arm64.platform }]);
  await drop(index);
  let isGone = true;
  registry.intercept = (request, response) => {
    if (!request.url?.endsWith(arm64.digest)) return false;
    isGone &&= request.method !== "PUT";
    if (isGone) response.writeHead(404).end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN" }] }));
    return isGone;
  };
  await drop(index);
  expect((await repository.manifest(arm64.digest))?.digest).toBe(arm64.digest);
});

test("a hash tag whose index holds an index is another image's", async () => {
  const inner = ociIndex([arm64, { platform: arm64.platform }]);
  const outer = ociIndex([inner]);
  for (const blob of arm64.blobs) await repository.uploadBytes(blob);
  for (const { digest, ...manifest } of [arm64, inner]) await repository.putManifest(digest, { ...manifest });
  await repository.putManifest("aaaaaa1", outer);
  await expect(drop(amd64)).rejects.toThrow("aaaaaa1");
  expect((await repository.manifest("aaaaaa1"))?.digest).toBe(outer.digest);
});

test("kept as they are, layers that the repository has otherwise compressed leave the manifest alone", async () => {
  const layers = [layer("base"), layer("app")];
  const plain = ociImage({ compression: "none", layers });
  await drop(ociImage({ compression: "gzip", layers }), [], {}, ["staging"], "aaaaaa0");
  expect(await drop(plain, [], { compression: "keep" }, ["staging"])).toMatchObject({ digest: plain.digest });
});

test("a platform that is there twice has to be chosen by digest", async () => {
  const other = ociImage({ layers: [layer("other")] });
  const index = ociIndex([amd64, { platform: amd64.platform }], [other, { platform: other.platform }]);
  await expect(drop(index, [], { platform: "linux/amd64" })).rejects.toThrow(
    `the archive has several images for linux/amd64: found ${amd64.digest}, ${other.digest}, expected one; choose one by its digest, or publish ` +
      "all platforms",
  );
});
