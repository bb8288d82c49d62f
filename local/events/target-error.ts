import { AccessDeniedError } from "../iam";
import { InvalidJsonError, TargetError, type ErrorCode } from "./errors";

/** By the name of the error that an API answers: what EventBridge calls it. */
const KNOWN: Readonly<Record<string, { readonly code: ErrorCode; readonly retried: boolean }>> = {
  QueueDoesNotExist: { code: "NO_RESOURCE", retried: false },
  ResourceNotFoundException: { code: "NO_RESOURCE", retried: false },
  InvalidInputException: { code: "INVALID_PARAMETER", retried: false },
  AccountLimitExceededException: { code: "RESOURCE_LIMIT_EXCEEDED", retried: true },
  ThrottlingException: { code: "THROTTLING", retried: true },
};

/** The error of an SDK's client, as far as it decides. */
interface ServiceError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/**
 * What a failed delivery is for EventBridge: it tries again after a failed connection, an error of the server, and a limit that passes;
 * never without a permission or a target, or what a target refuses.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 * https://repost.aws/knowledge-center/eventbridge-resolve-failedinvocation-errors
 *
 * @returns undefined for what is no failure of the delivery, but of local/
 */
export function targetError(error: unknown): TargetError | undefined {
  if (error instanceof TargetError) return error;
  if (!(error instanceof Error)) return undefined;
  const failure = ({ code, retried }: { readonly code: ErrorCode; readonly retried: boolean }): TargetError =>
    new TargetError(code, retried, error.message, { cause: error });
  if (error instanceof AccessDeniedError) return failure({ code: "NO_PERMISSIONS", retried: false });
  if (error instanceof InvalidJsonError) return failure({ code: "INVALID_JSON", retried: false });
  const known = Object.hasOwn(KNOWN, error.name) ? KNOWN[error.name] : undefined;
  if (known !== undefined) return failure(known);
  const { $metadata: metadata } = error as ServiceError;
  if (metadata === undefined) return undefined;
  const { httpStatusCode: status } = metadata;
  if (status === undefined) return failure({ code: "CONNECTION_FAILURE", retried: true });
  return failure({ code: "ERROR_FROM_TARGET", retried: status >= 500 || status === 429 });
}
