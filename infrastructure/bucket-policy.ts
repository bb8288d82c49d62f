import { keysOf, READ_ACTIONS } from "../config/policies/drops";
import { anyPlace, type Place } from "../config/policies/place";
import type { PipelineConfig } from "../config/schema";
import type { DropBucket } from "./drop-bucket";
import { buildRoles, fromRoles } from "./role-names";
import type { Surroundings } from "./surroundings";

/** Tells the owner of a bucket in another account what its policy must say; within an account, the roles' own policies suffice. */
export function addBucketPolicy(config: PipelineConfig, bucket: DropBucket, surroundings: Surroundings): void {
  if (config.bucket.account === undefined) return;
  surroundings.forOthers.policy("bucket_policy", {
    Sid: "ReadDrops",
    Effect: "Allow",
    // Which of them may read which key is said by their own policies: both sides have to allow it.
    ...fromRoles(buildRoles(config, surroundings), surroundings),
    Action: READ_ACTIONS,
    Resource: isShort(keysAt(anyPlace(config.region), config)) ? keysAt(surroundings, config) : `${bucket.arn}/*`,
  });
}

function keysAt(place: Place, { bucket, services }: PipelineConfig): readonly string[] {
  const bucketArn = place.bucketArn(bucket.name);
  return [...new Set(services.map((service) => `${bucketArn}/${keysOf(service, place)}`))];
}

const MOST_KEYS = 20;

/** Half of what a bucket's policy holds, 20 KB: the rest is others'. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html */
const MOST_BYTES = 10 * 1024;

function isShort(keys: readonly string[]): boolean {
  return keys.length <= MOST_KEYS && Buffer.byteLength(JSON.stringify(keys)) <= MOST_BYTES;
}
