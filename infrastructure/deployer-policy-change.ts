import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { arnsOf, deployerPolicy, type DeployerPolicyOptions } from "./deployer-policy";

/** A configuration, and the types of the resources in its stack. */
export interface Described {
  readonly config: PipelineConfig;
  readonly types: ReadonlySet<string>;
}

/** Of the configuration that goes no role is made or lent, and what it let go of has left the state. */
const OVER: ReadonlySet<string> = new Set(["GrowRoles", "PassRoles", "LetGo"]);

/**
 * What whoever applies a change must be allowed: what the new configuration takes, and to read and delete what only the old one
 * describes, which Terraform finds in the state.
 * @throws UnknownResourceTypeError for a type that nobody has said the calls of
 */
export function changePolicy(now: Described, before: Described, options: DeployerPolicyOptions = {}): Statement[] {
  const statements = deployerPolicy(now.config, now.types, options);
  // Repositories of services that retire are read by their tag, and not deleted.
  const services = before.config.services.filter(({ name }) => !now.config.retired.includes(name));
  const old = deployerPolicy({ ...before.config, services }, before.types, options);
  return [
    ...statements,
    ...old
      .filter(({ Sid }) => !OVER.has(Sid))
      .flatMap((statement) =>
        renderRest(
          statement,
          statements.find(({ Sid }) => Sid === statement.Sid),
        ),
      ),
    ...renderUnbound(now.config, before.config, options),
  ];
}

/** What a statement allows beyond the new one of its name, save making things: never new actions on old resources, nor the reverse. */
function renderRest(old: Statement, now: Statement | undefined): Statement[] {
  const same = JSON.stringify(now?.Condition) === JSON.stringify(old.Condition) ? now : undefined;
  const [actions, resources] = [
    listOf(old.Action).filter((action) => !action.includes(":Create")),
    listOf(old.Resource),
  ];
  const more = actions.filter((action) => !listOf(same?.Action).includes(action));
  const gone = resources.filter((resource) => !listOf(same?.Resource).includes(resource));
  if (actions.length === 0 || resources.length === 0 || more.length + gone.length === 0) return [];
  return [
    {
      ...old,
      Sid: `${old.Sid}Before`,
      Action: gone.length === 0 ? more : actions,
      Resource: more.length === 0 ? gone : resources,
    },
  ];
}

/** The boundary that is no longer asked for is taken off roles that stay. */
function renderUnbound(now: PipelineConfig, before: PipelineConfig, options: DeployerPolicyOptions): Statement[] {
  const boundary = before.roles.permissionBoundary;
  if (boundary === undefined || now.roles.permissionBoundary !== undefined) return [];
  return [
    {
      Sid: "UnboundRoles",
      Effect: "Allow",
      Action: "iam:DeleteRolePermissionsBoundary",
      Resource: arnsOf(now, options).roles,
      Condition: { StringEquals: { "iam:PermissionsBoundary": boundary } },
    },
  ];
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
