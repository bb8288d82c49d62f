import { addAbortSignal, pipeline, Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { DiffIdConflictError } from "../archive/errors";
import type { Layer } from "../archive/image";
import type { ArchiveLimits } from "../archive/limits";
import { LayerCheck } from "../archive/verify";
import { DigestStream, type Digest } from "../digest";
import type { Repository, StreamedBlob } from "../registry/repository";
import type { Compressor } from "./compress";
import type { LayerOutcome, LayerPosition, PublishListener } from "./events";
import type { KnownLayer, KnownLayers } from "./known-layers";
import { compressionOf, isLayerTar, type StoredLayer } from "./manifests";

/**
 * Bytes of the layers in flight, of which a large one counts as LARGE: it holds no more in memory. Each is compressed on all cores, so
 * this is about what a layer waits for: the archive, the registry's answers, the last piece. Four large ones hide that from each other;
 * small ones do little but wait, so there may be more of them.
 */
const IN_FLIGHT = 64 << 20;
const LARGE = 16 << 20;
const MOST_IN_FLIGHT = 10;
const REPORT_INTERVAL = 5_000;

export interface SendLayersOptions {
  readonly repository: Repository;
  readonly layers: readonly Layer[];
  /** What the repository has. @default - nothing is reused by diffID */
  readonly known?: Known | undefined;
  /** @default - layers go up as the archive has them */
  readonly compressor?: Compressor;
  /** Repositories of the same registry that a layer may be mounted from, by digest. */
  readonly mountFrom?: readonly string[];
  readonly limits: ArchiveLimits;
  readonly listener: PublishListener;
  /** Stops all of it. @default - none */
  readonly signal?: AbortSignal;
  /** Milliseconds between two reports of a layer that takes long. */
  readonly reportInterval?: number;
}

/** Layers that the registry has. */
export interface Known {
  readonly here: KnownLayers;
  /** In repositories that layers may be mounted from. */
  readonly elsewhere: readonly KnownLayers[];
}

/** How a layer is brought into the registry, decided before it is read. */
export type LayerPlan =
  | { readonly kind: "reuse"; readonly stored: StoredLayer }
  /** From another repository; `otherwise` where the registry does not do that. */
  | { readonly kind: "mount"; readonly stored: StoredLayer; readonly from: string; readonly otherwise: LayerPlan }
  /** As the archive has it, under this digest. */
  | { readonly kind: "as-is"; readonly digest: Digest }
  /** By a digest that is known when all is sent. */
  | { readonly kind: "stream"; readonly compressor?: Compressor };

/**
 * Each layer once, in the order of their first place.
 * @throws DiffIdConflictError where one blob is listed with several diffIDs: it is sent, and verified, once.
 */
export function distinct(layers: readonly Layer[]): Layer[] {
  const found = new Map<string, Layer>();
  for (const layer of layers) {
    const first = found.get(keyOf(layer)) ?? layer;
    if (first.diffId !== layer.diffId) throw new DiffIdConflictError(layer.content.name, layer.diffId, first.diffId);
    found.set(keyOf(layer), first);
  }
  return [...found.values()];
}

/**
 * By digest where the archive names the blob itself and nothing compresses it, so that its manifest stays what it is; otherwise by diffID.
 * @param compressor of what is not compressed. @default - layers go up as the archive has them
 */
export function planLayer(layer: Layer, known?: Known, compressor?: Compressor): LayerPlan {
  const { diffId, digest, compression, mediaType, isOpaque } = layer;
  const isTar = !isOpaque && (mediaType === undefined || isLayerTar(mediaType));
  const isKept = compression !== "none" || !isTar || compressor === undefined;
  if (isKept && digest !== undefined) {
    const stored = storedAsIs(layer, digest);
    return known?.here.hasBlob(digest) ? { kind: "reuse", stored } : { kind: "as-is", digest };
  }
  const here = known?.here.ofDiffId(diffId);
  if (here) return { kind: "reuse", stored: storedAs(here) };
  const otherwise = planSending(layer, compressor);
  for (const other of known?.elsewhere ?? []) {
    const there = other.ofDiffId(diffId);
    if (there) return { kind: "mount", stored: storedAs(there), from: other.repository.name, otherwise };
  }
  return otherwise;
}

function planSending({ compression, content, diffId }: Layer, compressor: Compressor | undefined): LayerPlan {
  if (compression !== "none") return { kind: "stream" };
  return compressor && content.size > 0 ? { kind: "stream", compressor } : { kind: "as-is", digest: diffId };
}

/**
 * Brings layers into the registry, each verified before its upload is finished. A layer that occurs more than once is sent once. The
 * first failure stops the others.
 * @returns what each layer is in the registry.
 */
export async function sendLayers(options: SendLayersOptions): Promise<ReadonlyMap<Layer, StoredLayer>> {
  const { layers, known, compressor, signal } = options;
  const results = new Map<string, StoredLayer>();
  const stop = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const jobs = distinct(layers).map((layer, at, all) => ({
    layer,
    plan: planLayer(layer, known, compressor),
    position: { number: at + 1, count: all.length, diffId: layer.diffId, size: layer.content.size },
  }));
  // The longest first: it decides when all are done.
  const queue = jobs.toSorted((a, b) => b.position.size - a.position.size);
  const failures: unknown[] = [];
  const running = new Set<Promise<void>>();
  let room = IN_FLIGHT;
  for (const { layer, plan, position } of queue) {
    const weight = plan.kind === "reuse" ? 0 : Math.min(position.size, LARGE);
    while (running.size === MOST_IN_FLIGHT || weight > room) await Promise.race(running);
    if (failures.length > 0) break;
    // Those in flight are longer.
    const yields = room < IN_FLIGHT;
    room -= weight;
    const job = new LayerJob(options, layer, position, yields, stopped)
      .run(plan)
      .then(
        (stored) => {
          results.set(keyOf(layer), stored);
        },
        (error: unknown) => {
          failures.push(error);
          stop.abort();
        },
      )
      .finally(() => {
        room += weight;
        running.delete(job);
      });
    running.add(job);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return new Map(
    layers.flatMap((layer) => {
      const stored = results.get(keyOf(layer));
      return stored ? [[layer, stored] as const] : [];
    }),
  );
}

class LayerJob {
  /** The latest reading of the whole layer. */
  #check: LayerCheck | undefined;

  constructor(
    private readonly options: SendLayersOptions,
    private readonly layer: Layer,
    private readonly position: LayerPosition,
    private readonly yields: boolean,
    private readonly signal: AbortSignal,
  ) {}

  async run(plan: LayerPlan): Promise<StoredLayer> {
    const { listener, reportInterval = REPORT_INTERVAL } = this.options;
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    const report = setInterval(() => {
      listener({ type: "layer-progress", ...this.position, done: this.#check?.size ?? 0, seconds: seconds() });
    }, reportInterval);
    try {
      const { stored, outcome } = await this.#bring(plan);
      const { digest, size: storedSize } = stored;
      listener({ type: "layer", ...this.position, digest, storedSize, ...outcome, seconds: seconds() });
      return stored;
    } finally {
      clearInterval(report);
    }
  }

  async #bring(plan: LayerPlan): Promise<{ stored: StoredLayer; outcome: LayerOutcome }> {
    this.signal.throwIfAborted();
    switch (plan.kind) {
      case "reuse":
        return { stored: plan.stored, outcome: { how: "reused", sent: 0 } };
      case "mount": {
        const { stored, from, otherwise } = plan;
        const isHere = await this.options.repository.mountBlob(stored.digest, from, { signal: this.signal });
        return isHere ? { stored, outcome: { how: "mounted", sent: 0 } } : this.#bring(otherwise);
      }
      case "as-is":
        return this.#sendAsIs(plan.digest);
      case "stream":
        return this.#sendStream(plan.compressor);
    }
  }

  async #sendAsIs(digest: Digest) {
    const { repository, mountFrom } = this.options;
    const { size } = this.layer.content;
    const open = (start: number): Readable => (start === 0 ? this.#verified() : this.#read(start));
    const options = { signal: this.signal, ...(mountFrom && { mountFrom }) };
    const { how, sent } = await repository.uploadBlob({ digest, size, open }, options);
    // An upload that broke may have been read in parts. (What the registry had already has been somebody's push.)
    if (how === "sent" && this.#check?.digest === undefined) await finished(this.#verified().resume());
    return { stored: storedAsIs(this.layer, digest), outcome: { how, sent } };
  }

  async #sendStream(compressor: Compressor | undefined) {
    const { number, count } = this.position;
    const open = (): StreamedBlob => (compressor ? this.#compressed(compressor) : this.#unchanged());
    const { repository } = this.options;
    const { how, sent, ...blob } = await repository.uploadStream(`layer ${number} of ${count}`, open, {
      signal: this.signal,
    });
    const compression = compressor?.format ?? this.layer.compression;
    return { stored: { ...blob, compression }, outcome: { how, sent } };
  }

  #compressed(compressor: Compressor): StreamedBlob {
    const sent = new DigestStream();
    const source = this.#verified();
    const compressed = Readable.from(compressor.compress(source, { yields: this.yields }), {
      objectMode: false,
      highWaterMark: 1 << 20,
    });
    // A generator that nobody has begun to read does not close what it reads.
    compressed.once("close", () => source.destroy());
    // Whoever reads the last stream learns of a failure by it.
    const stream = pipeline(compressed, sent, () => undefined);
    return { stream, seal: () => ({ digest: sent.digest(), size: sent.size }) };
  }

  #unchanged(): StreamedBlob {
    const stream = this.#verified();
    return { stream, seal: () => ({ digest: stream.digest ?? this.layer.diffId, size: stream.size }) };
  }

  /** The whole layer, which fails after its last byte unless it is what the image lists: whoever sends it has not finished then. */
  #verified(): LayerCheck {
    const { layer, options } = this;
    this.#check = new LayerCheck(layer, options.limits);
    return pipeline(this.#read(0), this.#check, () => undefined);
  }

  #read(start: number): Readable {
    const { content } = this.layer;
    return addAbortSignal(this.signal, content.read(start, content.size));
  }
}

function keyOf({ digest, diffId }: Layer): string {
  return digest ?? diffId;
}

function storedAs({ digest, size, mediaType }: KnownLayer): StoredLayer {
  return { digest, size, compression: compressionOf(mediaType) };
}

function storedAsIs({ compression, content, mediaType }: Layer, digest: Digest): StoredLayer {
  const isOther = mediaType !== undefined && !isLayerTar(mediaType);
  return { digest, size: content.size, compression, ...(isOther && { mediaType }) };
}
