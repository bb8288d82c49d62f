/** PutRule's error for a pattern that EventBridge does not take; the reasons are the ones that it gives. */
export class InvalidEventPatternException extends Error {
  override readonly name = "InvalidEventPatternException";

  constructor(reason: string) {
    super(`Event pattern is not valid. Reason: ${reason}`);
  }
}

/** A path into an event that EventBridge does not take, or that local/ does not evaluate. */
export class JsonPathError extends Error {
  override readonly name = "JsonPathError";

  constructor(path: string) {
    super(
      `The JSON path "${path}" must be $, followed by members in dot notation (letters, digits, -, _ and /) and indices, such as ` +
        `$.detail.object.version-id or $.resources[0]; local/ evaluates no others`,
    );
  }
}

/** What PutTargets refuses in a target, or what AWS does not say the outcome of. */
export class InvalidTargetInputError extends Error {
  override readonly name = "InvalidTargetInputError";
}

/** The target would get something that is not JSON: EventBridge does not send it. */
export class InvalidJsonError extends Error {
  override readonly name = "InvalidJsonError";

  constructor(text: string, options: ErrorOptions) {
    super(`The input of the target is not JSON: ${text}`, options);
  }
}

/** EventBridge's reasons for not delivering: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
export type ErrorCode =
  | "CONNECTION_FAILURE"
  | "ERROR_FROM_TARGET"
  | "FAILED_TO_ASSUME_ROLE"
  | "INVALID_JSON"
  | "INVALID_PARAMETER"
  | "NO_PERMISSIONS"
  | "NO_RESOURCE"
  | "RESOURCE_LIMIT_EXCEEDED"
  | "THROTTLING";

/** A target did not take an event. */
export class TargetError extends Error {
  override readonly name = "TargetError";

  constructor(
    readonly code: ErrorCode,
    /** Whether EventBridge tries again. */
    readonly retried: boolean,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A rule that is applied, and that AWS would not have taken. */
export class InvalidRuleError extends Error {
  override readonly name = "InvalidRuleError";

  constructor(rule: string, cause: Error) {
    super(`Rule ${rule} matches nothing, since AWS would refuse it: ${cause.message}`, { cause });
  }
}

/** Something that is applied and that EventBridge would do, and local/ does not. */
export class UnsupportedRuleError extends Error {
  override readonly name = "UnsupportedRuleError";

  constructor(where: string, found: string) {
    super(
      `${where} has ${found}; local/ delivers events to standard SQS queues, CodeBuild projects, Lambda functions and, once, to other ` +
        `buses: it is left out`,
    );
  }
}

/** Members of a CodeBuild target's input that StartBuild does not have. */
export class IgnoredInputError extends Error {
  override readonly name = "IgnoredInputError";

  constructor(target: string, members: readonly string[]) {
    super(`The input of target ${target} has ${members.join(", ")}, which StartBuild does not take: left out`);
  }
}

/** An event selector that CloudTrail would evaluate, and local/ does not. */
export class UnsupportedSelectorError extends Error {
  override readonly name = "UnsupportedSelectorError";

  constructor(field: string, known: readonly string[]) {
    super(`An event selector looks at ${field}; local/ knows ${known.join(", ")}: its trail records nothing`);
  }
}

/** A trail that AWS would not have made. */
export class TrailBucketError extends Error {
  override readonly name = "TrailBucketError";

  constructor(trailArn: string, bucket: string, cause: Error) {
    super(
      `Trail ${trailArn} records nothing: AWS would refuse it with InsufficientS3BucketPolicyException, since CloudTrail may not ` +
        `write to the bucket ${bucket}. ${cause.message}`,
      { cause },
    );
  }
}
