import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import {
  GetFunctionCommand,
  GetFunctionEventInvokeConfigCommand,
  LambdaClient,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";

import type { Iam } from "../iam";
import { clientSettings, type Invocation } from "../lambda/invoke";
import { createStop } from "../stop";
import { parseArn } from "./arn";
import { UnsupportedDestinationError } from "./errors";
import { problem, type OnDeliveryEvent } from "./events";
import { invocationRecord, type Condition, type EndedInvocation } from "./invocation-record";
import { Queues } from "./queues";
import { refusal } from "./refusal";

/** Runs a function once. Rejects where it cannot be run, as where it is throttled. */
export type Invoke = (functionArn: string, event: unknown, requestId: string) => Promise<Invocation>;

export interface AsyncInvokerOptions {
  /** Where every AWS API is served, such as moto's URL. */
  readonly endpoint: string;
  readonly region: string;
  readonly iam: Pick<Iam, "authorize">;
  readonly invoke: Invoke;
  /** How long a minute of Lambda's waits lasts. @default 60000 */
  readonly minuteInMilliseconds?: number;
  readonly onEvent?: OnDeliveryEvent;
}

/** Lambda's own: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html */
const MAXIMUM_RETRY_ATTEMPTS = 2;
const MAXIMUM_EVENT_AGE_SECONDS = 6 * 60 * 60;
const LONGEST_THROTTLE_SECONDS = 5 * 60;

/** What is applied to a function. */
interface Settings {
  readonly arn: string;
  readonly version: string;
  readonly role: string;
  readonly retries: number;
  readonly maximumAgeSeconds: number;
  readonly onSuccess: string | undefined;
  readonly onFailure: string | undefined;
  readonly switchedOff: boolean;
}

/**
 * Lambda's queue of asynchronous invocations. What fails runs again after one minute and once more after two; what cannot be
 * run, such as a throttled function, is tried again after 1, 2, 4 ... seconds, 5 minutes at most, until the event is too old.
 * The records of those that end go to the function's destinations, as the function's role. Settings are read back after each
 * run, so a change takes effect on the next one.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export class AsyncInvoker {
  readonly #options: AsyncInvokerOptions;
  readonly #onEvent: OnDeliveryEvent;
  readonly #secondMs: number;
  readonly #lambda: LambdaClient;
  readonly #queues: Queues;
  readonly #stop = createStop();
  readonly #stopped = once(this.#stop.signal, "abort");
  readonly #invocations = new Set<Promise<void>>();

  constructor(options: AsyncInvokerOptions) {
    this.#options = options;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#secondMs = (options.minuteInMilliseconds ?? 60_000) / 60;
    this.#lambda = new LambdaClient(clientSettings(options));
    this.#queues = new Queues(options);
  }

  /** Accepts an event; whether its sender may invoke the function was decided before. */
  enqueue(functionArn: string, event: unknown): void {
    const invocation = this.#work(functionArn, event)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#onEvent(problem(error));
      })
      .finally(() => this.#invocations.delete(invocation));
    this.#invocations.add(invocation);
  }

  /** Forgets the events that wait. A function that runs is not waited for. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#invocations);
    this.#lambda.destroy();
    this.#queues.close();
  }

  async #work(functionArn: string, event: unknown): Promise<void> {
    const requestId = randomUUID();
    const accepted = performance.now();
    let last: Invocation | undefined;
    let runs = 0;
    let throttles = 0;
    for (;;) {
      const outcome = await this.#run(functionArn, event, requestId);
      if (outcome instanceof Error) throttles++;
      else [last, runs] = [outcome, runs + 1];
      const settings = await this.#settings(functionArn);
      const next = nextStep(outcome, { runs, throttles }, settings);
      const ended = { requestId, runs, event, last };
      if (next.condition !== undefined)
        return this.#end(settings, next.reason, { ...ended, condition: next.condition });

      const waitMs = next.waitSeconds * this.#secondMs;
      const leftMs = accepted + settings.maximumAgeSeconds * this.#secondMs - performance.now();
      if (waitMs >= leftMs) {
        await this.#sleep(Math.max(leftMs, 0));
        return this.#end(settings, next.reason, { ...ended, condition: "EventAgeExceeded" });
      }
      this.#onEvent({ type: "retried", functionArn, requestId, reason: next.reason, waitMs });
      await this.#sleep(waitMs);
    }
  }

  /** The error is what kept the function from being run. */
  async #run(functionArn: string, event: unknown, requestId: string): Promise<Invocation | Error> {
    this.#stop.signal.throwIfAborted();
    const run = this.#options.invoke(functionArn, event, requestId).catch((error: unknown) => {
      return error instanceof Error ? error : new Error(String(error));
    });
    await Promise.race([run, this.#stopped]);
    this.#stop.signal.throwIfAborted();
    return run;
  }

  async #sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal });
  }

  async #settings(functionArn: string): Promise<Settings> {
    const [{ Configuration = {}, Concurrency }, config] = await Promise.all([
      this.#lambda.send(new GetFunctionCommand({ FunctionName: functionArn })),
      this.#lambda
        .send(new GetFunctionEventInvokeConfigCommand({ FunctionName: functionArn }))
        .catch((error: unknown) => {
          if (error instanceof ResourceNotFoundException) return undefined;
          throw error;
        }),
    ]);
    const queue = Configuration.DeadLetterConfig?.TargetArn ?? "";
    if (queue !== "") throw new UnsupportedDestinationError(functionArn, `the dead-letter queue ${queue}`);
    const { OnSuccess, OnFailure } = config?.DestinationConfig ?? {};
    return {
      arn: Configuration.FunctionArn ?? functionArn,
      version: Configuration.Version ?? "$LATEST",
      role: Configuration.Role ?? "",
      retries: config?.MaximumRetryAttempts ?? MAXIMUM_RETRY_ATTEMPTS,
      maximumAgeSeconds: config?.MaximumEventAgeInSeconds ?? MAXIMUM_EVENT_AGE_SECONDS,
      onSuccess: queueOnly(functionArn, OnSuccess?.Destination),
      onFailure: queueOnly(functionArn, OnFailure?.Destination),
      switchedOff: Concurrency?.ReservedConcurrentExecutions === 0,
    };
  }

  async #end(
    { arn, version, role, onSuccess, onFailure }: Settings,
    reason: string,
    ended: Pick<EndedInvocation, "requestId" | "condition" | "runs" | "event" | "last">,
  ): Promise<void> {
    const { requestId, condition } = ended;
    const destination = condition === "Success" ? onSuccess : onFailure;
    if (destination === undefined) {
      if (condition !== "Success") this.#onEvent({ type: "discarded", functionArn: arn, requestId, reason });
      return;
    }
    const record = invocationRecord({ ...ended, functionArn: arn, version, time: new Date() });
    const common = { source: arn, destination, subject: `invocation ${requestId}` };
    const principal = { roleArn: role, sessionName: arn.split(":").at(-1) };
    const refused = await refusal(this.#queues.send(destination, JSON.stringify(record), principal));
    if (refused !== undefined) {
      this.#onEvent({ type: "refused", ...common, reason: refused });
      return;
    }
    if (condition === "Success") this.#onEvent({ type: "delivered", ...common });
    else this.#onEvent({ type: "dead-lettered", ...common, reason });
  }
}

interface Step {
  readonly reason: string;
  /** Absent where it is tried again. */
  readonly condition?: Condition;
  readonly waitSeconds: number;
}

/** What follows an outcome; the error is what kept the function from being run. */
function nextStep(
  outcome: Invocation | Error,
  { runs, throttles }: { readonly runs: number; readonly throttles: number },
  settings: Settings,
): Step {
  if (outcome instanceof Error) {
    const waitSeconds = Math.min(2 ** (throttles - 1), LONGEST_THROTTLE_SECONDS);
    const condition = settings.switchedOff ? "ZeroReservedConcurrency" : undefined;
    return { reason: outcome.message, condition, waitSeconds };
  }
  const { error } = outcome;
  if (error === undefined) return { reason: "", condition: "Success", waitSeconds: 0 };
  const condition = runs > settings.retries ? "RetriesExhausted" : undefined;
  return { reason: `${error.errorType}: ${error.errorMessage}`, condition, waitSeconds: runs * 60 };
}

function queueOnly(functionArn: string, destination: string | undefined): string | undefined {
  if (destination === undefined || destination === "") return undefined;
  if (parseArn(destination).service === "sqs") return destination;
  throw new UnsupportedDestinationError(functionArn, `the destination ${destination}`);
}
