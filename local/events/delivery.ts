import { setTimeout as delay } from "node:timers/promises";

import type { RetryPolicy, Rule, Target } from "@aws-sdk/client-eventbridge";

import type { ServicePrincipal } from "../iam";
import type { TargetError } from "./errors";
import type { OnBusEvent } from "./events";
import type { JsonObject } from "./json";
import { targetError } from "./target-error";
import type { Targets } from "./targets";
import { targetInput } from "./transformer";

/** One event on its way to one target. */
export interface Delivery {
  /** Whose rule it is. */
  readonly account: string;
  /** It came from another bus. */
  readonly forwarded: boolean;
  readonly event: JsonObject;
  readonly eventId: string;
  readonly received: Date;
  readonly rule: Rule;
  readonly target: Target;
}

export interface DelivererOptions {
  readonly targets: Targets;
  readonly minuteInMilliseconds: number;
  readonly onEvent: OnBusEvent;
  /** Ends the waits for the next retry. */
  readonly signal: AbortSignal;
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html */
const RETRY_ATTEMPTS = 185;
const EVENT_AGE_SECONDS = 24 * 60 * 60;
/** AWS says only that it backs off exponentially, with jitter. With these, the default attempts fill the default age. */
const FIRST_DELAY_SECONDS = 1;
const LONGEST_DELAY_SECONDS = 10 * 60;

/**
 * Delivers one event to one target as EventBridge does: what may pass is tried again by the target's retry policy, what failed for good
 * goes to its dead letter queue, as it came to the bus.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 */
export class Deliverer {
  readonly #options: DelivererOptions;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /** Rejects for what is no failure of the target, such as a target that is not supported. */
  async deliver(delivery: Delivery): Promise<void> {
    const { onEvent, signal } = this.#options;
    const { attempts, ageMs } = this.#limits(delivery.target.RetryPolicy);
    const started = performance.now();
    for (let retries = 0; ; retries++) {
      const error = await this.#try(delivery);
      if (error === undefined) {
        onEvent({ type: "delivered", ...described(delivery) });
        return;
      }
      if (!error.retried) return this.#giveUp(delivery, error, retries);
      if (retries >= attempts) return this.#giveUp(delivery, error, retries, "MaximumRetryAttempts");
      const waitMs = this.#milliseconds(backOffSeconds(retries));
      if (performance.now() - started + waitMs > ageMs) {
        return this.#giveUp(delivery, error, retries, "MaximumEventAgeInSeconds");
      }
      onEvent({ type: "retried", ...described(delivery), code: error.code, reason: error.message, waitMs });
      await delay(waitMs, undefined, { signal });
    }
  }

  /** Undefined where the target took it. */
  async #try(delivery: Delivery): Promise<TargetError | undefined> {
    const { event, rule, target, received, forwarded } = delivery;
    const context = { ruleArn: rule.Arn ?? "", ruleName: rule.Name ?? "", ingestionTime: received };
    try {
      const input = targetInput(target, event, context);
      await this.#options.targets.send(target, principalOf(delivery), input, { forwarded });
      return undefined;
    } catch (error) {
      const failure = targetError(error);
      if (failure === undefined) throw error;
      return failure;
    }
  }

  async #giveUp(delivery: Delivery, error: TargetError, retries: number, exhausted?: string): Promise<void> {
    const { onEvent, targets } = this.#options;
    const { target, event } = delivery;
    const failed = { ...described(delivery), code: error.code, reason: error.message };
    const queueArn = target.DeadLetterConfig?.Arn;
    if (queueArn === undefined) {
      onEvent({ type: "dropped", ...failed });
      return;
    }
    const attributes = {
      RULE_ARN: failed.ruleArn,
      TARGET_ARN: failed.targetArn,
      ERROR_CODE: failed.code,
      ERROR_MESSAGE: failed.reason,
      RETRY_ATTEMPTS: String(retries),
      ...(exhausted !== undefined && { EXHAUSTED_RETRY_CONDITION: exhausted }),
    };
    try {
      await targets.sendMessage(queueArn, principalOf(delivery), JSON.stringify(event), attributes);
      onEvent({ type: "dead-lettered", ...failed, queueArn });
    } catch (cause) {
      const failure = targetError(cause);
      if (failure === undefined) throw cause;
      const reason = `${failed.reason}; nor did the dead letter queue take it: ${failure.message}`;
      onEvent({ type: "dropped", ...failed, reason });
    }
  }

  #limits({ MaximumRetryAttempts, MaximumEventAgeInSeconds }: RetryPolicy = {}) {
    return {
      attempts: MaximumRetryAttempts ?? RETRY_ATTEMPTS,
      ageMs: this.#milliseconds(MaximumEventAgeInSeconds ?? EVENT_AGE_SECONDS),
    };
  }

  #milliseconds(seconds: number): number {
    return (seconds * this.#options.minuteInMilliseconds) / 60;
  }
}

function principalOf({ account, rule }: Delivery): ServicePrincipal {
  return { service: "events.amazonaws.com", sourceArn: rule.Arn, sourceAccount: account };
}

function described({ eventId, rule, target }: Delivery) {
  return { eventId, ruleArn: rule.Arn ?? "", targetArn: target.Arn ?? "" };
}

/** Doubles with each retry, less a part by chance, up to a half of it. */
function backOffSeconds(retries: number): number {
  return Math.min(FIRST_DELAY_SECONDS * 2 ** retries, LONGEST_DELAY_SECONDS) * (1 - Math.random() / 2);
}
