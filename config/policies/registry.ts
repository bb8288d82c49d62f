import type { PrivateRepository } from "../compute";
import type { PipelineConfig, ServiceConfig } from "../schema";
import type { Place } from "./place";
import type { Statement } from "./statement";

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html */
export const PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"] as const;

/** Of the account that the repository is in. */
export function repositoryArn(
  { repository, registryAccount }: Pick<ServiceConfig, "repository" | "registryAccount">,
  place: Place,
): string {
  return place.arn("ecr", `repository/${repository}`, registryAccount);
}

/** Of a repository of build images, which may lie in another region. */
export function imageRepositoryArn({ account, region, repository }: PrivateRepository, place: Place): string {
  return place.arn("ecr", `repository/${repository}`, account, region);
}

/**
 * To push, https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html; to read what is there already, the next two; to
 * find the newest images, whose layers are used again, the last.
 */
export function pushActions(
  services: readonly Pick<ServiceConfig, "stream">[],
  publisher: PipelineConfig["publisher"],
): readonly string[] {
  const reusesLayers = publisher === "stream" && services.some(({ stream }) => stream.reuse);
  return [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    ...(reusesLayers ? ["ecr:DescribeImages"] : []),
  ];
}

/**
 * In a repository's policy: lets accounts pull, whoever they let do so.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
 */
export function mayPull(accounts: readonly string[], place: Place): Statement {
  return {
    Sid: "PullImages",
    Effect: "Allow",
    Principal: { AWS: accounts.toSorted().map((account) => place.globalArn("iam", "root", account)) },
    Action: PULL,
  };
}
