import { EcrRepositoryPolicy } from "@cdktf/provider-aws/lib/ecr-repository-policy";
import type { EcrRepository } from "@cdktf/provider-aws/lib/ecr-repository";
import { Construct } from "constructs";
import { privateRepository } from "../config/compute";
import { anyPlace, type Place } from "../config/policies/place";
import { mayPull, PULL, pushActions } from "../config/policies/registry";
import { policyDocument, type Statement } from "../config/policies/statement";
import { ownAccount } from "../config/provider";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { letGo } from "./let-go";
import { buildRoles, fromRoles } from "./role-names";
import type { Surroundings } from "./surroundings";

/** Tells the owners of repositories in other accounts what their policies must say; within an account, the roles' own policies suffice. */
export function addRepositoryPolicies(config: PipelineConfig, surroundings: Surroundings): void {
  const statements = new Map<string, Statement[]>();
  const add = (repository: string, services: readonly ServiceConfig[], Sid: string, Action: Statement["Action"]) => {
    const known = statements.get(repository) ?? [];
    const roles = fromRoles(rolesOf(services, config, surroundings), surroundings);
    statements.set(repository, [...known, { Sid, Effect: "Allow", ...roles, Action }]);
  };
  for (const service of config.services) {
    const { repository, registryAccount } = service;
    if (registryAccount === undefined) continue;
    add(`${registryAccount}/${repository}`, [service], "PushImages", pushActions([service], config.publisher));
  }
  for (const [repository, services] of groupBy(config.services, (service) => mountsOf(service, config)))
    add(repository, services, "MountLayers", PULL);
  for (const [repository, services] of groupBy(config.services, (service) => buildImageOf(service, config)))
    add(repository, services, "PullBuildImages", PULL);
  for (const [repository, policy] of statements) surroundings.forOthers.repositoryPolicy(repository, ...policy);
}

/** Repositories of another account that a service's builds take layers from, as the output names them; not those that they push to. */
function mountsOf({ name, stream, registryAccount }: ServiceConfig, { publisher, roles, services }: PipelineConfig) {
  if (publisher !== "stream" || registryAccount === undefined) return [];
  const pushed = new Set(
    services
      .filter((other) => other.registryAccount === registryAccount && (roles.builds !== "own" || other.name === name))
      .map(({ repository }) => repository),
  );
  return stream.mountFrom
    .filter((repository) => !pushed.has(repository))
    .map((repository) => `${registryAccount}/${repository}`);
}

/** The repository of a service's build image where it is another account's, as the output names it. */
function buildImageOf({ compute }: ServiceConfig, { region, provider }: PipelineConfig): readonly string[] {
  const image = privateRepository(compute);
  if (image === undefined || image.account === ownAccount(provider)) return [];
  // A repository of the same name in another region has a policy of its own.
  return [image.region === region ? `${image.account}/${image.repository}` : image.url];
}

/**
 * Characters of roles in one statement: of three there can be in the policy of a repository, which ECR takes 10,240 of.
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
 */
const MOST_ROLES_LENGTH = 3000;

/** ARNs of the roles that build these services; a pattern of all where it is all of them, or so many that a policy would not hold them. */
function rolesOf(
  services: readonly ServiceConfig[],
  config: PipelineConfig,
  surroundings: Surroundings,
): string | readonly string[] {
  const [first, ...others] = services;
  if (first === undefined || typeof config.roles.builds !== "string" || config.roles.builds === "shared")
    return buildRoles(config, surroundings);
  if (others.length === 0) return buildRoles(config, surroundings, first.name);
  const rolesAt = (place: Place) => services.map(({ name }) => buildRoles(config, place, name));
  const isLong = JSON.stringify(rolesAt(anyPlace(config.region))).length > MOST_ROLES_LENGTH;
  // A role among them that may not pull by its own policy, may not by the repository's.
  if (isLong || services.length === config.services.length) return buildRoles(config, surroundings);
  return rolesAt(surroundings);
}

/** By each of the keys that an item has, in the order of the first. */
function groupBy<Item>(items: readonly Item[], keysOf: (item: Item) => readonly string[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items)
    for (const key of new Set(keysOf(item))) groups.set(key, [...(groups.get(key) ?? []), item]);
  return groups;
}

/** Lets accounts pull from a repository. */
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
    policy: policyDocument(mayPull(accounts, surroundings)),
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
