import { addAbortSignal, pipeline } from "node:stream";
import { createGzip, constants } from "node:zlib";
import type { Layer } from "../archive/image";
import { checkLayer } from "../archive/verify";
import { DigestStream, type Digest } from "../digest";
import { MEDIA_TYPES, type Descriptor } from "../registry/manifest";
import type { Repository, StreamedBlob } from "../registry/repository";
import type { LayerPosition, PublishListener } from "./events";

/** Layers in flight: zlib takes a thread each, and CodeBuild's smallest computers have two. */
const CONCURRENCY = 2;
const GZIP_LEVEL = constants.Z_BEST_SPEED;
/** Bytes that zlib hands over at once. */
const GZIP_CHUNK = 1 << 18;
const REPORT_INTERVAL = 5_000;

/**
 * Compresses and uploads layers, each verified against its diffID before its upload is finished.
 * A layer that occurs more than once is sent once. The first failure stops the others.
 * @param reportInterval milliseconds between two reports of a layer that takes long
 * @returns their descriptors, from the lowest to the uppermost.
 */
export async function sendLayers(
  repository: Repository,
  layers: readonly Layer[],
  listener: PublishListener,
  reportInterval = REPORT_INTERVAL,
): Promise<Descriptor[]> {
  const sent = new Map<Digest, Descriptor>();
  const queue = [...new Map(layers.map((layer, at) => [layer.diffId, { layer, number: at + 1 }])).values()];
  // The longest first: it decides when all are done.
  queue.sort((a, b) => b.layer.content.size - a.layer.content.size);
  const stop = new AbortController();
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { diffId, content } = next.layer;
      const position = { number: next.number, count: layers.length, diffId, size: content.size };
      sent.set(
        diffId,
        await sendLayer({ repository, layer: next.layer, position, listener, reportInterval, signal: stop.signal }),
      );
    }
  };
  const failures: unknown[] = [];
  const worker = (): Promise<void> =>
    work().catch((error: unknown) => {
      failures.push(error);
      queue.length = 0;
      stop.abort();
    });
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  if (failures.length > 0) throw failures[0];
  return layers.flatMap(({ diffId }) => sent.get(diffId) ?? []);
}

interface SendLayerOptions {
  readonly repository: Repository;
  readonly layer: Layer;
  readonly position: LayerPosition;
  readonly listener: PublishListener;
  readonly reportInterval: number;
  readonly signal: AbortSignal;
}

async function sendLayer(options: SendLayerOptions): Promise<Descriptor> {
  const { repository, layer, position, listener, reportInterval, signal } = options;
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let done = (): number => 0;
  const report = setInterval(() => {
    listener({ type: "layer-progress", ...position, done: done(), seconds: seconds() });
  }, reportInterval);
  try {
    const uploaded = await repository.uploadStream(`layer ${position.number} of ${position.count}`, () => {
      signal.throwIfAborted();
      const { blob, read } = compress(layer, signal);
      done = () => read.size;
      return blob;
    });
    const { digest, size, how } = uploaded;
    listener({ type: "layer", ...position, compressedSize: size, existed: how === "existed", seconds: seconds() });
    return { mediaType: MEDIA_TYPES.dockerLayer, size, digest };
  } finally {
    clearInterval(report);
  }
}

function compress(layer: Layer, signal: AbortSignal): { blob: StreamedBlob; read: DigestStream } {
  const source = addAbortSignal(signal, layer.content.read(0, layer.content.size));
  const read = new DigestStream();
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK });
  const sent = new DigestStream();
  // Whoever reads the last stream learns of a failure by it.
  const stream = pipeline(source, read, gzip, sent, () => undefined);
  const seal = (): { digest: Digest; size: number } => {
    checkLayer(layer, read);
    return { digest: sent.digest(), size: sent.size };
  };
  return { blob: { stream, seal }, read };
}
