import { setTimeout as delay } from "node:timers/promises";

import {
  LambdaClient,
  paginateListEventSourceMappings,
  type EventSourceMappingConfiguration,
} from "@aws-sdk/client-lambda";
import { SQSClient } from "@aws-sdk/client-sqs";

import { createStop } from "../stop";
import { asError, UnsupportedMappingError } from "./errors";
import { poll } from "./event-source-mapping";
import { clientSettings, Invoker, type InvokerOptions } from "./invoke";

export * from "./errors";
export type { LambdaEvent } from "./events";
export { Invoker, type Invocation } from "./invoke";

export interface EventSourceMappingsOptions extends InvokerOptions {
  /** Where mappings are looked for. @default - `region` alone */
  readonly regions?: readonly string[];
  /** Milliseconds until mappings are looked for again, and until a poller that failed or was refused tries again. @default 250 */
  readonly interval?: number;
}

export interface EventSourceMappings {
  /** Stops polling and kills the functions that run; their messages come back after the visibility timeout. */
  close(): Promise<void>;
}

/**
 * Does what Lambda does with event source mappings: polls the queues of those that are applied and enabled, and runs their
 * functions on what comes. Everything is read back through the API again and again, so a mapping that is made, changed,
 * disabled or deleted later takes effect within about a second.
 */
export function startEventSourceMappings(options: EventSourceMappingsOptions): Promise<EventSourceMappings> {
  const stop = createStop();
  const watches = (options.regions ?? [options.region]).map((region) => watch({ ...options, region }, stop.signal));
  return Promise.resolve({
    async close() {
      stop.abort();
      await Promise.all(watches);
    },
  });
}

async function watch(options: EventSourceMappingsOptions, signal: AbortSignal): Promise<void> {
  const { onEvent = () => undefined, interval = 250 } = options;
  const client = clientSettings(options);
  const lambda = new LambdaClient(client);
  const sqs = new SQSClient(client);
  const invoker = new Invoker(options);
  const pollers = new Map<string, Promise<void>>();
  const refused = new Set<string>();

  while (!signal.aborted) {
    try {
      for (const mapping of await enabledMappings(lambda, signal)) start(mapping);
    } catch (error) {
      if (!stopped()) onEvent({ type: "problem", error: asError(error) });
    }
    await delay(interval, undefined, { signal }).catch(() => undefined);
  }
  // Functions first: a poller ends after the batches that it has in flight.
  await invoker.close();
  await Promise.all(pollers.values());
  lambda.destroy();
  sqs.destroy();

  function start(mapping: EventSourceMappingConfiguration): void {
    const { UUID: uuid = "" } = mapping;
    const applied = JSON.stringify(mapping);
    if (pollers.has(uuid) || refused.has(applied)) return;
    const poller = poll(uuid, { lambda, sqs, invoker, iam: options.permissions?.iam, interval, onEvent, signal })
      .catch((error: unknown) => {
        // Said once for each configuration, not at every look.
        if (error instanceof UnsupportedMappingError) refused.add(applied);
        if (!stopped()) onEvent({ type: "problem", error: asError(error) });
      })
      .finally(() => pollers.delete(uuid));
    pollers.set(uuid, poller);
  }

  function stopped(): boolean {
    return signal.aborted;
  }
}

async function enabledMappings(lambda: LambdaClient, signal: AbortSignal): Promise<EventSourceMappingConfiguration[]> {
  const mappings: EventSourceMappingConfiguration[] = [];
  for await (const page of paginateListEventSourceMappings({ client: lambda }, {}, { abortSignal: signal })) {
    mappings.push(...(page.EventSourceMappings ?? []));
  }
  return mappings.filter((mapping) => mapping.State === "Enabled");
}
