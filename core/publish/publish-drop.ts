import type { S3Client } from "@aws-sdk/client-s3";
import type { ImageArchive } from "../archive/image";
import { openDrop } from "../archive/s3-object";
import { selectTaggedImage, type ImageRule, type SelectedImage } from "../archive/select";
import type { Drop } from "../drop";
import { publish, type PublishOptions } from "./publish";
import { withSpool } from "./spool";

export interface PublishDropOptions extends Omit<PublishOptions, "object" | "spoolFile" | "select" | "hashTag"> {
  readonly drop: Drop;
  readonly s3: S3Client;
  readonly rule: ImageRule;
}

/**
 * From a drop to tags in a registry.
 * @returns the git hash under which the image is there now.
 */
export async function publishDrop({ drop, s3, rule, ...options }: PublishDropOptions): Promise<string> {
  return await withSpool(async (spoolFile) => {
    const object = await openDrop(s3, drop);
    const select = (archive: ImageArchive): SelectedImage => selectTaggedImage(archive, rule);
    return (await publish({ ...options, object, spoolFile, select })).hashTag;
  });
}
