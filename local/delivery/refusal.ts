import { AccessDeniedError, type Iam, type Principal } from "../iam";
import { RefusedDeliveryError } from "./errors";

/** Rejects with a RefusedDeliveryError where the policies do not allow it. */
export async function authorize(
  iam: Pick<Iam, "authorize">,
  principal: Principal,
  action: string,
  resource: string,
): Promise<void> {
  await iam.authorize({ principal, action, resource }).catch((cause: unknown) => {
    throw cause instanceof AccessDeniedError ? new RefusedDeliveryError(cause.message, { cause }) : cause;
  });
}

/**
 * The key that AWS manages lets no service in, and its policy cannot be changed.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services
 */
export function refuseManagedKey(key: string | undefined, managedKey: string): void {
  if (key !== managedKey) return;
  throw new RefusedDeliveryError(`The destination is encrypted by ${managedKey}, which no other service may use`);
}

/** Why a delivery was refused, if it was. */
export async function refusal(delivery: Promise<void>): Promise<string | undefined> {
  try {
    await delivery;
    return undefined;
  } catch (error) {
    if (error instanceof RefusedDeliveryError) return error.message;
    throw error;
  }
}
