import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

import type { Target } from "@aws-sdk/client-eventbridge";

import { LoopbackServer } from "../support/loopback";

export const REGION = "eu-west-1";
export const ACCOUNT = "123456789012";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/start`;

export function arn(service: string, resource: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
}

export interface FakeRule {
  readonly State?: string;
  /** A pattern, or a text that is none. */
  readonly pattern?: object | string;
  readonly targets?: readonly Target[];
  /** `<account>/<bus>` that it stands on. @default - the default bus of ACCOUNT */
  readonly place?: string;
}

export interface Sent {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>> | undefined;
}

interface Answer {
  readonly status?: number;
  readonly error?: string;
}

/** What local/events reads and calls of AWS's APIs, with a state that a test sets and looks at. */
export class FakeApis extends LoopbackServer {
  readonly rules = new Map<string, FakeRule>();
  readonly queues = new Map<string, { readonly sent: Sent[]; readonly key?: string }>();
  readonly functions = new Set<string>();
  readonly trails: {
    readonly trail: Readonly<Record<string, unknown>>;
    readonly logging: boolean;
    readonly selectors: object;
  }[] = [];
  readonly builds: { readonly input: unknown; readonly accessKeyId: string | undefined }[] = [];
  /** What the next calls of an operation answer instead, first in, first out; the last one stays where `always` is set. */
  readonly failures = new Map<string, { readonly answers: Answer[]; readonly always?: boolean }>();
  /** Region and name of each call of CloudTrail. */
  readonly trailCalls: string[] = [];

  sentTo(queue: string): readonly Sent[] {
    return this.queues.get(queue)?.sent ?? [];
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const target = request.headers["x-amz-target"];
    const operation = typeof target === "string" ? (target.split(".").at(-1) ?? "") : "GetFunction";
    const input = (body === "" ? { FunctionName: request.url } : JSON.parse(body)) as Record<string, string>;
    const failure = this.failures.get(operation);
    const answers = failure?.answers ?? [];
    const failed = failure?.always === true && answers.length === 1 ? answers[0] : answers.shift();
    if (failed !== undefined) {
      if (failed.status === undefined) {
        request.socket.destroy();
        return;
      }
      this.#fail(response, failed.status, failed.error ?? "");
      return;
    }
    const credential = /Credential=([^/]+)\/\d+\/([^/]+)/.exec(request.headers.authorization ?? "");
    const answer = this.#call(operation, input, credential?.[1], credential?.[2]);
    if (typeof answer === "string") this.#fail(response, 400, answer);
    else response.end(JSON.stringify(answer));
  }

  #fail(response: ServerResponse, status: number, error: string): void {
    response.writeHead(status, { "x-amzn-errortype": error });
    response.end(JSON.stringify({ __type: error, message: `${error} it is` }));
  }

  /** Lists come one item to a page. */
  #call(
    operation: string,
    input: Readonly<Record<string, string | undefined>>,
    accessKeyId: string | undefined,
    region: string | undefined,
  ): object | string {
    const { NextToken = "0", QueueUrl = "", Name = "" } = input;
    const page = (items: readonly unknown[]) => ({
      items: items.slice(Number(NextToken), Number(NextToken) + 1),
      NextToken: Number(NextToken) + 1 < items.length ? String(Number(NextToken) + 1) : undefined,
    });
    const queue = this.queues.get(QueueUrl.split("/").at(-1) ?? "");
    switch (operation) {
      case "ListRules": {
        const asked = `${accessKeyId ?? ""}/${input.EventBusName ?? ""}`;
        const there = [...this.rules].filter(([, { place = `${ACCOUNT}/default` }]) => place === asked);
        const { items, NextToken: next } = page(there.map(([name]) => name));
        return { Rules: items.map((name) => this.#rule(name as string)), NextToken: next };
      }
      case "ListTargetsByRule": {
        const { items, NextToken: next } = page(this.rules.get(input.Rule ?? "")?.targets ?? []);
        return { Targets: items, NextToken: next };
      }
      case "GetQueueAttributes":
        return queue ? { Attributes: { ...(queue.key && { KmsMasterKeyId: queue.key }) } } : "QueueDoesNotExist";
      case "SendMessage": {
        const attributes = (input as { MessageAttributes?: Record<string, { StringValue: string }> }).MessageAttributes;
        queue?.sent.push({
          body: input.MessageBody ?? "",
          attributes:
            attributes &&
            Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue])),
        });
        return {
          MessageId: "1",
          MD5OfMessageBody: createHash("md5")
            .update(input.MessageBody ?? "")
            .digest("hex"),
        };
      }
      case "GetFunction": {
        const name =
          decodeURIComponent(input.FunctionName ?? "")
            .split(/[/:]/)
            .at(-1) ?? "";
        return this.functions.has(name) ? { Configuration: {} } : "ResourceNotFoundException";
      }
      case "StartBuild":
        this.builds.push({ input, accessKeyId });
        return { build: {} };
      case "DescribeTrails":
        this.trailCalls.push(`${region ?? ""} ${operation}`);
        return { trailList: this.trails.map(({ trail }) => trail) };
      default: {
        this.trailCalls.push(`${region ?? ""} ${operation}`);
        const found = this.trails.find(({ trail }) => trail.TrailARN === (Name || input.TrailName));
        return (operation === "GetTrailStatus" ? { IsLogging: found?.logging } : found?.selectors) ?? "NotFound";
      }
    }
  }

  #rule(name: string): object {
    const { State, pattern } = this.rules.get(name) ?? {};
    const EventPattern = typeof pattern === "object" ? JSON.stringify(pattern) : pattern;
    return { Name: name, Arn: arn("events", `rule/${name}`), State, EventPattern };
  }
}
