import { keysOf } from "../config/policies/drops";
import type { PipelineConfig } from "../config/schema";
import type { DropBucket } from "./drop-bucket";
import { buildRoles, fromRoles } from "./role-names";
import type { Surroundings } from "./surroundings";

/** Tells the owner of a bucket in another account what its policy must say; within an account, the roles' own policies suffice. */
export function addBucketPolicy(config: PipelineConfig, bucket: DropBucket, surroundings: Surroundings): void {
  if (config.bucket.account === undefined) return;
  const keys = new Set(config.services.map((service) => `${bucket.arn}/${keysOf(service, surroundings)}`));
  surroundings.forOthers.policy("bucket_policy", {
    Sid: "ReadDrops",
    Effect: "Allow",
    // Which of them may read which key is said by their own policies: both sides have to allow it.
    ...fromRoles(buildRoles(config, surroundings), surroundings),
    Action: bucket.readActions,
    Resource: keys.size > MOST_KEYS ? `${bucket.arn}/*` : [...keys],
  });
}

/** A bucket's policy holds 20 KB. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html */
const MOST_KEYS = 20;
