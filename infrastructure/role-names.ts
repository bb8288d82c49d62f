import { names } from "../config/names";
import type { PipelineConfig } from "../config/schema";
import type { Statement } from "./policies";
import type { Surroundings } from "./surroundings";

type Roles = Pick<PipelineConfig, "name" | "roles">;

/** ARN of the builds' role: one for all, a service's own, or a pattern of all of them. */
export function buildRoles({ name, roles }: Roles, surroundings: Surroundings, service = "*"): string {
  const { builds } = roles;
  if (typeof builds !== "string") return builds.existing;
  const derived = names(name);
  return arnOf(roles, builds === "own" ? derived.buildRole(service) : derived.sharedBuildRole, surroundings);
}

/** ARN of the role that starts builds. */
export function startBuildRole({ name, roles }: Roles, surroundings: Surroundings): string {
  return roles.function ?? arnOf(roles, names(name).startBuildRole, surroundings);
}

function arnOf({ path = "/", namePrefix }: Roles["roles"], name: string, surroundings: Surroundings): string {
  return surroundings.globalArn("iam", `role${path}${namePrefix}${name}`);
}

/**
 * In a resource's policy: the account's roles of these names. By a condition, since a policy that names a role as its principal is
 * refused while there is no such role, and means nobody once the role was made anew.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
 */
export function fromRoles(
  arns: string | readonly string[],
  surroundings: Surroundings,
): Pick<Statement, "Principal" | "Condition"> {
  return {
    Principal: { AWS: surroundings.globalArn("iam", "root") },
    Condition: { ArnLike: { "aws:PrincipalArn": arns } },
  };
}
