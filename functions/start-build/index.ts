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

/** Starts a build for each drop in a batch of queued events; reports the messages that are to be delivered again. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  telemetry.begin(context);
  return processPartialResponse(
    event,
    ({ messageId, body }: SQSRecord) => events.handle(() => parseMessage(body), { messageId }),
    processor,
    { throwOnFullBatchFailure: false },
  );
}

/**
 * Starts a build for each drop in one event, which S3, a topic or EventBridge handed over without a queue. Throws where a build was
 * not started, so that Lambda tries the whole event again: the builds that it did start are not started twice.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export async function handleEvent(event: unknown, context: Context): Promise<void> {
  telemetry.begin(context);
  await events.handle(() => parseEvent(event));
}
