import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { CodeBuildClient } from "@aws-sdk/client-codebuild";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { parseEvent, parseMessage } from "../../core/events";
import { EventHandler } from "./event-handler";
import { readRoutes } from "./routes-file";
import { Telemetry } from "./telemetry";

const routes = readRoutes(process.env);
const telemetry = new Telemetry(routes.pipeline);
const processor = new BatchProcessor(EventType.SQS);
const codeBuild = new CodeBuildClient({
  // Three attempts of 6 s end, back-off included, before the function's 30 s do: a failure is reported, not cut off. No
  // AWS_RETRY_MODE or AWS_DEFAULTS_MODE changes that.
  maxAttempts: 3,
  retryMode: "standard",
  defaultsMode: "standard",
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 6_000, throwOnRequestTimeout: true },
});
const events = new EventHandler({ routes, codeBuild, telemetry });

/**
 * Starts a build for each drop, whichever way its event came: so that an event which is on its way while the trigger is changed is not
 * lost. Of a queue's batch, the messages are reported that are to be delivered again. One event that S3, a topic or EventBridge handed
 * over without a queue throws where a build was not started, so that Lambda tries the whole event again: the builds that it did start
 * are not started twice. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export async function handler(event: unknown, context: Context): Promise<SQSBatchResponse | undefined> {
  telemetry.begin(context);
  if (isBatch(event)) return await processPartialResponse(event, handleMessage, processor, SHOW_EACH_FAILURE);
  await events.handle(() => parseEvent(event));
  return undefined;
}

const SHOW_EACH_FAILURE = { throwOnFullBatchFailure: false };

function handleMessage({ messageId, body }: SQSRecord): Promise<void> {
  return events.handle(() => parseMessage(body), { messageId });
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function isBatch(event: unknown): event is SQSEvent {
  const { Records: records } = (event ?? {}) as { readonly Records?: unknown };
  return Array.isArray(records) && (records[0] as Partial<SQSRecord> | undefined)?.eventSource === "aws:sqs";
}
