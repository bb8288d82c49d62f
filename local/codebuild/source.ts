import { createWriteStream } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3ServiceException,
  type S3Client,
} from "@aws-sdk/client-s3";
import { openPromise, type Entry } from "yauzl";
import { SourceError } from "./errors";

interface S3Location {
  readonly bucket: string;
  readonly key: string;
}

/** Takes `bucket/key` and `arn:<partition>:s3:::bucket/key`. */
export function parseS3Location(location: string): S3Location {
  const [bucket = "", ...key] = location.replace(/^arn:[^:]*:s3:::/, "").split("/");
  if (!bucket || key.length === 0) throw new SourceError(`The S3 location must be <bucket>/<key>, got: ${location}`);
  return { bucket, key: key.join("/") };
}

/**
 * Brings an S3 source into `directory`: a zip unpacked, a key that ends in `/` as the folder below it
 * (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectSource.html). `version` is the object's version id.
 */
export async function downloadSource(
  s3: S3Client,
  location: string,
  version: string | undefined,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const object = parseS3Location(location);
  await identifyBucket(s3, object.bucket, signal);
  if (object.key === "" || object.key.endsWith("/")) return downloadFolder(s3, object, directory, signal);
  const zip = `${directory}.zip`;
  await downloadObject(s3, object, version, zip, signal);
  await unzip(zip, directory, location);
  await rm(zip);
}

/** The text of one object, for a buildspec that lives in S3. */
export async function readObject(s3: S3Client, object: S3Location, signal: AbortSignal): Promise<string> {
  return (await getObject(s3, object, undefined, signal)).transformToString();
}

/**
 * Looks whose bucket it is, before anything is taken out of it.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-access-control-identity-based.html#secure-s3-buckets
 * https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html#troubleshooting-calling-bucket-error
 */
async function identifyBucket(s3: S3Client, Bucket: string, abortSignal: AbortSignal): Promise<void> {
  const calls = {
    GetBucketLocation: () => s3.send(new GetBucketLocationCommand({ Bucket }), { abortSignal }),
    GetBucketAcl: () => s3.send(new GetBucketAclCommand({ Bucket }), { abortSignal }),
  };
  for (const [operation, call] of Object.entries(calls)) {
    try {
      await call();
    } catch (cause) {
      if (!(cause instanceof S3ServiceException)) throw cause;
      throw new SourceError(
        `Error calling ${operation}: Either the bucket owner has changed or the service role no longer has permission ` +
          `to called s3:${operation}. Error message: ${cause.name}: ${cause.message}`,
        { cause },
      );
    }
  }
}

async function downloadFolder(
  s3: S3Client,
  { bucket, key: prefix }: S3Location,
  directory: string,
  signal: AbortSignal,
) {
  let token: string | undefined;
  let found = 0;
  do {
    const list = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token });
    const page = await asSourceError(undefined, () => s3.send(list, { abortSignal: signal }));
    for (const { Key: key = "" } of page.Contents ?? []) {
      found += 1;
      if (key.endsWith("/")) continue;
      await downloadObject(s3, { bucket, key }, undefined, within(directory, key.slice(prefix.length)), signal);
    }
    token = page.NextContinuationToken;
  } while (token);
  if (found === 0) throw new SourceError(`NoSuchKey: no object below s3://${bucket}/${prefix}`);
}

async function downloadObject(
  s3: S3Client,
  object: S3Location,
  version: string | undefined,
  file: string,
  signal: AbortSignal,
) {
  const body = await getObject(s3, object, version, signal);
  await mkdir(dirname(file), { recursive: true });
  await pipeline(body as Readable, createWriteStream(file), { signal });
}

async function getObject(s3: S3Client, { bucket, key }: S3Location, version: string | undefined, signal: AbortSignal) {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: version });
  const { Body } = await asSourceError(version, () => s3.send(command, { abortSignal: signal }));
  if (!Body) throw new SourceError(`s3://${bucket}/${key} came without a body`);
  return Body;
}

/** Says it as CodeBuild does: "NoSuchKey: The specified key does not exist. status code: 404, ..." */
async function asSourceError<Result>(version: string | undefined, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    const { name, message, $metadata } = error;
    throw new SourceError(
      `${name}: ${message} status code: ${$metadata.httpStatusCode ?? 0}, request id: ${$metadata.requestId ?? ""}, ` +
        `host id: ${$metadata.extendedRequestId ?? ""} for primary source and source version ${version ?? ""}`,
      { cause: error },
    );
  }
}

async function unzip(file: string, directory: string, location: string): Promise<void> {
  try {
    // yauzl itself refuses absolute names and names that climb out.
    const zip = await openPromise(file);
    for await (const entry of zip.eachEntry()) {
      const target = within(directory, entry.fileName);
      if (entry.fileName.endsWith("/")) {
        await mkdir(target, { recursive: true });
        continue;
      }
      const mode = unixMode(entry);
      if ((mode & 0o170000) === 0o120000) throw new SourceError(`${entry.fileName} is a symbolic link`);
      await mkdir(dirname(target), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
      if (mode & 0o111) await chmod(target, 0o755);
    }
  } catch (cause) {
    throw new SourceError(`The source s3://${location} is no zip that can be unpacked: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Zips made on Unix carry the file's mode in the upper half of the external attributes. */
function unixMode(entry: Entry): number {
  return entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0;
}

function within(directory: string, name: string): string {
  const target = resolve(directory, join(".", name));
  if (!`${target}${sep}`.startsWith(`${resolve(directory)}${sep}`))
    throw new SourceError(`${name} lies outside the source`);
  return target;
}
