import {
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  S3ServiceException,
  type MultipartUpload,
  type ObjectVersion,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Drop, parseDrop } from "../drop";
import type { Clock } from "./clock";
import { UploadsDeniedError, UploadsUnreadableError } from "./errors";
import type { BegunDrop, Wait } from "./upload";

export interface FindUploadOptions {
  readonly drop: BegunDrop;
  readonly wait: Wait;
  readonly s3: S3Client;
  readonly say: (line: string) => void;
  readonly clock: Clock;
}

/**
 * Waits for the end of an upload in parts, and finds the version that it made: the one whose LastModified is the time at which the
 * upload BEGAN, since that is what S3 writes there. So no comparison with the build's start can tell.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 *
 * Running uploads are looked at first and versions second: the end of an upload moves it from one list to the other at once, so it
 * is in neither only when it was aborted, or when its object was overwritten or deleted.
 *
 * Whatever this misses is published all the same: the call that ends the upload is reported too, with the version's id.
 */
export async function findUpload(options: FindUploadOptions): Promise<{ drop: Drop } | { reason: string }> {
  const { drop, wait, s3, say, clock } = options;
  const name = `s3://${drop.bucket}/${drop.key}`;
  const upload = `the upload of ${name} that began at ${drop.time}`;
  const since = wait.since ?? clock.now();
  const end = since + wait.longest * 1000;
  try {
    while (await isRunning(s3, drop)) {
      const now = clock.now();
      if (now >= end) {
        return {
          reason: `${upload} still runs after the ${wait.longest} s of MAX_WAIT_TIME; its end starts a build of its own`,
        };
      }
      const pause = Math.min(wait.interval * 1000, end - now);
      say(`${upload} still runs after ${seconds(now - since)}, looking again in ${seconds(pause)}`);
      await clock.sleep(pause);
    }
    const version = await findVersion(s3, drop);
    if (version === undefined) {
      return {
        reason: `${upload} was aborted, or what it wrote was overwritten or deleted; a newer upload has its own build`,
      };
    }
    return { drop: parseDrop({ ...drop, versionId: version.VersionId, etag: version.ETag, size: version.Size }) };
  } catch (error) {
    throw explain(name, error);
  }
}

async function isRunning(s3: S3Client, drop: BegunDrop): Promise<boolean> {
  for await (const upload of uploadsOf(s3, drop)) {
    if (isBegunBy(drop, upload.Initiated)) return true;
  }
  return false;
}

/** Of several uploads that may be it, the newest; an upload in parts rather than a PUT. */
async function findVersion(s3: S3Client, drop: BegunDrop): Promise<ObjectVersion | undefined> {
  let other: ObjectVersion | undefined;
  for await (const version of versionsOf(s3, drop)) {
    if (!isBegunBy(drop, version.LastModified)) continue;
    if (isInParts(version)) return version;
    other ??= version;
  }
  return other;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function isInParts({ ETag }: ObjectVersion): boolean {
  return /-\d+"?$/.test(ETag ?? "");
}

/**
 * The running uploads of exactly this key. S3 lists by key: behind a key that only begins with it, it does not come again.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 */
async function* uploadsOf(s3: S3Client, { bucket, key }: Drop): AsyncGenerator<MultipartUpload, void, undefined> {
  let position: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...position }));
    const uploads = page.Uploads ?? [];
    yield* uploads.filter((upload) => upload.Key === key);
    if (!page.IsTruncated || uploads.some((upload) => upload.Key !== key)) return;
    position = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}

/**
 * The versions of exactly this key, the newest first; a bucket without versioning has one at most.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 */
async function* versionsOf(s3: S3Client, { bucket, key }: Drop): AsyncGenerator<ObjectVersion, void, undefined> {
  let position: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key, ...position }));
    const versions = page.Versions ?? [];
    yield* versions.filter((version) => version.Key === key);
    if (!page.IsTruncated || versions.some((version) => version.Key !== key)) return;
    position = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}

/**
 * True where the drop's call may have begun what has this time. All times are whole seconds, and S3 takes its own while it handles the
 * call, CloudTrail notes when the call was answered: in the same second, or in the next.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
function isBegunBy(drop: BegunDrop, time: Date | undefined): boolean {
  if (!time) return false;
  const seconds = secondOf(drop.time) - secondOf(time);
  return seconds === 0 || seconds === 1;
}

function secondOf(time: Date | string): number {
  return Math.floor(new Date(time).getTime() / 1000);
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1000)} s`;
}

function explain(name: string, error: unknown): Error {
  const { name: code, message } = error as Error;
  const reason = message === "" || message === code ? code : `${code}: ${message}`;
  const isDenied = error instanceof S3ServiceException && error.$metadata.httpStatusCode === 403;
  return isDenied
    ? new UploadsDeniedError(name, reason, { cause: error })
    : new UploadsUnreadableError(name, reason, { cause: error });
}
