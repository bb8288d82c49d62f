/** A destination that takes nothing from this sender, for ever: AWS does not try it again. */
export class RefusedDeliveryError extends Error {
  override readonly name = "RefusedDeliveryError";
}

/** A subscription that SNS would serve, and local/ does not. */
export class UnsupportedSubscriptionError extends Error {
  override readonly name = "UnsupportedSubscriptionError";

  constructor(subscriptionArn: string, found: string) {
    super(
      `Subscription ${subscriptionArn} has ${found}; local/ delivers to queues and functions, without filter policies: it gets nothing`,
    );
  }
}

/** A destination of invocation records that Lambda would serve, and local/ does not. */
export class UnsupportedDestinationError extends Error {
  override readonly name = "UnsupportedDestinationError";

  constructor(functionArn: string, found: string) {
    super(
      `Function ${functionArn} has ${found}; local/ sends the records of asynchronous invocations to standard SQS queues: it gets nothing`,
    );
  }
}
