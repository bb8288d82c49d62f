import {
  EventBridgeClient,
  ListEventBusesCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  type Rule,
  type Target,
} from "@aws-sdk/client-eventbridge";

import type { EventBridgeEvent } from "../delivery/s3-event";
import { clientSettings } from "../lambda/invoke";
import { Deliverer, type Delivery } from "./delivery";
import { InvalidRuleError, UnsupportedRuleError } from "./errors";
import type { OnBusEvent } from "./events";
import type { JsonObject } from "./json";
import { parsePattern } from "./pattern";
import { Targets, type TargetsOptions } from "./targets";

export { startCloudTrail, type CloudTrail } from "./cloudtrail";
export type { BusEvent } from "./events";

export interface EventBusOptions extends Omit<TargetsOptions, "onProblem"> {
  readonly accountId: string;
  /** How long a minute of EventBridge's waits lasts. @default 60000 */
  readonly minuteInMilliseconds?: number;
  readonly onEvent?: OnBusEvent;
}

export interface EventBus {
  /** Puts an event on the default bus. Returns at once; what becomes of it is told by `onEvent`. */
  put(event: EventBridgeEvent): void;
  /** Forgets the events that wait. */
  close(): Promise<void>;
}

/**
 * Does what EventBridge's default bus does: events go to the targets of the rules that match them, transformed, with retries and dead
 * letter queues. Rules and targets are read back through the API for each event, so a change takes effect on the next one.
 */
export function startEventBus(options: EventBusOptions): Promise<EventBus> {
  return Promise.resolve(new DefaultBus(options));
}

class DefaultBus implements EventBus {
  readonly #onEvent: OnBusEvent;
  readonly #client: EventBridgeClient;
  readonly #targets: Targets;
  readonly #deliverer: Deliverer;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  /** Buses that were told of, or need not be. */
  readonly #knownBuses = new Set(["default"]);

  constructor(options: EventBusOptions) {
    const { minuteInMilliseconds = 60_000, onEvent = () => undefined } = options;
    this.#onEvent = onEvent;
    this.#client = new EventBridgeClient(clientSettings(options));
    this.#targets = new Targets({
      ...options,
      onProblem: (error) => {
        this.#problem(error);
      },
    });
    const { signal } = this.#stop;
    this.#deliverer = new Deliverer({ ...options, targets: this.#targets, minuteInMilliseconds, onEvent, signal });
  }

  put(event: EventBridgeEvent): void {
    if (this.#stop.signal.aborted) return;
    // What the sender changes in it later changes nothing here.
    const copy = JSON.parse(JSON.stringify(event)) as JsonObject;
    const work = this.#fanOut({ event: copy, eventId: event.id, received: new Date() })
      .catch((error: unknown) => {
        this.#problem(error);
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
    this.#client.destroy();
    this.#targets.close();
  }

  async #fanOut(received: Pick<Delivery, "event" | "eventId" | "received">): Promise<void> {
    await this.#tellOfOtherBuses();
    const rules = (await this.#rules()).filter((rule) => this.#matches(rule, received.event));
    await Promise.all(
      rules.map(async (rule) => {
        const targets = await this.#targetsOf(rule);
        await Promise.all(targets.map((target) => this.#deliver({ ...received, rule, target })));
      }),
    );
  }

  #matches({ Name = "", State, EventPattern }: Rule, event: JsonObject): boolean {
    // A rule without a pattern follows a schedule.
    if (State === "DISABLED" || EventPattern === undefined) return false;
    try {
      return parsePattern(EventPattern).matches(event);
    } catch (error) {
      this.#problem(new InvalidRuleError(Name, error as Error));
      return false;
    }
  }

  /** One broken target does not stop the others. */
  async #deliver(delivery: Delivery): Promise<void> {
    try {
      await this.#deliverer.deliver(delivery);
    } catch (error) {
      this.#problem(error);
    }
  }

  async #rules(): Promise<Rule[]> {
    return all(async (NextToken) => {
      const page = await this.#client.send(new ListRulesCommand({ NextToken }));
      return { items: page.Rules, next: page.NextToken };
    });
  }

  async #targetsOf({ Name }: Rule): Promise<Target[]> {
    return all(async (NextToken) => {
      const page = await this.#client.send(new ListTargetsByRuleCommand({ Rule: Name, NextToken }));
      return { items: page.Targets, next: page.NextToken };
    });
  }

  async #tellOfOtherBuses(): Promise<void> {
    const { EventBuses = [] } = await this.#client.send(new ListEventBusesCommand({}));
    for (const { Name = "" } of EventBuses) {
      if (this.#knownBuses.has(Name)) continue;
      this.#knownBuses.add(Name);
      this.#problem(new UnsupportedRuleError("The account", `the event bus ${Name}`));
    }
  }

  #problem(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#onEvent({ type: "problem", error: error instanceof Error ? error : new Error(String(error)) });
  }
}

/** EventBridge's SDK has no paginators. */
async function all<Item>(
  page: (token: string | undefined) => Promise<{ readonly items?: Item[]; readonly next?: string }>,
): Promise<Item[]> {
  const found: Item[] = [];
  let token: string | undefined;
  do {
    const { items = [], next } = await page(token);
    found.push(...items);
    token = next;
  } while (token !== undefined);
  return found;
}
