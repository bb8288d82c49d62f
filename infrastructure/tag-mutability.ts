import type { EcrRepository } from "@cdktf/provider-aws/lib/ecr-repository";
import { knowsExclusions } from "../config/provider-version";
import type { PipelineConfig, ServiceConfig } from "../config/schema";

type Provider = Pick<PipelineConfig, "providerVersion">;

/**
 * Moving tags move, and hash tags must not. Where ECR cannot be told the difference, since version 5 of the provider knows all or
 * nothing, the publisher alone keeps hash tags from moving.
 */
export function tagMutability({ movingTags }: ServiceConfig, { providerVersion }: Provider): string {
  if (!knowsExclusions(providerVersion)) return "MUTABLE";
  return movingTags.length === 0 ? "IMMUTABLE" : "IMMUTABLE_WITH_EXCLUSION";
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
