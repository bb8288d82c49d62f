import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { openArchive } from "../archive/open";
import { openDrop } from "../archive/s3-object";
import { selectTaggedImage, type ImageRule } from "../archive/select";
import type { Drop } from "../drop";
import type { Repository } from "../registry/repository";
import type { PublishListener } from "./events";
import { publishImage } from "./publish-image";

export interface PublishDropOptions {
  readonly drop: Drop;
  readonly s3: S3Client;
  /** Member of the zip that is the image archive. */
  readonly archivePath: string;
  readonly rule: ImageRule;
  readonly repository: Repository;
  readonly movingTags: readonly string[];
  readonly listener: PublishListener;
}

/**
 * From a drop to tags in a registry: the `stream` publisher.
 * @returns the git hash under which the image is there now.
 */
export async function publishDrop(options: PublishDropOptions): Promise<string> {
  const { drop, s3, archivePath, rule, repository, movingTags, listener } = options;
  const spoolDirectory = await mkdtemp(join(tmpdir(), "publish-image-"));
  try {
    const object = await openDrop(s3, drop);
    listener({ type: "object", name: object.name, size: object.size });
    const started = performance.now();
    const archive = await openArchive(object, { archivePath, spoolDirectory });
    listener({ type: "archive", images: archive.images.length, seconds: (performance.now() - started) / 1000 });
    const { reference, gitHash, image: saved } = selectTaggedImage(archive, rule);
    const image = await saved.open();
    if (image.kind === "index") throw new Error(`${archive.name} holds an image for several platforms`);
    listener({
      type: "image",
      reference: reference.text,
      configDigest: image.configDigest,
      layers: image.layers.length,
    });
    await publishImage({ image, repository, hashTag: gitHash, movingTags, listener });
    return gitHash;
  } finally {
    await rm(spoolDirectory, { recursive: true, force: true });
  }
}
