import { renderPattern } from "../../core/key-pattern";
import type { PipelineConfig, ServiceConfig } from "../schema";
import type { Place } from "./place";
import { exactly, type Statement } from "./statement";

/**
 * Actions by which a build reads a drop: by its version id, or by its entity tag where it has none. That is so in a bucket that keeps no
 * versions, and until S3 has heard everywhere that one does, which takes up to 15 minutes
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html); CloudTrail's records may name none, either.
 */
export const READ_ACTIONS: readonly string[] = ["s3:GetObject", "s3:GetObjectVersion"];

/** A service's key, or its pattern of keys, as the ARN of an object ends. */
export function keysOf({ key }: Pick<ServiceConfig, "key">, place: Place): string {
  return renderPattern(key, { literal: (text) => exactly(text, place), anything: "*" });
}

/** Lets a build read the drops of a service, or of all without one. */
export function mayReadDrops(
  { bucket, trigger }: Pick<PipelineConfig, "bucket" | "trigger">,
  service: ServiceConfig | undefined,
  place: Place,
): Statement[] {
  const bucketArn = place.bucketArn(bucket.name);
  return [
    {
      Sid: "ReadDrops",
      Effect: "Allow",
      Action: READ_ACTIONS,
      Resource: `${bucketArn}/${service === undefined ? "*" : keysOf(service, place)}`,
    },
    ...(trigger.kind === "cloudtrail" ? mayWaitForUploads(bucketArn, service, place) : []),
  ];
}

/**
 * Lets a build see whether an upload still runs and which version it made.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
function mayWaitForUploads(bucketArn: string, service: ServiceConfig | undefined, place: Place): Statement[] {
  return [
    {
      Sid: "FindVersions",
      Effect: "Allow",
      Action: "s3:ListBucketVersions",
      Resource: bucketArn,
      Condition: service && { StringEquals: { "s3:prefix": exactly(service.key, place) } },
    },
    {
      Sid: "FindUploads",
      Effect: "Allow",
      Action: "s3:ListBucketMultipartUploads",
      // S3 has no s3:prefix for this action; a statement that asks for it would allow nothing.
      Resource: bucketArn,
    },
  ];
}
