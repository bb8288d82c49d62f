import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

import { strToU8, zipSync } from "fflate";
import { LoopbackServer } from "./loopback";

/** An empty queue is not asked without a pause. */
const RECEIVE_MS = 25;
const ACCOUNT = "arn:aws:lambda:us-east-1:123456789012";

export interface FakeFunction {
  /** Files of the zip. */
  readonly files: Readonly<Record<string, string>>;
  /** Fields of GetFunction's configuration. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly reservedConcurrency?: number;
}

interface FakeMessage {
  readonly id: string;
  readonly body: string;
  hidden: boolean;
}

/** What local/lambda reads and calls of Lambda, SQS and CloudWatch Logs, with a state that a test sets and looks at. */
export class FakeLambdaApis extends LoopbackServer {
  readonly #functions = new Map<string, FakeFunction>();
  /** How often a mapping was looked at, one by one. */
  mappingReads = 0;
  /** How often all of them were. */
  mappingLists = 0;
  readonly mappings = new Map<string, Readonly<Record<string, unknown>>>();
  readonly queues = new Map<string, FakeMessage[]>();
  /** Lines of each log group; a group that is not here does not exist. */
  readonly logs = new Map<string, string[]>();
  /** MaxNumberOfMessages of each receive that returned something. */
  readonly receives: number[] = [];

  apply(name: string, definition: FakeFunction): void {
    this.#functions.set(name, definition);
    this.logs.set(`/aws/lambda/${name}`, this.logs.get(`/aws/lambda/${name}`) ?? []);
  }

  map(queue: string, functionName: string, configuration: Readonly<Record<string, unknown>> = {}): string {
    const uuid = randomUUID();
    this.queues.set(queue, []);
    this.mappings.set(uuid, {
      UUID: uuid,
      EventSourceArn: `arn:aws:sqs:us-east-1:123456789012:${queue}`,
      FunctionArn: `${ACCOUNT}:function:${functionName}`,
      State: "Enabled",
      BatchSize: 10,
      ...configuration,
    });
    return uuid;
  }

  change(uuid: string, configuration: Readonly<Record<string, unknown>>): void {
    this.mappings.set(uuid, { ...this.mappings.get(uuid), ...configuration });
  }

  send(queue: string, ...bodies: readonly string[]): string[] {
    const messages = bodies.map((body) => ({ id: randomUUID(), body, hidden: false }));
    this.queues.get(queue)?.push(...messages);
    return messages.map(({ id }) => id);
  }

  bodiesIn(queue: string): string[] {
    return (this.queues.get(queue) ?? []).map(({ body }) => body);
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const url = new URL(request.url ?? "/", this.endpoint);
    const target = request.headers["x-amz-target"];
    if (target === "AmazonSQS.ReceiveMessage") await delay(RECEIVE_MS);
    const answer = typeof target === "string" ? this.#call(target, parse(body)) : this.#get(url.pathname);
    if (Buffer.isBuffer(answer)) {
      response.end(answer);
      return;
    }
    const { status = 200, error, ...fields } = answer as { status?: number; error?: string };
    // SQS and CloudWatch Logs name the error in the body, Lambda in a header.
    response.writeHead(status, error === undefined ? {} : { "x-amzn-errortype": error });
    response.end(JSON.stringify(error === undefined ? fields : { __type: error, message: error }));
  }

  #get(path: string): Record<string, unknown> | Buffer {
    const notFound = { status: 404, error: "ResourceNotFoundException" };
    const mapping = /\/event-source-mappings\/?([^/]*)$/.exec(path)?.[1];
    if (mapping === "") {
      this.mappingLists += 1;
      return { EventSourceMappings: [...this.mappings.values()] };
    }
    if (mapping !== undefined) {
      this.mappingReads += 1;
      return this.mappings.get(mapping) ?? notFound;
    }
    const name = decodeURIComponent(path).split(/[/:]/).at(-1) ?? "";
    const definition = this.#functions.get(name);
    if (definition === undefined) return notFound;
    const zip = zipOf(definition.files);
    if (path.startsWith("/code/")) return zip;
    return {
      Configuration: {
        FunctionName: name,
        FunctionArn: `${ACCOUNT}:function:${name}`,
        Handler: "index.handler",
        Runtime: "nodejs22.x",
        PackageType: "Zip",
        Version: "$LATEST",
        Timeout: 10,
        MemorySize: 128,
        CodeSha256: createHash("sha256").update(zip).digest("base64"),
        ...definition.configuration,
      },
      Code: { RepositoryType: "S3", Location: `${this.endpoint}/code/${name}` },
      ...(definition.reservedConcurrency === undefined
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: definition.reservedConcurrency } }),
    };
  }

  #call(target: string, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
    switch (target.split(".")[1]) {
      case "GetQueueUrl":
        if (!this.queues.has(String(input.QueueName))) return { status: 400, error: "QueueDoesNotExist" };
        return { QueueUrl: `${this.endpoint}/123456789012/${String(input.QueueName)}` };
      case "ReceiveMessage":
        return this.#receive(queueOf(input), Number(input.MaxNumberOfMessages));
      case "DeleteMessageBatch":
        return this.#delete(queueOf(input), input.Entries as { Id: string; ReceiptHandle: string }[]);
      case "CreateLogStream":
        return this.logs.has(String(input.logGroupName)) ? {} : { status: 400, error: "ResourceNotFoundException" };
      case "PutLogEvents":
        for (const { message } of input.logEvents as { message: string }[]) {
          this.logs.get(String(input.logGroupName))?.push(message);
        }
        return {};
      default:
        return { status: 400, error: "UnknownOperationException" };
    }
  }

  #receive(queue: string, count: number): Record<string, unknown> {
    const messages = (this.queues.get(queue) ?? []).filter(({ hidden }) => !hidden).slice(0, count);
    if (messages.length > 0) this.receives.push(count);
    return {
      Messages: messages.map((message) => {
        message.hidden = true;
        return {
          MessageId: message.id,
          ReceiptHandle: `handle-${message.id}`,
          Body: message.body,
          MD5OfBody: createHash("md5").update(message.body).digest("hex"),
          Attributes: { ApproximateReceiveCount: "1" },
          MessageAttributes: { sender: { DataType: "String", StringValue: "test" } },
        };
      }),
    };
  }

  #delete(queue: string, entries: readonly { Id: string; ReceiptHandle: string }[]): Record<string, unknown> {
    const handles = entries.map(({ ReceiptHandle }) => ReceiptHandle);
    const left = (this.queues.get(queue) ?? []).filter(({ id }) => !handles.includes(`handle-${id}`));
    this.queues.set(queue, left);
    return { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] };
  }
}

function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const members = Object.entries(files).map(([name, content]) => [name, strToU8(content)] as const);
  return Buffer.from(zipSync(Object.fromEntries(members), { mtime: "1980-01-02" }));
}

function queueOf(input: Readonly<Record<string, unknown>>): string {
  return String(input.QueueUrl).split("/").at(-1) ?? "";
}

function parse(body: string): Record<string, unknown> {
  return JSON.parse(body === "" ? "{}" : body) as Record<string, unknown>;
}
