import { setTimeout as delay } from "node:timers/promises";

import {
  GetEventSourceMappingCommand,
  GetFunctionCommand,
  ResourceNotFoundException,
  type EventSourceMappingConfiguration,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  type Message,
  type SQSClient,
} from "@aws-sdk/client-sqs";

import type { Iam } from "../iam";
import { failedMessageIds, sqsEvent } from "./batch";
import { asError, PollingRefusedError, UnsupportedMappingError } from "./errors";
import type { OnLambdaEvent } from "./events";
import type { Invoker } from "./invoke";

/** A message of a queue is found at once; this is how long a change of the mapping may go unseen. */
const WAIT_SECONDS = 1;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const MESSAGES_PER_RECEIVE = 10;
/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions */
const POLLING_ACTIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/** Batches in flight without a `ScalingConfig`: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const INITIAL_CONCURRENCY = 5;

export interface PollerOptions {
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;
  readonly invoker: Invoker;
  /** Decides whether the function's role may read the queue. @default - it may */
  readonly iam?: Iam;
  /** Milliseconds until a queue that was refused is asked for again. */
  readonly interval: number;
  readonly onEvent: OnLambdaEvent;
  readonly signal: AbortSignal;
}

/** What a poller needs of a mapping. */
interface Mapping {
  readonly uuid: string;
  readonly queueArn: string;
  readonly functionArn: string;
  readonly batchSize: number;
  readonly windowMs: number;
  readonly concurrency: number;
  readonly reportsItemFailures: boolean;
}

/**
 * Polls the queue of one event source mapping, as the mapping says at each moment, until it is disabled or gone.
 *
 * Messages that fail are left alone: the queue shows them again after its visibility timeout and moves them to its
 * dead-letter queue.
 */
export async function poll(uuid: string, options: PollerOptions): Promise<void> {
  const { invoker, interval, onEvent, signal } = options;
  const inFlight = new Set<Promise<void>>();
  let queueUrl: string | undefined;
  let shown: Mapping | undefined;
  let refusal: string | undefined;
  try {
    for (;;) {
      const mapping = await enabledMapping(uuid, options);
      if (mapping === undefined) return;
      const access = await accessTo(mapping, queueUrl, options);
      if (access instanceof PollingRefusedError) {
        if (access.message !== refusal) onEvent({ type: "problem", error: access });
        refusal = access.message;
        await delay(interval, undefined, { signal });
        continue;
      }
      [queueUrl, refusal] = [access, undefined];
      if (shown === undefined) onEvent(lifecycle("mapping-started", mapping));
      shown = mapping;

      while (inFlight.size >= mapping.concurrency) await Promise.race(inFlight);
      const messages = await receiveBatch(mapping, queueUrl, options);
      if (messages.length === 0) continue;
      const work = handle(mapping, queueUrl, messages, options).finally(() => inFlight.delete(work));
      inFlight.add(work);
    }
  } finally {
    await Promise.all(inFlight);
    if (shown !== undefined) onEvent(lifecycle("mapping-stopped", shown));
  }

  async function handle(
    mapping: Mapping,
    url: string,
    messages: readonly Message[],
    { sqs }: PollerOptions,
  ): Promise<void> {
    const ids = messages.map((message) => message.MessageId ?? "");
    onEvent({ type: "batch-received", mapping: uuid, messageIds: ids });
    let failed = ids as readonly string[];
    try {
      const invocation = await invoker.invoke(mapping.functionArn, sqsEvent(messages, mapping.queueArn));
      failed = failedMessageIds(ids, invocation, mapping.reportsItemFailures);
      await deleteMessages(
        messages.filter((message) => !failed.includes(message.MessageId ?? "")),
        url,
        sqs,
      );
    } catch (error) {
      if (signal.aborted) return;
      onEvent({ type: "problem", error: asError(error) });
      failed = ids;
    }
    onEvent({ type: "batch-finished", mapping: uuid, deleted: ids.filter((id) => !failed.includes(id)), failed });
  }
}

