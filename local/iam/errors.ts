/**
 * A policy says something that the evaluator does not know. It decides nothing then: what it passed over could be the very
 * condition that AWS refuses by.
 */
export class UnsupportedPolicyError extends Error {
  override readonly name = "UnsupportedPolicyError";

  constructor(document: string, statement: string | undefined, element: string, found: string) {
    const place = statement === undefined ? "" : `, statement ${statement}`;
    super(
      `${document}${place}: ${element} ${found}, which local/iam does not evaluate. Write the policy without it, or teach it to local/iam/policy.ts`,
    );
  }
}

/** A request that a policy decides on which is not understood. It is refused. */
export class UndecidedError extends Error {
  override readonly name = "UndecidedError";

  constructor(principal: string, action: string, resource: string, cause: UnsupportedPolicyError) {
    super(`Nobody knows whether ${principal} may perform ${action} on resource ${resource}: ${cause.message}`, {
      cause,
    });
  }
}

/** A resource of a service of which it is not known whether its resources carry policies. */
export class UnsupportedResourceError extends Error {
  override readonly name = "UnsupportedResourceError";

  constructor(arn: string) {
    super(
      `local/iam does not know whether ${arn} has a policy of its own. Teach it to local/iam/sources.ts, or leave the call out`,
    );
  }
}

/** What the applied policies do not allow, in AWS's words: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
export class AccessDeniedError extends Error {
  override readonly name = "AccessDeniedError";

  constructor(
    readonly principal: string,
    readonly action: string,
    readonly resource: string,
    reason: string,
  ) {
    super(`${principal} is not authorized to perform: ${action} on resource: ${resource} ${reason}`);
  }
}

/** A call through the gate of which it is not known what it takes to be allowed. */
export class UnmappedOperationError extends Error {
  override readonly name = "UnmappedOperationError";

  constructor(operation: string) {
    super(
      `The gate does not know which permissions ${operation} takes, so it lets nobody call it. Teach it to local/iam/operations.ts`,
    );
  }
}
