import { randomBytes, randomUUID } from "node:crypto";
import type { Credentials } from "./credentials";
import { AccessDeniedError, UndecidedError, UnsupportedPolicyError } from "./errors";
import { evaluate, type Decision, type Request, type Side } from "./evaluate";
import { RESOURCE_TAG, type Policy } from "./policy";
import { parseRoleArn, sessionArn, type Principal, type RolePrincipal, type ServicePrincipal } from "./principal";
import { PolicySources, type SourceOptions } from "./sources";

export { AccessDeniedError } from "./errors";
export type { Principal, RolePrincipal, ServicePrincipal } from "./principal";

/** What a call says beyond who, action and resource; a key that a call does not carry is left out. */
export type RequestContext = Readonly<Partial<Record<"s3:prefix" | "s3:x-amz-acl", string>>>;

export interface AuthorizationRequest {
  readonly principal: Principal;
  /** `service:Operation`, as IAM names it. */
  readonly action: string;
  /** An ARN, or `*` for an action that knows no resource. */
  readonly resource: string;
  readonly context?: RequestContext;
}

/** Decides by the applied policies what services, functions and builds may do. */
export interface Iam {
  /**
   * @throws AccessDeniedError in AWS's words
   * @throws UndecidedError for a policy that is not understood whole
   */
  authorize(request: AuthorizationRequest): Promise<void>;
  /**
   * Credentials of a role for a service that the role trusts.
   *
   * @param sessionName what the session is called in messages
   * @throws AccessDeniedError where the role does not trust it, or is not there
   * @throws UnsupportedPolicyError for a trust policy that is not understood whole
   */
  assumeRole(roleArn: string, service: ServicePrincipal, sessionName?: string): Promise<Credentials>;
  /** Whose credentials these are; undefined for others than `assumeRole` gave. */
  ownerOf(accessKeyId: string): RolePrincipal | undefined;
  /** A password for ECR's registries that stands for a principal. */
  registryPassword(principal: RolePrincipal): string;
  /** Whom such a password stands for. */
  holderOf(registryPassword: string): RolePrincipal | undefined;
  close(): Promise<void>;
}

/** How pieces of local/ act by roles: with credentials from `iam`, through the gate. */
export interface Permissions {
  readonly iam: Iam;
  /** The gate's URL. */
  readonly gate: string;
}

/**
 * AWS's permissions on this machine, by the policies of roles and resources as they are applied at each moment.
 * Plain HTTP stands for TLS: every request counts as secure.
 */
export function startIam(options: SourceOptions): Iam {
  const sources = new PolicySources(options);
  const owners = new Map<string, RolePrincipal>();
  const holders = new Map<string, RolePrincipal>();

  const decide = async (asked: AuthorizationRequest): Promise<Decision> => {
    const { principal, action, resource } = asked;
    const role = "roleArn" in principal ? principal.roleArn : undefined;
    const [ofResource, ofRole, crossAccount] = await Promise.all([
      sources.ofResource(resource),
      role === undefined ? [] : sources.ofRole(role),
      role !== undefined && sources.isForeign(parseRoleArn(role).account, resource),
    ]);
    const policies = [...ofRole, ...ofResource];
    const tags = mentionsTags(policies) ? await sources.tagsOf(resource) : new Map<string, string>();
    const context = contextOf(asked, tags);
    return evaluate({ requester: requesterOf(principal), action, resource, context, crossAccount }, policies);
  };

  return {
    authorize: async (asked) => {
      const { principal, action, resource } = asked;
      const decision = await decide(asked).catch((error: unknown) => {
        throw error instanceof UnsupportedPolicyError
          ? new UndecidedError(nameOf(principal), action, resource, error)
          : error;
      });
      if (decision.allowed) return;
      const kind = POLICIES[sideOf(decision, principal)];
      throw new AccessDeniedError(nameOf(principal), action, resource, reason(decision, kind, action));
    },
    assumeRole: async (roleArn, service, sessionName) => {
      const action = "sts:AssumeRole";
      const trust = await sources.trustOf(roleArn);
      const request = {
        requester: requesterOf(service),
        action,
        resource: roleArn,
        context: contextOf({ principal: service }),
      };
      const decision = evaluate(request, trust === undefined ? [] : [trust]);
      if (!decision.allowed) {
        const why =
          trust === undefined ? "because there is no such role" : reason(decision, "role trust policy", action);
        throw new AccessDeniedError(nameOf(service), action, roleArn, why);
      }
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
      const accessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
      owners.set(accessKeyId, { roleArn, ...(sessionName !== undefined && { sessionName }) });
      return { accessKeyId, secretAccessKey: randomBytes(30).toString("base64"), sessionToken: randomUUID() };
    },
    ownerOf: (accessKeyId) => owners.get(accessKeyId),
    registryPassword: (principal) => {
      const password = randomBytes(30).toString("base64url");
      holders.set(password, principal);
      return password;
    },
    holderOf: (password) => holders.get(password),
    close: () => {
      sources.close();
      return Promise.resolve();
    },
  };
}

/** As AWS calls what decided. */
const POLICIES: Readonly<Record<Side, string>> = {
  identity: "identity-based policy",
  boundary: "permissions boundary",
  resource: "resource-based policy",
};

/** Whose policy denied it, or did not allow it. */
function sideOf(decision: Decision, principal: Principal): Side {
  if (decision.policy === undefined) return decision.missing ?? ("roleArn" in principal ? "identity" : "resource");
  const { kind } = decision.policy;
  return kind === "identity" || kind === "boundary" ? kind : "resource";
}

function requesterOf(principal: Principal): Request["requester"] {
  return "roleArn" in principal
    ? { roleArn: principal.roleArn, sessionArn: sessionArn(principal) }
    : { service: principal.service };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
function contextOf(
  { principal, context = {} }: Pick<AuthorizationRequest, "principal" | "context">,
  tags: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const known: Record<string, string | undefined> = { "aws:securetransport": "true", ...context };
  if ("roleArn" in principal) known["aws:principalarn"] = principal.roleArn;
  else {
    known["aws:sourcearn"] = principal.sourceArn;
    known["aws:sourceaccount"] = principal.sourceAccount;
  }
  for (const [key, value] of tags) known[`${RESOURCE_TAG}${key.toLowerCase()}`] = value;
  return new Map(Object.entries(known).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function mentionsTags(policies: readonly Policy[]): boolean {
  return policies.some(({ statements }) =>
    statements.some(({ conditions }) => conditions.some(({ key }) => key.startsWith(RESOURCE_TAG))),
  );
}

/** As AWS names them: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
function nameOf(principal: Principal): string {
  if ("roleArn" in principal) return `User: ${sessionArn(principal)}`;
  const { service, sourceArn } = principal;
  return sourceArn === undefined ? `Service: ${service}` : `Service: ${service} for ${sourceArn}`;
}

function reason(decision: Decision, kind: string, action: string): string {
  if (decision.policy === undefined) return `because no ${kind} allows the ${action} action`;
  const article = kind.startsWith("identity") ? "an" : "a";
  return `with an explicit deny in ${article} ${kind} (statement ${decision.statement.id}, ${decision.policy.name})`;
}
