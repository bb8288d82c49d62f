import type { S3Client } from "@aws-sdk/client-s3";
import { pinDrop } from "../archive/s3-object";
import type { Drop } from "../drop";
import { type Clock, systemClock } from "./clock";
import { findUpload } from "./find-upload";
import type { Upload } from "./upload";

export interface AwaitDropOptions {
  /** The upload that the build was started for, from {@link readUpload}. */
  readonly upload: Upload;
  readonly s3: S3Client;
  /** Takes a line for each look at an upload that goes on. */
  readonly say: (line: string) => void;
  /** @default - the system's */
  readonly clock?: Clock;
}

/** The drop to publish, or in one sentence why there is nothing to do. The latter is no failure. */
export type AwaitedDrop = { readonly drop: Drop } | { readonly drop?: undefined; readonly reason: string };

/**
 * Waits until the upload has ended, where it has not, and finds exactly what it wrote. The drop that comes back has a version id or
 * an entity tag.
 * @throws ObjectGoneError, ObjectDeniedError, ObjectUnreadableError, UploadsDeniedError or UploadsUnreadableError
 */
export async function awaitDrop({ upload, s3, say, clock = systemClock }: AwaitDropOptions): Promise<AwaitedDrop> {
  switch (upload.state) {
    case "known":
      return { drop: upload.drop };
    case "ended":
      return { drop: await pinDrop(s3, upload.drop) };
    case "begun":
      return findUpload({ ...upload, s3, say, clock });
  }
}
