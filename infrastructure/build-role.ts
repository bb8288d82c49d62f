import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { trustPolicy } from "./policies";
import { createRole, type Role } from "./role";
import type { Surroundings } from "./surroundings";

export interface BuildRoleProps {
  readonly pipeline: PipelineConfig;
  readonly surroundings: Surroundings;
  /** Its name, where it is made. */
  readonly name: string;
  /** The projects that may assume the role: a name, or a pattern of names. */
  readonly projects: string;
  /** What it lets builds do (config/policies/builds.ts). */
  readonly statements: readonly Statement[];
}

/** What a build may do: read drops and tools, push images, write its log. Made, or taken as it is. */
export class BuildRole extends Construct implements Role {
  readonly arn: string;
  readonly permissions: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, props: BuildRoleProps) {
    super(scope, id);
    const { pipeline, name, surroundings, statements } = props;
    const { roles } = pipeline;
    const trust = renderTrust(props);
    if (typeof roles.builds !== "string") {
      surroundings.forOthers.document("builds_role_trust", trust);
      surroundings.forOthers.policy("builds_role_policy", ...statements);
      this.arn = roles.builds.existing;
      this.permissions = [];
      return;
    }
    const role = createRole(this, { roles, name, policyName: "build", trust, statements });
    this.arn = role.arn;
    this.permissions = role.permissions;
  }
}

/** https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html */
function renderTrust({ surroundings, projects }: BuildRoleProps): string {
  return trustPolicy(surroundings.principal("codebuild"), {
    ArnLike: { "aws:SourceArn": surroundings.arn("codebuild", `project/${projects}`) },
    StringEquals: { "aws:SourceAccount": surroundings.account },
  });
}
