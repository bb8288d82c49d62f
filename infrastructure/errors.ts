/** A rule's event pattern is longer than EventBridge takes. */
export class EventPatternTooLongError extends Error {
  override readonly name = "EventPatternTooLongError";

  constructor(rule: string, length: number, limit: number) {
    super(
      `EventBridge cannot take the event pattern of rule ${rule}: found ${length} characters, expected at most ${limit}; shorten the service's key`,
    );
  }
}
