import type { Construct } from "constructs";
import { names } from "../config/names";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { createRole, type Role } from "./role";
import type { Surroundings } from "./surroundings";

export interface StartBuildRoleProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
  /** Who may assume it, a policy document. */
  readonly trust: string;
  readonly statements: readonly Statement[];
}

/** The role that starts builds: made, or taken as it is. */
export function startBuildRole(
  scope: Construct,
  { config, surroundings, trust, statements }: StartBuildRoleProps,
): Role {
  const { roles } = config;
  if (roles.function === undefined) {
    return createRole(scope, {
      roles,
      name: names(config.name).startBuildRole,
      policyName: "start-build",
      trust,
      statements,
    });
  }
  surroundings.forOthers.document("function_role_trust", trust);
  surroundings.forOthers.policy("function_role_policy", ...statements);
  return { arn: roles.function, permissions: [] };
}
