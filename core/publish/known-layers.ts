import * as z from "zod/mini";
import { isDigest, type Digest } from "../digest";
import { RegistryError } from "../registry/errors";
import type { Manifest } from "../registry/manifest";
import type { Repository } from "../registry/repository";
import { isLayerTar } from "./manifests";

/** A layer that the repository has. */
export interface KnownLayer {
  readonly digest: Digest;
  /** Bytes, as it lies there. */
  readonly size: number;
  readonly mediaType: string;
}

const digest = z.string().check(z.refine(isDigest)) as unknown as z.ZodMiniType<Digest>;
const descriptor = z.object({ mediaType: z.string(), digest, size: z.number() });
const imageManifest = z.object({ config: descriptor, layers: z.array(descriptor) });
const index = z.object({ manifests: z.array(descriptor) });
const configuration = z.object({ rootfs: z.object({ diff_ids: z.array(digest) }) });

/** Of an index, so many images are looked at. */
const MAX_IMAGES = 16;

/**
 * The layers of images that a repository holds, by the diffIDs that their configurations list. Nothing is kept from one run to the next:
 * an image costs two requests, its manifest and its configuration.
 *
 * The configuration is believed: whoever may push to the repository could have listed a diffID that its layer does not have. Such an image
 * cannot be unpacked, since docker and containerd check each diffID when they do; it cannot replace content (docs/publishers.md).
 */
export class KnownLayers {
  readonly #byDiffId = new Map<Digest, KnownLayer>();
  readonly #digests = new Set<Digest>();
  readonly #seen = new Set<Digest>();
  readonly #asked = new Map<string, Promise<Manifest | undefined>>();

  constructor(readonly repository: Repository) {}

  get isEmpty(): boolean {
    return this.#digests.size === 0;
  }

  ofDiffId(diffId: Digest): KnownLayer | undefined {
    return this.#byDiffId.get(diffId);
  }

  hasBlob(digest: Digest): boolean {
    return this.#digests.has(digest);
  }

  /** Whether an archive's entry that bears this digest need not be read. */
  has(digest: Digest): boolean {
    return this.#byDiffId.has(digest) || this.#digests.has(digest);
  }

  /** Asks for what these tags point to, so that {@link learn} finds the answers there. */
  ask(tags: readonly string[]): void {
    for (const tag of tags) {
      const answer = this.repository.manifest(tag);
      answer.catch(() => undefined);
      this.#asked.set(tag, answer);
    }
  }

  /**
   * Adds the layers of what these tags point to; tags that are not there are passed over.
   * @returns why nothing could be learned of some. That costs time only: their layers are sent again.
   */
  async learn(tags: readonly string[]): Promise<string[]> {
    const failures = await Promise.all(tags.map((tag) => this.#learnTag(tag)));
    return failures.filter((failure) => failure !== undefined);
  }

  async #learnTag(tag: string): Promise<string | undefined> {
    try {
      const manifest = await (this.#asked.get(tag) ?? this.repository.manifest(tag));
      if (manifest) await this.#learnManifest(manifest);
      return undefined;
    } catch (error) {
      if (error instanceof RegistryError) return error.message;
      throw error;
    }
  }

  async #learnManifest(manifest: Manifest, isChild = false): Promise<void> {
    if (this.#seen.has(manifest.digest)) return;
    this.#seen.add(manifest.digest);
    const image = parseJson(imageManifest, manifest.bytes);
    if (image) return this.#learnImage(image);
    const children = isChild ? undefined : parseJson(index, manifest.bytes)?.manifests;
    await Promise.all(
      (children ?? []).slice(0, MAX_IMAGES).map(async (child) => {
        const found = this.#seen.has(child.digest) ? undefined : await this.repository.manifest(child.digest);
        if (found) await this.#learnManifest(found, true);
      }),
    );
  }

  async #learnImage({ config, layers }: z.infer<typeof imageManifest>): Promise<void> {
    for (const layer of layers) this.#digests.add(layer.digest);
    if (!/container\.image\.v1\+json|image\.config\.v1\+json/.test(config.mediaType)) return;
    const diffIds = parseJson(configuration, await this.repository.blob(config.digest))?.rootfs.diff_ids ?? [];
    if (diffIds.length !== layers.length) return;
    layers.forEach((layer, at) => {
      const diffId = diffIds[at];
      if (diffId !== undefined && isLayerTar(layer.mediaType)) this.#byDiffId.set(diffId, layer);
    });
  }
}

function parseJson<T>(schema: z.ZodMiniType<T>, bytes: Buffer): T | undefined {
  try {
    return schema.safeParse(JSON.parse(bytes.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}
