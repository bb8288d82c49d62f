import { Readable } from "node:stream";
import type { Image, Layer } from "../../core/archive/image";
import { LIMITS } from "../../core/archive/limits";
import { sha256, type Digest } from "../../core/digest";
import type { Compressor } from "../../core/publish/compress";
import { planPublishing } from "../../core/publish/plan";
import { publishImage } from "../../core/publish/publish-image";
import { sendLayers } from "../../core/publish/layers";
import type { Repository } from "../../core/registry/repository";

/** Sends layers of these sizes, of which none ends before all are started that are started beside it. */
async function mostInFlight(sizes: readonly number[], started: number[] = [], failing?: number): Promise<number> {
  let inFlight = 0;
  let most = 0;
  const uploadBlob = async ({ digest, size }: { digest: Digest; size: number }) => {
    started.push(size);
    most = Math.max(most, ++inFlight);
    await new Promise(setImmediate);
    inFlight--;
    if (size === failing) throw new Error("the registry is on fire");
    return { digest, size, how: "existed", sent: 0 };
  };
  await sendLayers({
    repository: { uploadBlob } as unknown as Repository,
    layers: sizes.map(layerOf),
    limits: LIMITS,
    listener: () => undefined,
  });
  return most;
}

function layerOf(size: number, at: number): Layer {
  const content = {
    name: `layer ${at}`,
    size,
    read: () => Readable.from([]),
    bytes: () => Promise.resolve(Buffer.alloc(0)),
  };
  return { diffId: sha256(Buffer.from(content.name)), compression: "none", content };
}

function imageOf(layers: readonly Layer[]): Image {
  const config = Buffer.from("{}");
  return { kind: "image", config, configDigest: sha256(config), platform: "linux/amd64", layers };
}

const MiB = 1 << 20;

test.each([
  ["four large ones", 16 * MiB, 4],
  ["four of any size above that", 1000 * MiB, 4],
  ["five of 12 MiB", 12 * MiB, 5],
  ["ten small ones", 4 * MiB, 10],
  ["ten of whatever size below that", 1, 10],
])("of twenty layers, %s are sent at once", async (_, size, expected) => {
  expect(await mostInFlight(Array.from({ length: 20 }, () => size))).toBe(expected);
});

test("the largest goes first, and small ones take the room that large ones leave", async () => {
  const started: number[] = [];
  expect(await mostInFlight([MiB, 40 * MiB, 2 * MiB, 90 * MiB, 3 * MiB], started)).toBe(5);
  expect(started).toEqual([90, 40, 3, 2, 1].map((size) => size * MiB));
});

test("after a failure, no other layer is started", async () => {
  const started: number[] = [];
  const sizes = [5, 4, 3, 2, 1].map((size) => 100 * size * MiB);
  await expect(mostInFlight(sizes, started, 500 * MiB)).rejects.toThrow("the registry is on fire");
  expect(started).toEqual(sizes.slice(0, 4));
});

test("what compresses a layer yields to those that compress longer ones at the same time", async () => {
  const yielding: (boolean | undefined)[] = [];
  const compressor: Compressor = {
    format: "gzip",
    name: "nothing",
    compress: (source, options) => {
      yielding.push(options?.yields);
      return source;
    },
  };
  const uploadStream = async (_: string, open: () => unknown) => {
    open();
    await new Promise(setImmediate);
    return { digest: sha256(Buffer.alloc(0)), size: 0, how: "existed", sent: 0 };
  };
  await sendLayers({
    repository: { uploadStream } as unknown as Repository,
    layers: [10, 60, 40, 20].map((size, at) => layerOf(size * MiB, at)),
    compressor,
    limits: LIMITS,
    listener: () => undefined,
  });
  expect(yielding).toEqual([false, true, true, true]);
});

test("where the configuration is refused, that is the failure, and it is told when no layer is sent any more", async () => {
  let isSending = true;
  const uploadBlob = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    await new Promise((aborted) => {
      signal.addEventListener("abort", aborted);
    });
    await new Promise(setImmediate);
    isSending = false;
    throw new Error("the layer's own");
  };
  const image = imageOf([layerOf(MiB, 0)]);
  const refused = new Error("the registry wants no configuration");
  const publishing = publishImage({
    selection: { kind: "image", image, missing: [] },
    repository: {
      host: "registry.example.com",
      manifest: () => Promise.resolve(undefined),
      uploadBytes: () => Promise.reject(refused),
      uploadBlob,
    } as unknown as Repository,
    hashTag: "0123abc",
    movingTags: [],
    limits: LIMITS,
    mountFrom: [],
    listener: () => undefined,
  });
  await expect(publishing.catch((error: unknown) => ({ error, isSending }))).resolves.toEqual({
    error: refused,
    isSending: false,
  });
});

test.each([
  ["TooManyLayersError", Array.from({ length: 501 }, () => 1)],
  ["LayerTooLargeError", [52_000 * MiB + 1]],
])("a dry run to ECR ends in %s where the publisher would", async (name, sizes) => {
  const repository = {
    host: "111122223333.dkr.ecr.us-east-1.amazonaws.com",
    manifest: () => Promise.resolve(undefined),
  } as unknown as Repository;
  const selection = { kind: "image", image: imageOf(sizes.map(layerOf)), missing: [] } as const;
  const options = {
    selection,
    repository,
    hashTag: "0123abc",
    movingTags: [],
    limits: LIMITS,
    listener: () => undefined,
  };
  await expect(planPublishing(options)).rejects.toMatchObject({ name });
});
