import type { Finding } from "./findings";
import * as limits from "./limits";
import { names } from "./names";
import { allBuildsMay, ownBuildsMay } from "./policies/builds";
import { beyondPolicies } from "./policies/characters";
import { anyPlace } from "./policies/place";
import { mayPull } from "./policies/registry";
import { policyLength, type Statement } from "./policies/statement";
import type { Draft } from "./resolve";
import type { PipelineConfig } from "./schema";

/** Policies that AWS would refuse for their length, in the middle of an apply. Those that no configuration makes too long are not looked at. */
export function checkPolicies(draft: Draft): Finding[] {
  return [...checkBuilds(draft), ...checkPulls(draft.config)];
}

function checkBuilds({ config, written, places }: Draft): Finding[] {
  const { name, region, roles, services } = config;
  const { max } = limits.INLINE_POLICIES_LENGTH;
  const place = anyPlace(region);
  if (roles.builds === "shared") {
    const statements = allBuildsMay(config, place);
    const length = policyLength(...statements);
    if (length <= max) return [];
    const rule = `must be own, or all services together must name less: the policy of ${roles.namePrefix}${names(name).sharedBuildRole}, the one role of all builds, would have ${length} characters, and the inline policies of a role hold ${max}; most are taken by ${mostOf(statements)}`;
    return [{ path: ["roles"], rule, value: written.roles }];
  }
  // What a role that exists must be allowed is its owner's to attach, in as many policies as it takes.
  if (roles.builds !== "own") return [];
  return services.flatMap((service, index) => {
    const statements = ownBuildsMay(config, service, place);
    const length = policyLength(...statements);
    if (length <= max) return [];
    const rule = `must name less: the policy of ${roles.namePrefix}${names(name).buildRole(service.name)}, the role of its builds, would have ${length} characters, and the inline policies of a role hold ${max}; most are taken by ${mostOf(statements)}`;
    return [{ path: ["services", places[index] ?? index], rule }];
  });
}

/** Of a role that exists: how its owner has to attach what a policy of one piece cannot hold. */
export function warnPolicies(config: PipelineConfig): Finding[] {
  if (typeof config.roles.builds === "string") return [];
  const length = policyLength(...allBuildsMay(config, anyPlace(config.region)));
  const { INLINE_POLICIES_LENGTH: inline, MANAGED_POLICY_LENGTH: managed } = limits;
  if (length <= inline.max) return [];
  const rule = `is to have a policy of ${length} characters, where inline ones hold ${inline.max}: split it into managed policies of ${managed.max} at most`;
  return [{ path: ["roles", "builds", "existing"], rule }];
}

/** What the policy of whoever deploys cannot name. Nothing that is applied names it, so a pipeline may have it. */
export function checkDeployer({ backend }: PipelineConfig): Finding[] {
  // Of a role that keeps the state, the policy is its owner's.
  if (backend.kind !== "s3" || backend.assumeRole !== undefined) return [];
  return (["key", "workspaceKeyPrefix"] as const).flatMap((option) => {
    const value = backend[option];
    const fault = value === undefined ? undefined : beyondPolicies(value);
    if (fault === undefined) return [];
    const rule = `must be spelled otherwise for the policy of the deployer, which names it: ${fault}; or have a role keep the state, backend.s3.assumeRole`;
    return [{ path: ["backend", "s3", option], rule, value }];
  });
}

/** The options that statements grow with. */
const OPTIONS: Readonly<Record<string, string>> = {
  ReadDrops: "key",
  FindVersions: "key",
  ReadTools: "tools.prefix",
  PushToExisting: "existing repositories",
  MountLayers: "mountFrom",
  PullBuildImages: "compute.image",
  WriteLogs: "logs.builds",
  EnterNetwork: "vpc",
  LendInterfaces: "vpc",
};

/** The share of a policy that makes an option worth naming. */
const MUCH = 0.1;

/** What to shorten, with the characters that it takes. */
function mostOf(statements: readonly Statement[]): string {
  const lengths = new Map<string, number>();
  for (const statement of statements) {
    const option = OPTIONS[statement.Sid];
    if (option === undefined) continue;
    lengths.set(option, (lengths.get(option) ?? 0) + policyLength(statement) - policyLength());
  }
  return [...lengths]
    .filter(([, length]) => length > MUCH * limits.INLINE_POLICIES_LENGTH.max)
    .toSorted(([, a], [, b]) => b - a)
    .map(([option, length]) => `${option} (${length})`)
    .join(", ");
}

function checkPulls({ region, repositories: { pullAccounts } }: PipelineConfig): Finding[] {
  const place = anyPlace(region);
  const lengthOf = (accounts: readonly string[]) => policyLength(mayPull(accounts, place));
  const { max } = limits.REPOSITORY_POLICY_LENGTH;
  const length = lengthOf(pullAccounts);
  if (length <= max) return [];
  const each = length - lengthOf(pullAccounts.slice(1));
  const fitting = pullAccounts.length - Math.ceil((length - max) / each);
  const rule = `must list at most ${fitting} accounts here: with more, the policy of a repository is longer than the ${max} characters that ECR takes`;
  return [{ path: ["repositories", "pullAccounts"], rule, value: pullAccounts }];
}
