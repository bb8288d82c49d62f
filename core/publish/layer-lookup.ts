import type { Layer } from "../archive/image";
import type { RecentTags } from "../registry/recent-tags";
import type { Repository } from "../registry/repository";
import type { PublishListener } from "./events";
import { KnownLayers } from "./known-layers";
import type { Compressor } from "./compress";
import { distinct, planLayer, type Known } from "./layers";

/** Below so many bytes of layers, sending them costs less than asking for more images that may hold them. */
const WORTH_ASKING = 8 * 1024 * 1024;

export interface LayerLookupOptions {
  readonly repository: Repository;
  /** What the next image most likely shares its layers with. */
  readonly movingTags: readonly string[];
  /** The tags of the newest images. @default - not asked for */
  readonly recentTags?: () => Promise<RecentTags>;
  /** Repositories of the same registry whose layers may be mounted. */
  readonly mountFrom: readonly string[];
  readonly listener: PublishListener;
}

/** Asks the repository's own images for their layers: first the moving tags', then the newest, where that is worth it. */
export class LayerLookup {
  readonly #known: KnownLayers;
  readonly #others: readonly KnownLayers[];
  #moving: Promise<void> | undefined;
  #recent: Promise<void> | undefined;

  constructor(private readonly options: LayerLookupOptions) {
    const { repository, mountFrom } = options;
    this.#known = new KnownLayers(repository);
    this.#others = mountFrom.map((name) => new KnownLayers(repository.sibling(name)));
  }

  /** Asks already while the archive is looked into. */
  begin(): void {
    this.#known.ask(this.options.movingTags);
  }

  /** Before an archive is unpacked, whose layers are not known yet. */
  async beforeReading(): Promise<KnownLayers> {
    await this.#learnMoving();
    if (this.#known.isEmpty) await this.#learnRecent();
    return this.#known;
  }

  async forLayers(layers: readonly Layer[], compressor?: Compressor): Promise<Known> {
    const known = { here: this.#known, elsewhere: this.#others };
    const bytesUnknown = (): number =>
      distinct(layers)
        .filter((layer) => planLayer(layer, known, compressor).kind !== "reuse")
        .reduce((sum, { content }) => sum + content.size, 0);
    await this.#learnMoving();
    if (bytesUnknown() > WORTH_ASKING) await this.#learnRecent();
    // Those of services that share a base have the same moving tags.
    if (bytesUnknown() > 0) await Promise.all(this.#others.map((other) => this.#learn(this.options.movingTags, other)));
    return known;
  }

  #learnMoving(): Promise<void> {
    this.#moving ??= this.#learn(this.options.movingTags);
    return this.#moving;
  }

  #learnRecent(): Promise<void> {
    this.#recent ??= (async () => {
      const { tags = [], reason } = (await this.options.recentTags?.()) ?? {};
      if (reason !== undefined) this.options.listener({ type: "reuse-failed", reason });
      await this.#learn(tags);
    })();
    return this.#recent;
  }

  async #learn(tags: readonly string[], known = this.#known): Promise<void> {
    for (const reason of await known.learn(tags)) this.options.listener({ type: "reuse-failed", reason });
  }
}
