import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { CodeBuildClient } from "@aws-sdk/client-codebuild";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Drop } from "../../core/drop";
import { type EventContents, parseMessage } from "../../core/events";
import { routeDrop } from "../../core/routes";
import { readRoutes } from "./routes-file";
import { startBuild } from "./start-build";
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

/** Starts a build for each drop in a batch of queued events; reports the messages that are to be delivered again. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  telemetry.begin(context);
  return processPartialResponse(event, handleMessage, processor, { throwOnFullBatchFailure: false });
}

async function handleMessage({ messageId, body }: SQSRecord): Promise<void> {
  const { drops, ignored } = readMessage(messageId, body);
  for (const reason of ignored) {
    telemetry.logger.info("event ignored", { reason, messageId });
    telemetry.count("EventsIgnored");
  }
  for (const drop of drops) await handleDrop(messageId, drop);
}

function readMessage(messageId: string, body: string): EventContents {
  try {
    return parseMessage(body);
  } catch (error) {
    telemetry.logger.error("event unreadable", { error: error as Error, messageId });
    telemetry.count("EventsUnreadable");
    throw error;
  }
}

async function handleDrop(messageId: string, drop: Drop): Promise<void> {
  const routing = routeDrop(routes, drop);
  if (routing.route === undefined) {
    telemetry.logger.warn("drop unrouted", { reason: routing.reason, drop, messageId });
    telemetry.count("DropsUnrouted");
    return;
  }
  const { route } = routing;
  try {
    const buildId = await startBuild(codeBuild, route, drop);
    telemetry.logger.info("build started", { buildId, route, drop, messageId });
    telemetry.count("BuildsStarted", route.service);
  } catch (error) {
    telemetry.logger.error("build not started", { error: error as Error, route, drop, messageId });
    telemetry.count("StartBuildFailed", route.service);
    throw error;
  }
}
