/** A rule's event pattern is longer than EventBridge takes. */
export class EventPatternTooLongError extends Error {
  override readonly name = "EventPatternTooLongError";

  constructor(rule: string, length: number, limit: number) {
    super(
      `EventBridge cannot take the event pattern of rule ${rule}: found ${length} characters, expected at most ${limit}; shorten the service's key`,
    );
  }
}

/** A stack holds a type of resource whose calls the deployer's policy does not know. */
export class UnknownResourceTypeError extends Error {
  override readonly name = "UnknownResourceTypeError";

  constructor(type: string) {
    super(
      `cannot tell what a deployer must be allowed: found a resource of type ${type}, expected those of pipelines only; add its calls to infrastructure/deployer-policy.ts`,
    );
  }
}
