import type { ImageArchive } from "../archive/image";
import type { ArchiveLimits } from "../archive/limits";
import { openArchive } from "../archive/open";
import type { SelectedImage } from "../archive/select";
import type { RandomAccess } from "../archive/source";
import type { Digest } from "../digest";
import type { RecentTags } from "../registry/recent-tags";
import type { Repository } from "../registry/repository";
import { every, stopwatch } from "../timing";
import { findCompressor } from "./compress";
import { UntaggedImageError } from "./errors";
import type { PublishListener } from "./events";
import { LayerLookup } from "./layer-lookup";
import { planPublishing } from "./plan";
import { publishImage, type PublishImageOptions } from "./publish-image";
import { allOf, imagesOf, selectPlatforms, type PlatformChoice, type Selection } from "./selection";

/** How an archive is published. */
export interface PublishChoice extends PlatformChoice {
  /** What becomes of layers that are not compressed; compressed ones go up as they are. */
  readonly compression: "gzip" | "zstd" | "keep";
  /** Layers that images of the repository hold are not sent again: see KnownLayers for what that trusts. */
  readonly reuse: boolean;
  /** Repositories of the same registry that layers may be mounted from. */
  readonly mountFrom: readonly string[];
  readonly limits: ArchiveLimits;
}

export interface PublishOptions {
  /** A zip that holds an image archive, or the image archive. */
  readonly object: RandomAccess;
  /** Member of the zip that is the image archive. @default - the only one */
  readonly archivePath?: string;
  /** Where a file of that name may be written: asked for only if the archive cannot be read where it lies. */
  readonly spoolFile: (name: string) => string;
  readonly select: (archive: ImageArchive) => SelectedImage;
  /** Tag that names the image for ever. @default - the git hash that it bears in the archive */
  readonly hashTag?: string;
  readonly movingTags: readonly string[];
  readonly repository: Repository;
  /** @default - only the images of the moving tags are asked for their layers */
  readonly recentTags?: () => Promise<RecentTags>;
  readonly choice: PublishChoice;
  readonly listener: PublishListener;
  /** Milliseconds between two reports of what takes long. @default 5000 */
  readonly reportInterval?: number;
  /** Says what would be done, and writes nothing to the registry. @default false */
  readonly dryRun?: boolean;
}

export interface Publication {
  /** Under which the image is in the registry now. */
  readonly hashTag: string;
  /** Of the manifest or index; absent after a dry run of what is not there yet. */
  readonly digest?: Digest;
}

const REPORT_INTERVAL = 5_000;

/** From an archive to tags in a registry: the `stream` publisher. */
export async function publish(options: PublishOptions): Promise<Publication> {
  const { choice, hashTag: wanted, repository, movingTags, listener, reportInterval } = options;
  const lookup = choice.reuse ? new LayerLookup({ ...options, mountFrom: choice.mountFrom }) : undefined;
  lookup?.begin();
  const { selection, gitHash, id } = await openSelection(options, lookup);
  const hashTag = wanted ?? gitHash;
  if (hashTag === undefined) throw new UntaggedImageError(id);
  const compressor = choice.compression === "keep" ? undefined : await findCompressor(choice.compression);
  const publishing: PublishImageOptions = {
    selection,
    repository,
    hashTag,
    movingTags,
    ...(lookup && {
      known: () =>
        lookup.forLayers(
          allOf(selection).flatMap(({ layers }) => layers),
          compressor,
        ),
    }),
    ...(compressor && { compressor }),
    mountFrom: choice.mountFrom,
    limits: choice.limits,
    listener,
    ...(reportInterval !== undefined && { reportInterval }),
  };
  const manifest = options.dryRun ? await planPublishing(publishing) : await publishImage(publishing);
  return { hashTag, ...(manifest && { digest: manifest.digest }) };
}

async function openSelection(
  { object, archivePath, spoolFile, select, choice, listener, reportInterval = REPORT_INTERVAL }: PublishOptions,
  lookup: LayerLookup | undefined,
): Promise<{ selection: Selection; gitHash?: string; id: string }> {
  listener({ type: "object", name: object.name, size: object.size });
  const reading = stopwatch();
  const archive = await openArchive(object, {
    ...(archivePath !== undefined && { archivePath }),
    spoolFile,
    limits: choice.limits,
    ...(lookup && { findKnown: () => lookup.beforeReading() }),
    onProgress: every(reportInterval, (done) => {
      listener({ type: "archive-progress", done, seconds: reading() });
    }),
    onSecondPass: (names) => {
      listener({ type: "second-pass", names });
    },
  });
  listener({ type: "archive", images: archive.images.length, seconds: reading() });
  const { reference, gitHash, image: saved } = select(archive);
  const selection = selectPlatforms(await saved.open(), choice);
  if (selection.missing.length > 0) listener({ type: "missing-platforms", platforms: selection.missing });
  for (const { configDigest, layers, platform } of imagesOf(selection)) {
    const name = reference?.text ?? saved.id;
    listener({ type: "image", reference: name, configDigest, layers: layers.length, platform });
  }
  return { selection, id: saved.id, ...(gitHash !== undefined && { gitHash }) };
}
