import { existsSync, readFileSync } from "node:fs";
import { lastOwnLine } from "./builds";
import type { BuildEvent } from "./codebuild/events";
import type { DeliveryEvent } from "./delivery";
import type { BusEvent } from "./events";
import type { GateEvent } from "./iam/gate";
import type { LambdaEvent } from "./lambda/events";
import type { Fact } from "./moto/facts";
import type { RegistryEvent } from "./registry";

/** What happens in the environment, a line for people each; undefined for what only a program cares about. */
export const lineOf = {
  bucket: bucketLine,
  registry: registryLine,
  build: buildLine,
  lambda: lambdaLine,
  delivery: deliveryLine,
  bus: busLine,
  gate: gateLine,
} as const;

function registryLine(event: RegistryEvent): string | undefined {
  switch (event.kind) {
    case "refused":
    case "failed":
      return `registry: ${event.message}`;
    case "request": {
      const { method, path, status } = event.request;
      return method === "PUT" && path.includes("/manifests/") ? `registry: ${method} ${path} ${status}` : undefined;
    }
  }
}

function buildLine(event: BuildEvent): string | undefined {
  switch (event.type) {
    case "build-started":
      return `codebuild: ${event.buildId} started`;
    case "phase-started":
      return undefined;
    case "phase-ended":
      return `codebuild: ${event.buildId} ${event.phase} ${event.status}${event.message ? `: ${event.message}` : ""}`;
    case "build-ended":
      return `codebuild: ${event.buildId} ${event.status}${reason(event)}, log in ${event.logFile}`;
  }
}

/** What the build's own commands said last, if it failed. */
function reason({ status, logFile }: { readonly status: string; readonly logFile: string }): string {
  if (status === "SUCCEEDED" || !existsSync(logFile)) return "";
  const line = lastOwnLine(readFileSync(logFile, "utf8").split("\n"));
  return line === undefined ? "" : `: ${line}`;
}

function lambdaLine(event: LambdaEvent): string | undefined {
  switch (event.type) {
    case "mapping-started":
    case "mapping-stopped":
      return `lambda: ${event.type.replace("-", " ")}, ${event.queueArn} -> ${event.functionArn}`;
    case "batch-received":
      return `lambda: ${event.messageIds.length} message(s) received`;
    case "batch-finished":
      return event.failed.length === 0
        ? undefined
        : `lambda: ${event.failed.length} message(s) failed, back to the queue`;
    case "log":
      return logLine(event.functionName, event.line);
    case "invocation-started":
      return undefined;
    case "invocation-finished":
      return `lambda: ${event.functionName} ${event.error ? `failed: ${event.error.errorMessage}` : "returned"} after ${event.durationMs.toFixed(0)} ms`;
    case "problem":
      return `lambda: ${event.error.message}`;
  }
}

/** Lines of JSON are shortened to what people look for; metrics, which are lines too, are left out. */
function logLine(functionName: string, line: string): string | undefined {
  const { _aws: metrics, level, message, error, reason } = fieldsOf(line);
  if (metrics !== undefined) return undefined;
  if (typeof message !== "string") return `lambda: ${functionName}: ${line}`;
  const why = [(error as { message?: unknown } | undefined)?.message, reason].filter(
    (text) => typeof text === "string",
  );
  return `lambda: ${functionName}: ${[`${String(level)} ${message}`, ...why].join(": ")}`;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  if (!line.startsWith("{")) return {};
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** What happened in a bucket: where nobody is told of it, this line is the only one. */
function bucketLine(fact: Fact): string | undefined {
  if (fact.fact !== "object") return undefined;
  const version = fact.versionId === undefined ? "" : ` version ${fact.versionId}`;
  return `s3: ${fact.eventName} s3://${fact.bucket}/${fact.key}${version}`;
}

function deliveryLine(event: DeliveryEvent): string | undefined {
  switch (event.type) {
    case "delivered":
      return `delivery: ${event.subject}, ${event.source} -> ${event.destination}`;
    case "refused":
      return `delivery: refused: ${event.subject}, ${event.source} -> ${event.destination}: ${event.reason}`;
    case "dead-lettered":
      return `delivery: given up: ${event.subject}, ${event.source} -> ${event.destination}: ${event.reason}`;
    case "retried":
      return `delivery: ${event.functionArn} runs again in ${(event.waitMs / 1000).toFixed(1)} s: ${event.reason}`;
    case "discarded":
      return `delivery: lost: an invocation of ${event.functionArn}: ${event.reason}`;
    case "problem":
      return `delivery: ${event.error.message}`;
  }
}

function busLine(event: BusEvent): string | undefined {
  switch (event.type) {
    case "delivered":
      return `eventbridge: ${event.ruleArn} -> ${event.targetArn}`;
    case "retried":
      return `eventbridge: ${event.ruleArn} -> ${event.targetArn} again in ${(event.waitMs / 1000).toFixed(1)} s: ${event.code}: ${event.reason}`;
    case "dead-lettered":
      return `eventbridge: given up: ${event.ruleArn} -> ${event.targetArn}, now in ${event.queueArn}: ${event.code}: ${event.reason}`;
    case "dropped":
      return `eventbridge: lost: ${event.ruleArn} -> ${event.targetArn}: ${event.code}: ${event.reason}`;
    case "recorded":
      return `cloudtrail: ${event.call} recorded by ${event.trailArn}`;
    case "problem":
      return `eventbridge: ${event.error.message}`;
  }
}

function gateLine(event: GateEvent): string {
  return `iam: refused: ${event.type === "denied" ? event.error.message : event.message}`;
}
