import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import type { ITerraformDependable } from "cdktf";
import type { Construct } from "constructs";
import { policyDocument, type Statement } from "../config/policies/statement";
import type { RolesConfig } from "../config/roles";

/** A role that function, rules or builds act by. */
export interface Role {
  readonly arn: string;
  /** Without it the role can do nothing; none where the role is taken as it is. */
  readonly permissions: readonly ITerraformDependable[];
}

export interface RoleProps {
  readonly roles: RolesConfig;
  /** Its name, without the configured prefix. */
  readonly name: string;
  readonly policyName: string;
  /** Who may assume it, a policy document. */
  readonly trust: string;
  readonly statements: readonly Statement[];
}

/** Makes a role, under the ids `role` and `policy`. */
export function createRole(scope: Construct, { roles, name, policyName, trust, statements }: RoleProps): Role {
  const role = new IamRole(scope, "role", {
    name: `${roles.namePrefix}${name}`,
    path: roles.path,
    permissionsBoundary: roles.permissionBoundary,
    assumeRolePolicy: trust,
  });
  const policy = new IamRolePolicy(scope, "policy", {
    name: policyName,
    role: role.name,
    policy: policyDocument(...statements),
  });
  return { arn: role.arn, permissions: [policy] };
}
