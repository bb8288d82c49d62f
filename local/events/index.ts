import {
  EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  type Rule,
  type Target,
} from "@aws-sdk/client-eventbridge";

import type { EventBridgeEvent } from "../delivery/s3-event";
import { clientSettings } from "../lambda/invoke";
import { createStop } from "../stop";
import { Deliverer, type Delivery } from "./delivery";
import { InvalidRuleError } from "./errors";
import type { OnBusEvent } from "./events";
import type { JsonObject } from "./json";
import { parsePattern } from "./pattern";
import { Targets, type TargetsOptions } from "./targets";

export { startCloudTrail, type CloudTrail } from "./cloudtrail";
export type { BusEvent } from "./events";

export interface EventBusOptions extends Omit<TargetsOptions, "onProblem" | "forward"> {
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
 * Does what EventBridge's buses do, in every account: events of AWS's services come to the account's default bus, and go to the targets of
 * the rules that match them, transformed, with retries and dead letter queues; from there, once, to other buses. Rules and targets are read
 * back through the API for each event, so a change takes effect on the next one.
 */
export function startEventBus(options: EventBusOptions): Promise<EventBus> {
  return Promise.resolve(new Buses(options));
}

/** The bus of an account that has an event. */
interface Place {
  readonly account: string;
  readonly bus: string;
  /** It was forwarded there. @default false */
  readonly forwarded?: boolean;
}

class Buses implements EventBus {
  readonly #onEvent: OnBusEvent;
  readonly #options: EventBusOptions;
  /** By account. */
  readonly #clients = new Map<string, EventBridgeClient>();
  readonly #targets: Targets;
  readonly #deliverer: Deliverer;
  readonly #stop = createStop();
  readonly #work = new Set<Promise<void>>();

  constructor(options: EventBusOptions) {
    const { minuteInMilliseconds = 60_000, onEvent = () => undefined } = options;
    this.#onEvent = onEvent;
    this.#options = options;
    this.#targets = new Targets({
      ...options,
      forward: (account, bus, event) => {
        const { id: eventId } = event as unknown as EventBridgeEvent;
        this.#start({ account, bus, forwarded: true }, { event, eventId, received: new Date() });
      },
      onProblem: (error) => {
        this.#problem(error);
      },
    });
    const { signal } = this.#stop;
    this.#deliverer = new Deliverer({ ...options, targets: this.#targets, minuteInMilliseconds, onEvent, signal });
  }

  put(event: EventBridgeEvent): void {
    // What the sender changes in it later changes nothing here.
    const copy = JSON.parse(JSON.stringify(event)) as JsonObject;
    const place = { account: event.account, bus: "default" };
    this.#start(place, { event: copy, eventId: event.id, received: new Date() });
  }

  #start(place: Place, received: Pick<Delivery, "event" | "eventId" | "received">): void {
    if (this.#stop.signal.aborted) return;
    const work = this.#fanOut(place, received)
      .catch((error: unknown) => {
        this.#problem(error);
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
    for (const client of this.#clients.values()) client.destroy();
    this.#targets.close();
  }

  async #fanOut(place: Place, received: Pick<Delivery, "event" | "eventId" | "received">): Promise<void> {
    const rules = (await this.#rules(place)).filter((rule) => this.#matches(rule, received.event));
    await Promise.all(
      rules.map(async (rule) => {
        const targets = await this.#targetsOf(place, rule);
        const { account, forwarded = false } = place;
        await Promise.all(targets.map((target) => this.#deliver({ ...received, account, forwarded, rule, target })));
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

  async #rules({ account, bus }: Place): Promise<Rule[]> {
    return all(async (NextToken) => {
      const page = await this.#clientOf(account).send(new ListRulesCommand({ EventBusName: bus, NextToken }));
      return { items: page.Rules, next: page.NextToken };
    });
  }

  async #targetsOf({ account, bus }: Place, { Name }: Rule): Promise<Target[]> {
    return all(async (NextToken) => {
      const command = new ListTargetsByRuleCommand({ EventBusName: bus, Rule: Name, NextToken });
      const page = await this.#clientOf(account).send(command);
      return { items: page.Targets, next: page.NextToken };
    });
  }

  #clientOf(account: string): EventBridgeClient {
    const known = this.#clients.get(account);
    if (known) return known;
    const client = new EventBridgeClient(clientSettings(this.#options, account));
    this.#clients.set(account, client);
    return client;
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
