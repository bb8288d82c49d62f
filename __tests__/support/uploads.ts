import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Package } from "../../local/journey";

/** Where an upload goes. */
export interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

/** Bytes of a part: the least that S3 takes but for the last. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PART = 5 * 1024 * 1024;

/** Every way in which a sender makes an object; each answers with the version that it made, where there are versions. */
export const UPLOADS = {
  "in one PUT": async (s3: S3Client, target: Target, { file, bytes }: Package): Promise<string | undefined> => {
    const Body = createReadStream(file);
    return (await s3.send(new PutObjectCommand({ ...target, Body, ContentLength: bytes }))).VersionId;
  },
  "in parts": async (s3: S3Client, target: Target, image: Package): Promise<string | undefined> => {
    const upload = await beginUpload(s3, target);
    await upload.sendParts(image);
    return await upload.complete();
  },
  "by a copy": async (s3: S3Client, target: Target, image: Package): Promise<string | undefined> => {
    const elsewhere = { ...target, Key: `elsewhere/${image.gitHash}` };
    await UPLOADS["in one PUT"](s3, elsewhere, image);
    const CopySource = `${elsewhere.Bucket}/${elsewhere.Key}`;
    return (await s3.send(new CopyObjectCommand({ ...target, CopySource }))).VersionId;
  },
} as const;

/** A multipart upload, call by call. */
export async function beginUpload(s3: S3Client, target: Target) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
  const Parts: CompletedPart[] = [];
  return {
    abort: async (): Promise<void> => {
      await s3.send(new AbortMultipartUploadCommand({ ...target, UploadId }));
    },
    sendParts: async ({ file, bytes }: Package): Promise<void> => {
      const handle = await open(file);
      try {
        for (let position = 0; position < bytes; position += PART) {
          const PartNumber = Parts.length + 1;
          const Body = Buffer.alloc(Math.min(PART, bytes - position));
          await handle.read(Body, { position });
          const { ETag } = await s3.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
          Parts.push({ PartNumber, ETag });
        }
      } finally {
        await handle.close();
      }
    },
    complete: async (): Promise<string | undefined> => {
      const command = new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } });
      return (await s3.send(command)).VersionId;
    },
  };
}
