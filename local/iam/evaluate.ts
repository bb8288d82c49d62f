import type { Policy, PrincipalPattern, Statement } from "./policy";

/** Who asks: a service for itself, or a session of a role. */
export type Requester = { readonly service: string } | { readonly roleArn: string; readonly sessionArn: string };

export interface Request {
  readonly requester: Requester;
  /** `service:Operation`. */
  readonly action: string;
  /** An ARN, or `*` for an action that knows no resource. */
  readonly resource: string;
  /** Values by condition key, in lower case. A key that is not here makes each condition on it false. */
  readonly context: ReadonlyMap<string, string>;
  /** The role that asks is of another account than the resource. @default false */
  readonly crossAccount?: boolean;
}

/** Whose policies have to allow a request. */
export type Side = "identity" | "boundary" | "resource";

export type Decision =
  | { readonly allowed: boolean; readonly policy: Policy; readonly statement: Statement }
  /** No statement allows it, or none of this side's. */
  | { readonly allowed: false; readonly policy?: undefined; readonly missing?: Side };

/**
 * Decides on a request as AWS does: a statement that denies wins over all others; otherwise one that allows is enough, in a policy of the
 * role or of the resource, and across accounts one in each. A permissions boundary has to allow it, too. A service has no policies of its
 * own. (AWS lets a resource's policy that names one session go past the boundary; here, nothing does.)
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
 *
 * @param policies those of the role that asks and those of the resource that is asked for
 */
export function evaluate(request: Request, policies: readonly Policy[]): Decision {
  const applying = policies.flatMap((policy) =>
    policy.statements
      .filter((statement) => applies(statement, request))
      .map((statement) => ({ allowed: statement.effect === "Allow", policy, statement })),
  );
  const denying = applying.find(({ allowed }) => !allowed);
  if (denying) return denying;
  const missing = required(request, policies).find((side) => !applying.some(({ policy }) => sideOf(policy) === side));
  if (missing !== undefined) return { allowed: false, missing };
  return applying.find(({ policy }) => policy.kind !== "boundary") ?? { allowed: false };
}

function required({ crossAccount = false }: Request, policies: readonly Policy[]): readonly Side[] {
  return [
    ...(crossAccount ? (["identity", "resource"] as const) : []),
    ...(policies.some(({ kind }) => kind === "boundary") ? (["boundary"] as const) : []),
  ];
}

function sideOf({ kind }: Policy): Side {
  return kind === "identity" || kind === "boundary" ? kind : "resource";
}

function applies({ principals, actions, resources, conditions }: Statement, request: Request): boolean {
  return (
    (principals?.some((principal) => isMeant(principal, request)) ?? "roleArn" in request.requester) &&
    actions.some((matches) => matches(request.action)) &&
    (resources?.some((matches) => matches(request.resource)) ?? true) &&
    conditions.every(({ key, values }) => {
      const value = request.context.get(key);
      return value !== undefined && values.some((matches) => matches(value));
    })
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
function isMeant(principal: PrincipalPattern, { requester, crossAccount = false }: Request): boolean {
  switch (principal.kind) {
    case "everyone":
      return true;
    case "service":
      return "service" in requester && requester.service === principal.name;
    case "role":
      return "roleArn" in requester && [requester.roleArn, requester.sessionArn].includes(principal.arn);
    // Within the account, it leaves the decision to the policies of its roles, and grants nothing.
    case "account":
      return "roleArn" in requester && crossAccount && requester.roleArn.split(":")[4] === principal.account;
  }
}
