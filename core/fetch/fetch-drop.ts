import { NotSupportedYetError } from "../archive/errors";
import { writeArchive } from "../archive/open";
import { openDrop } from "../archive/s3-object";
import { selectTaggedImage } from "../archive/select";
import { verifyLayers } from "../archive/verify";
import type { Digest } from "../digest";
import type { PublishDropOptions } from "../publish/publish-drop";
import { findPublished } from "../publish/published";
import { configDigestOf } from "../registry/manifest";
import { every, stopwatch } from "../timing";

export interface FetchDropOptions extends PublishDropOptions {
  /** Takes the image archive; what was there before is replaced. */
  readonly file: string;
  /** Milliseconds between two reports while the archive is written. @default 5000 */
  readonly reportInterval?: number;
}

/** What is left to do once the archive lies in a file. */
export interface FetchedDrop {
  /** The image's name in the archive: letters, digits and `. _ - / :` only. */
  readonly reference: string;
  readonly gitHash: string;
  /** diffIDs, from the lowest to the uppermost. */
  readonly layers: readonly Digest[];
  /** The tags that do not point to this image yet: the hash tag first, then the moving tags in their order. */
  readonly tags: readonly string[];
}

/**
 * From a drop to its archive in a file, verified, and to the one image of it that is the service's: what comes before `docker load`.
 * Nothing is written to the registry.
 * @throws HashTagTakenError if the hash tag holds another image.
 */
export async function fetchDrop(options: FetchDropOptions): Promise<FetchedDrop> {
  const { drop, s3, rule, repository, movingTags, listener } = options;
  const object = await openDrop(s3, drop);
  listener({ type: "object", name: object.name, size: object.size });
  const writing = stopwatch();
  const archive = await writeArchive(object, {
    archivePath: options.archivePath,
    limits: options.choice.limits,
    file: options.file,
    onProgress: every(options.reportInterval ?? 5_000, (done) => {
      listener({ type: "archive-progress", done, seconds: writing() });
    }),
    roomRemedy: "or take the stream publisher, which needs no room for archives that are stored in the zip (`zip -0`)",
  });
  listener({ type: "archive", images: archive.images.length, seconds: writing() });

  const { reference, gitHash, image: saved } = selectTaggedImage(archive, rule);
  if (reference.path.length === 0) {
    throw new NotSupportedYetError(
      `an image whose only name is the tag ${reference.text} (${archive.name})`,
      "a name that docker knows it by",
      "save it as `docker save NAME:TAG`, or take the stream publisher",
    );
  }
  const image = await saved.open();
  if (image.kind === "index") {
    const platforms = image.entries.filter(({ attests }) => attests === undefined).map(({ platform }) => platform);
    throw new NotSupportedYetError(
      `an image for several platforms (${platforms.join(", ")} in ${archive.name})`,
      "an image for one platform",
      "save it for one (`docker save --platform`), or take the stream publisher",
    );
  }
  const { configDigest, layers, platform } = image;
  listener({ type: "image", reference: reference.text, configDigest, layers: layers.length, platform });
  const verifying = stopwatch();
  await verifyLayers(layers, options.choice.limits);
  listener({ type: "verified", layers: layers.length, seconds: verifying() });

  const published = await findPublished(repository, gitHash, { kind: "image", image, missing: [] });
  if (published) listener({ type: "tag-kept", tag: gitHash, digest: published.digest });
  const tags = published ? [] : [gitHash];
  for (const tag of movingTags) {
    const manifest = await repository.manifest(tag);
    if (published && manifest && configDigestOf(manifest) === configDigest) {
      listener({ type: "tag-kept", tag, digest: manifest.digest });
    } else {
      tags.push(tag);
    }
  }
  return { reference: reference.text, gitHash, layers: layers.map(({ diffId }) => diffId), tags };
}
