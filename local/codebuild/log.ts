import { closeSync, openSync, readSync, writeSync } from "node:fs";
import {
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  type CloudWatchLogsClient,
  type InputLogEvent,
} from "@aws-sdk/client-cloudwatch-logs";

/** A build's log file. Runner and shell append to it alike, so it holds everything in the order of writing. */
export class BuildLog {
  /** Open for appending: also the standard output of the build's commands. */
  readonly fd: number;

  constructor(readonly file: string) {
    this.fd = openSync(file, "a");
  }

  /** A line of CodeBuild's own, as `[Container] 2006/01/02 15:04:05.000000 text`. */
  line(text: string): void {
    const time = new Date().toISOString().replaceAll("-", "/").replace("T", " ").replace("Z", "000");
    writeSync(this.fd, `[Container] ${time} ${text}\n`);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Limits of PutLogEvents: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const limits = { batchBytes: 1_000_000, batchEvents: 10_000, eventBytes: 256 * 1024 - 26, eventOverhead: 26 };

/** Follows a log file and sends its lines to a log stream, one event a line. */
export class LogShipper {
  readonly #fd: number;
  #position = 0;
  #incompleteLine = Buffer.alloc(0);
  #sending: Promise<void> = Promise.resolve();
  #failed = false;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    private readonly client: CloudWatchLogsClient,
    private readonly group: string,
    private readonly stream: string,
    file: string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#fd = openSync(file, "r");
    this.#timer = setInterval(() => void this.#enqueue(false), 1000);
  }

  /** Makes the group where it is missing, as CodeBuild does, and the stream. After an error, which `onError` hears, nothing more is sent. */
  static async start(
    client: CloudWatchLogsClient,
    target: { readonly group: string; readonly stream: string },
    file: string,
    onError: (error: unknown) => void,
  ): Promise<LogShipper> {
    const stream = new CreateLogStreamCommand({ logGroupName: target.group, logStreamName: target.stream });
    try {
      await client.send(stream);
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
      await unlessExists(client.send(new CreateLogGroupCommand({ logGroupName: target.group })));
      await client.send(stream);
    }
    return new LogShipper(client, target.group, target.stream, file, onError);
  }

  /** Sends what is left and ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#enqueue(true);
    closeSync(this.#fd);
  }

  #enqueue(last: boolean): Promise<void> {
    this.#sending = this.#sending.then(() => this.#send(last));
    return this.#sending;
  }

  async #send(last: boolean): Promise<void> {
    if (this.#failed) return;
    try {
      for (let lines = this.#read(last); lines.length > 0; lines = this.#read(last)) {
        for (const logEvents of batches(lines)) {
          const put = { logGroupName: this.group, logStreamName: this.stream, logEvents };
          await this.client.send(new PutLogEventsCommand(put));
        }
      }
    } catch (error) {
      this.#failed = true;
      this.onError(error);
    }
  }

  /** The next complete lines, with their line ends; at the end also one without. */
  #read(last: boolean): Buffer[] {
    const buffer = Buffer.alloc(1 << 20);
    const length = readSync(this.#fd, buffer, 0, buffer.length, this.#position);
    this.#position += length;
    const text = Buffer.concat([this.#incompleteLine, buffer.subarray(0, length)]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
      lines.push(text.subarray(start, end + 1));
      start = end + 1;
    }
    this.#incompleteLine = text.subarray(start);
    if (this.#incompleteLine.length > 0 && (last ? length === 0 : this.#incompleteLine.length > limits.eventBytes)) {
      lines.push(this.#incompleteLine);
      this.#incompleteLine = Buffer.alloc(0);
    }
    return lines;
  }
}

function* batches(lines: readonly Buffer[]): Generator<InputLogEvent[]> {
  let batch: InputLogEvent[] = [];
  let bytes = 0;
  for (const line of lines) {
    for (let start = 0; start < line.length; start += limits.eventBytes) {
      const part = line.subarray(start, start + limits.eventBytes);
      const size = part.length + limits.eventOverhead;
      if (batch.length === limits.batchEvents || bytes + size > limits.batchBytes) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push({ timestamp: Date.now(), message: part.toString("utf8") });
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

async function unlessExists(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ResourceAlreadyExistsException)) throw error;
  }
}
