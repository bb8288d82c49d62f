import { EcrRepositoryPolicy } from "@cdktf/provider-aws/lib/ecr-repository-policy";
import type { EcrRepository } from "@cdktf/provider-aws/lib/ecr-repository";
import { Construct } from "constructs";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { letGo } from "./let-go";
import { policyDocument } from "./policies";
import { buildRoles, fromRoles } from "./role-names";
import type { Surroundings } from "./surroundings";

/** Of the account that the repository is in. */
export function repositoryArn(
  { repository, registryAccount }: Pick<ServiceConfig, "repository" | "registryAccount">,
  surroundings: Surroundings,
): string {
  return surroundings.arn("ecr", `repository/${repository}`, registryAccount);
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

/** Tells the owners of repositories in other accounts what their policies must say; within an account, the roles' own policies suffice. */
export function addRepositoryPolicies(config: PipelineConfig, surroundings: Surroundings): void {
  for (const service of config.services) {
    const { name, repository, registryAccount } = service;
    if (registryAccount === undefined) continue;
    surroundings.forOthers.repositoryPolicy(`${registryAccount}/${repository}`, {
      Sid: "PushImages",
      Effect: "Allow",
      ...fromRoles(buildRoles(config, surroundings, name), surroundings),
      Action: pushActions([service], config.publisher),
    });
  }
}

/**
 * Lets accounts pull, whoever they let do so.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
 */
export function allowPulls(
  scope: Construct,
  id: string,
  repository: EcrRepository,
  accounts: readonly string[],
  surroundings: Surroundings,
): void {
  if (accounts.length === 0) return;
  new EcrRepositoryPolicy(scope, id, {
    repository: repository.name,
    policy: policyDocument({
      Sid: "PullImages",
      Effect: "Allow",
      Principal: { AWS: accounts.toSorted().map((account) => surroundings.globalArn("iam", "root", account)) },
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html
      Action: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }),
  });
}

/** Where the repository of a service, what says which images it keeps and who may pull stand in the service's scope, by their types. */
const PARTS = {
  aws_ecr_repository: "repository",
  aws_ecr_lifecycle_policy: "lifecycle",
  aws_ecr_repository_policy: "pulls",
} as const;

/** Has Terraform forget the repository that the service had made, where there was one, and leave it as it is, with its policies. */
export function letGoOfRepository(service: Construct): void {
  for (const [type, part] of Object.entries(PARTS)) letGo(type, new Construct(service, part));
}
