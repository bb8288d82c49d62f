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
}

export type Decision =
  | { readonly allowed: boolean; readonly policy: Policy; readonly statement: Statement }
  /** No statement allows it. */
  | { readonly allowed: false; readonly policy?: undefined };

/**
 * Decides on a request within one account, as AWS does it there: a statement that denies wins over all others; otherwise one that
 * allows is enough, in a policy of the role or of the resource. A service has no policies of its own.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
 *
 * @param policies those of the role that asks and those of the resource that is asked for
 */
export function evaluate(request: Request, policies: readonly Policy[]): Decision {
  const applying = policies.flatMap((policy) =>
    policy.statements
      .filter((statement) => applies(statement, request))
      .map((statement) => ({ allowed: statement.effect === "Allow", policy, statement })),
  );
  return applying.find(({ allowed }) => !allowed) ?? applying[0] ?? { allowed: false };
}

function applies({ principals, actions, resources, conditions }: Statement, request: Request): boolean {
  return (
    (principals?.some((principal) => isMeant(principal, request.requester)) ?? "roleArn" in request.requester) &&
    actions.some((matches) => matches(request.action)) &&
    (resources?.some((matches) => matches(request.resource)) ?? true) &&
    conditions.every(({ key, values }) => {
      const value = request.context.get(key);
      return value !== undefined && values.some((matches) => matches(value));
    })
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
function isMeant(principal: PrincipalPattern, requester: Requester): boolean {
  switch (principal.kind) {
    case "everyone":
      return true;
    case "service":
      return "service" in requester && requester.service === principal.name;
    case "role":
      return "roleArn" in requester && [requester.roleArn, requester.sessionArn].includes(principal.arn);
  }
}
