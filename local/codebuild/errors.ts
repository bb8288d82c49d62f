/**
 * What a caller of the API gets, by AWS's own error types
 * (https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html#API_StartBuild_Errors).
 */
export abstract class ApiError extends Error {
  /** The `__type` of the answer: SDKs raise an exception of this name. */
  abstract readonly type: string;
}

export class InvalidInputException extends ApiError {
  readonly type = "InvalidInputException";
}

export class ResourceNotFoundException extends ApiError {
  readonly type = "ResourceNotFoundException";
}

export class ResourceAlreadyExistsException extends ApiError {
  readonly type = "ResourceAlreadyExistsException";
}

export class AccountLimitExceededException extends ApiError {
  readonly type = "AccountLimitExceededException";
}

export class UnknownOperationException extends ApiError {
  readonly type = "UnknownOperationException";

  constructor(operation: string, known: readonly string[]) {
    super(`CodeBuild on this machine has no operation "${operation}"; it has: ${known.join(", ")}`);
  }
}

export class SerializationException extends ApiError {
  readonly type = "SerializationException";
}

/** Why a phase did not succeed: what `BatchGetBuilds` shows as the phase's context. */
export abstract class PhaseError extends Error {
  abstract readonly statusCode: string;
  readonly phaseStatus: "FAILED" | "STOPPED" | "TIMED_OUT" = "FAILED";
}

export class CommandFailed extends PhaseError {
  readonly statusCode = "COMMAND_EXECUTION_ERROR";

  constructor(command: string, exitCode: number) {
    super(`Error while executing command: ${command}. Reason: exit status ${exitCode}`);
  }
}

export class YamlFileError extends PhaseError {
  readonly statusCode = "YAML_FILE_ERROR";
}

export class SourceError extends PhaseError {
  readonly statusCode = "CLIENT_ERROR";
}

/** The service role does not allow it. */
export class AccessDenied extends PhaseError {
  readonly statusCode = "ACCESS_DENIED";
}

/** AWS would do it; this machine does not, and says so instead of pretending. */
export class NotSupportedLocally extends PhaseError {
  readonly statusCode = "NOT_SUPPORTED_LOCALLY";

  constructor(what: string) {
    super(`${what}: not supported by CodeBuild on this machine`);
  }
}

/** What privileged mode brings could not be had. */
export class PrivilegedModeError extends PhaseError {
  readonly statusCode = "NOT_SUPPORTED_LOCALLY";
}

export class BuildTimedOut extends PhaseError {
  readonly statusCode = "BUILD_TIMED_OUT";
  override readonly phaseStatus = "TIMED_OUT";

  constructor(minutes: number) {
    super(`Build has timed out. It ran for longer than its timeout of ${minutes} minutes`);
  }
}

export class QueueTimedOut extends PhaseError {
  readonly statusCode = "BUILD_TIMED_OUT";
  override readonly phaseStatus = "TIMED_OUT";

  constructor(minutes: number) {
    super(`Build has timed out. It was queued for longer than its queued timeout of ${minutes} minutes`);
  }
}

export class BuildStopped extends PhaseError {
  readonly statusCode = "BUILD_STOPPED";
  override readonly phaseStatus = "STOPPED";

  constructor() {
    super("Build was stopped by StopBuild");
  }
}
