/** The bytes that Lambda serves are not the ones that it says it has. */
export class CodeHashError extends Error {
  override readonly name = "CodeHashError";

  constructor(functionName: string, found: string, expected: string) {
    super(
      `The code of function ${functionName} has SHA-256 ${found}, but its configuration says ${expected}: ` +
        `it is not run. Apply the stack again`,
    );
  }
}

/** The zip cannot be fetched from the place that GetFunction names. */
export class CodeDownloadError extends Error {
  override readonly name = "CodeDownloadError";

  constructor(functionName: string, found: string, options?: ErrorOptions) {
    super(`The code of function ${functionName} cannot be downloaded: ${found}`, options);
  }
}

/** The zip holds a member that would be written outside of the function's folder. */
export class UnsafeMemberError extends Error {
  override readonly name = "UnsafeMemberError";

  constructor(functionName: string, member: string) {
    super(
      `The code of function ${functionName} holds the member "${member}", which leads out of its folder: it is not unpacked`,
    );
  }
}

/** A function that AWS would run, and local/ does not. */
export class UnsupportedFunctionError extends Error {
  override readonly name = "UnsupportedFunctionError";

  constructor(functionName: string, found: string) {
    super(`Function ${functionName} has ${found}; local/ runs zipped functions on a Node.js runtime, without layers`);
  }
}

/** Lambda may not act by the function's role. */
export class RoleNotAssumedError extends Error {
  override readonly name = "RoleNotAssumedError";

  constructor(functionName: string, options: { readonly cause: Error }) {
    super(
      `The role defined for the function ${functionName} cannot be assumed by Lambda: ${options.cause.message}. ` +
        `Let its trust policy allow lambda.amazonaws.com`,
      options,
    );
  }
}

/** Every environment that the function may have is busy: its reserved concurrency is used up. */
export class ThrottledError extends Error {
  override readonly name = "ThrottledError";

  constructor(functionName: string, reserved: number) {
    super(`Function ${functionName} is throttled: its reserved concurrency is ${reserved}`);
  }
}

/** An event source mapping that AWS would poll, and local/ does not. */
export class UnsupportedMappingError extends Error {
  override readonly name = "UnsupportedMappingError";

  constructor(uuid: string, found: string) {
    super(
      `Event source mapping ${uuid} has ${found}; local/ polls standard SQS queues without filter criteria: it is not polled`,
    );
  }
}

/** Lambda may not read a queue by the function's role, nobody knows whether it may, or the queue or the function is gone. */
export class PollingRefusedError extends Error {
  override readonly name = "PollingRefusedError";

  constructor(uuid: string, queueArn: string, options: { readonly cause: Error }) {
    super(`Event source mapping ${uuid} does not poll ${queueArn}: ${options.cause.message}`, options);
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
