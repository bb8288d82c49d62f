import { randomBytes } from "node:crypto";

import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  ResourceNotFoundException,
  type InputLogEvent,
} from "@aws-sdk/client-cloudwatch-logs";

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html allows 10,000 and 1 MB. */
const EVENTS_PER_CALL = 1000;

/**
 * The log stream of one execution environment. Lines are kept until `flush`.
 *
 * A log group that does not exist loses them, as on AWS when the function's role may not create it: the stack owns the
 * group, so making one here would hide that it is missing and stand in the way of the next apply.
 */
export class LogStream {
  readonly name: string;
  readonly #client: CloudWatchLogsClient;
  readonly #group: string;
  #lines: InputLogEvent[] = [];
  #created = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(client: CloudWatchLogsClient, group: string, version: string) {
    this.#client = client;
    this.#group = group;
    const day = new Date().toISOString().slice(0, 10).replaceAll("-", "/");
    this.name = `${day}/[${version}]${randomBytes(16).toString("hex")}`;
  }

  write(message: string): void {
    // CloudWatch Logs refuses an empty message.
    if (message !== "") this.#lines.push({ timestamp: Date.now(), message });
  }

  /** Sends what was written so far. Rejects where that fails; the lines are lost then. */
  flush(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    this.#flushed = this.#flushed
      .catch(() => undefined)
      .then(() => this.#send(lines))
      .catch((cause: unknown) => {
        throw lost(this.#group, cause);
      });
    return this.#flushed;
  }

  async #send(lines: readonly InputLogEvent[]): Promise<void> {
    const stream = { logGroupName: this.#group, logStreamName: this.name };
    if (lines.length > 0 && !this.#created) {
      await this.#client.send(new CreateLogStreamCommand(stream));
      this.#created = true;
    }
    for (let start = 0; start < lines.length; start += EVENTS_PER_CALL) {
      const logEvents = lines.slice(start, start + EVENTS_PER_CALL);
      await this.#client.send(new PutLogEventsCommand({ ...stream, logEvents }));
    }
  }
}

function lost(group: string, cause: unknown): Error {
  const reason =
    cause instanceof ResourceNotFoundException
      ? `Log group ${group} does not exist`
      : `Log group ${group} cannot be written: ${String(cause)}`;
  return new Error(`${reason}: the function's log lines are lost`, { cause });
}