/** The mapping as it is applied now; undefined where it is disabled or gone. Throws where local/ cannot honour it. */
async function enabledMapping(uuid: string, { lambda, signal }: PollerOptions): Promise<Mapping | undefined> {
  try {
    const configuration = await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }), { abortSignal: signal });
    return configuration.State === "Enabled" ? parseMapping(uuid, configuration) : undefined;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

function parseMapping(uuid: string, configuration: EventSourceMappingConfiguration): Mapping {
  const { EventSourceArn: queueArn = "", FunctionArn: functionArn = "", FilterCriteria } = configuration;
  if (queueArn.split(":")[2] !== "sqs")
    throw new UnsupportedMappingError(uuid, `the source ${queueArn || "of no ARN"}`);
  if (queueArn.endsWith(".fifo")) throw new UnsupportedMappingError(uuid, `the FIFO queue ${queueArn}`);
  if ((FilterCriteria?.Filters ?? []).length > 0) {
    throw new UnsupportedMappingError(uuid, `the filter criteria ${JSON.stringify(FilterCriteria)}`);
  }
  return {
    uuid,
    queueArn,
    functionArn,
    batchSize: configuration.BatchSize ?? 10,
    windowMs: (configuration.MaximumBatchingWindowInSeconds ?? 0) * 1000,
    concurrency: configuration.ScalingConfig?.MaximumConcurrency ?? INITIAL_CONCURRENCY,
    reportsItemFailures: configuration.FunctionResponseTypes?.includes("ReportBatchItemFailures") ?? false,
  };
}

/** The queue's URL, or why the queue is not read: as on AWS, the function's role decides. */
async function accessTo(
  mapping: Mapping,
  knownUrl: string | undefined,
  options: PollerOptions,
): Promise<string | PollingRefusedError> {
  try {
    await checkRole(mapping, options);
    return knownUrl ?? (await urlOf(mapping.queueArn, options));
  } catch (error) {
    options.signal.throwIfAborted();
    return new PollingRefusedError(mapping.uuid, mapping.queueArn, { cause: asError(error) });
  }
}

async function checkRole({ queueArn, functionArn }: Mapping, { iam, lambda, signal }: PollerOptions): Promise<void> {
  if (iam === undefined) return;
  const command = new GetFunctionCommand({ FunctionName: functionArn });
  const { Configuration } = await lambda.send(command, { abortSignal: signal });
  const principal = { roleArn: Configuration?.Role ?? "", sessionName: Configuration?.FunctionName };
  for (const action of POLLING_ACTIONS) await iam.authorize({ principal, action, resource: queueArn });
}

async function urlOf(queueArn: string, { sqs, signal }: PollerOptions): Promise<string> {
  const name = queueArn.split(":")[5];
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }), { abortSignal: signal });
  if (QueueUrl === undefined) throw new Error(`Queue ${queueArn} has no URL`);
  return QueueUrl;
}

/** What is there now; with a batching window, what comes until the batch is full or the window is over. */
async function receiveBatch(mapping: Mapping, queueUrl: string, { sqs, signal }: PollerOptions): Promise<Message[]> {
  const batch: Message[] = [];
  let end = 0;
  do {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(MESSAGES_PER_RECEIVE, mapping.batchSize - batch.length),
        WaitTimeSeconds: WAIT_SECONDS,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      }),
      { abortSignal: signal },
    );
    if (batch.length === 0) end = Date.now() + mapping.windowMs;
    batch.push(...Messages);
  } while (batch.length > 0 && batch.length < mapping.batchSize && Date.now() < end);
  return batch;
}

async function deleteMessages(messages: readonly Message[], queueUrl: string, sqs: SQSClient): Promise<void> {
  for (let start = 0; start < messages.length; start += MESSAGES_PER_RECEIVE) {
    const Entries = messages.slice(start, start + MESSAGES_PER_RECEIVE).map(({ ReceiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle,
    }));
    const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    if (Failed.length > 0) throw new Error(`Deleting messages from ${queueUrl}: ${JSON.stringify(Failed)}`);
  }
}

function lifecycle(type: "mapping-started" | "mapping-stopped", { uuid, queueArn, functionArn }: Mapping) {
  return { type, mapping: uuid, queueArn, functionArn } as const;
}
