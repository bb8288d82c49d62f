import { literal } from "../policies";
import { EventPatternTooLongError } from "../errors";

/** Characters. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const EVENT_PATTERN_LENGTH = 2048;

/**
 * How long EventBridge tries to deliver an event: as long and as often as it can.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export const RETRY_POLICY = { maximumEventAgeInSeconds: 24 * 60 * 60, maximumRetryAttempts: 185 };

/**
 * An event pattern as a rule takes it.
 * @throws EventPatternTooLongError
 */
export function eventPattern(rule: string, pattern: object): string {
  const text = JSON.stringify(pattern);
  if (text.length > EVENT_PATTERN_LENGTH) throw new EventPatternTooLongError(rule, text.length, EVENT_PATTERN_LENGTH);
  return literal(text);
}
