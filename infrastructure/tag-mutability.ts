import type { EcrRepository } from "@cdktf/provider-aws/lib/ecr-repository";
import { knowsExclusions } from "../config/provider-version";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { accept } from "./accept";

type Provider = Pick<PipelineConfig, "providerVersion">;

const NO_EXCLUSIONS =
  "moving tags move, and versions of the provider before 6.8 know all or nothing: the publisher alone keeps hash tags from moving";
const EXCLUSIONS = "hash tags are immutable, the moving tags are excluded: the scanner knows no exclusions";

/**
 * Moving tags move, and hash tags must not. Where ECR cannot be told the difference, since version 5 of the provider knows all or
 * nothing, the publisher alone keeps hash tags from moving.
 */
export function tagMutability({ movingTags }: ServiceConfig, { providerVersion }: Provider): string {
  if (movingTags.length === 0) return "IMMUTABLE";
  return knowsExclusions(providerVersion) ? "IMMUTABLE_WITH_EXCLUSION" : "MUTABLE";
}

/** Newer than the bindings, hence by override. https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html */
export function excludeMovingTags(
  repository: EcrRepository,
  { movingTags }: ServiceConfig,
  { providerVersion }: Provider,
): void {
  if (!knowsExclusions(providerVersion) || movingTags.length === 0) return;
  const filters = movingTags.map((filter) => ({ filter, filter_type: "WILDCARD" }));
  repository.addOverride("image_tag_mutability_exclusion_filter", filters);
}

/** Scanners know one kind of immutable. */
export function acceptMutability(
  repository: EcrRepository,
  { movingTags }: ServiceConfig,
  { providerVersion }: Provider,
): void {
  if (movingTags.length === 0) return;
  const reason = knowsExclusions(providerVersion) ? EXCLUSIONS : NO_EXCLUSIONS;
  accept(repository, "CKV_AWS_51", reason);
  accept(repository, "aws-ecr-enforce-immutable-repository", reason);
}
