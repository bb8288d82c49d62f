import { names } from "../config/names";
import type { Place } from "../config/policies/place";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";

type Roles = Pick<PipelineConfig, "name" | "roles">;

/** ARN of the builds' role: one for all, a service's own, or a pattern of all of them. */
export function buildRoles({ name, roles }: Roles, place: Place, service = "*"): string {
  const { builds } = roles;
  if (typeof builds !== "string") return builds.existing;
  const derived = names(name);
  return arnOf(roles, builds === "own" ? derived.buildRole(service) : derived.sharedBuildRole, place);
}

/** ARN of the role that starts builds. */
export function startBuildRole({ name, roles }: Roles, place: Place): string {
  return roles.function ?? arnOf(roles, names(name).startBuildRole, place);
}

function arnOf({ path = "/", namePrefix }: Roles["roles"], name: string, place: Place): string {
  return place.globalArn("iam", `role${path}${namePrefix}${name}`);
}

/**
 * In a resource's policy: the account's roles of these names. By a condition, since a policy that names a role as its principal is
 * refused while there is no such role, and means nobody once the role was made anew.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
 */
export function fromRoles(arns: string | readonly string[], place: Place): Pick<Statement, "Principal" | "Condition"> {
  return {
    Principal: { AWS: place.globalArn("iam", "root") },
    Condition: { ArnLike: { "aws:PrincipalArn": arns } },
  };
}
