import { randomUUID } from "node:crypto";
import { join } from "node:path";

import { GetFunctionCommand, LambdaClient, type FunctionConfiguration } from "@aws-sdk/client-lambda";

import type { Permissions } from "../iam";
import { notUsed } from "../iam/credentials";
import { unpackedCode } from "./code";
import { ExecutionEnvironment, type FunctionError, type Outcome } from "./environment";
import { ThrottledError, UnsupportedFunctionError } from "./errors";
import type { OnLambdaEvent } from "./events";
import { LogStream } from "./logs";
import { openSession, type Session } from "./session";
import { functionVariables, unusedVariables } from "./variables";

export interface InvokerOptions {
  /** Where every AWS API is served, such as moto's URL. */
  readonly endpoint: string;
  readonly region: string;
  /** Where functions are unpacked. */
  readonly directory: string;
  /**
   * Set in each function's environment on top of what Lambda defines, and stronger than it: the endpoints of this machine
   * and what it takes to reach them.
   * @default - none
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * By what functions act: with credentials of their role, through the gate. Their log lines are written so, too.
   * @default - everything is allowed
   */
  readonly permissions?: Permissions;
  readonly onEvent?: OnLambdaEvent;
}

/** How one invocation ended. */
export interface Invocation {
  readonly requestId: string;
  /** What the handler returned; null after an error. */
  readonly payload: unknown;
  /** Absent where the handler returned. */
  readonly error?: FunctionError;
}

interface AppliedFunction {
  readonly arn: string;
  readonly name: string;
  readonly configuration: FunctionConfiguration;
  readonly location: string;
  readonly reservedConcurrency: number | undefined;
}

/** An execution environment and what it writes to. */
interface Worker {
  readonly environment: ExecutionEnvironment;
  readonly logs: LogStream;
  readonly session: Session;
}

/** The environments of one function as it was applied: a change of code or settings makes another pool. */
interface Pool {
  readonly applied: string;
  readonly idle: Worker[];
  busy: number;
}

/**
 * Runs functions as Lambda does: the applied zip, whose hash is checked, in a process of its own that is kept warm, with the
 * applied variables, timeout, memory and log group. Everything is read back by GetFunction for each invocation, so that a
 * change takes effect on the next one.
 */
export class Invoker {
  readonly #options: InvokerOptions;
  readonly #lambda: LambdaClient;
  readonly #pools = new Map<string, Pool>();
  readonly #workers = new Set<Worker>();
  #closed = false;

  constructor(options: InvokerOptions) {
    this.#options = options;
    this.#lambda = new LambdaClient(clientSettings(options));
  }

  /**
   * Runs one synchronous invocation. The function's own failure is a result; what keeps it from being run at all rejects.
   *
   * @param functionName its name or ARN
   * @param event any value that JSON carries
   * @param requestId the same when an asynchronous invocation runs again
   */
  async invoke(functionName: string, event: unknown, requestId: string = randomUUID()): Promise<Invocation> {
    const applied = await this.#describe(functionName);
    const pool = this.#pool(applied);
    const reserved = applied.reservedConcurrency ?? Infinity;
    if (pool.busy >= reserved) throw new ThrottledError(applied.name, reserved);

    pool.busy++;
    try {
      const warm = takeAlive(pool.idle);
      const worker = warm ?? (await this.#start(applied));
      const invocation = await this.#run(worker, applied, { event, requestId }, warm === undefined);
      if (this.#isCurrent(pool, applied) && worker.environment.alive) pool.idle.push(worker);
      else await this.#end(worker);
      return invocation;
    } finally {
      pool.busy--;
    }
  }

  /** Kills every environment, busy or not, and delivers the last log lines. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)));
    this.#lambda.destroy();
  }

  async #describe(functionName: string): Promise<AppliedFunction> {
    const { Configuration, Code, Concurrency } = await this.#lambda.send(
      new GetFunctionCommand({ FunctionName: functionName }),
    );
    const found = unsupported(Configuration);
    if (Configuration?.FunctionArn === undefined || Code?.Location === undefined || found !== undefined) {
      throw new UnsupportedFunctionError(functionName, found ?? "no code");
    }
    return {
      arn: Configuration.FunctionArn,
      name: Configuration.FunctionName ?? functionName,
      configuration: Configuration,
      location: Code.Location,
      reservedConcurrency: Concurrency?.ReservedConcurrentExecutions,
    };
  }

  #pool({ arn, configuration }: AppliedFunction): Pool {
    const applied = JSON.stringify(configuration);
    const known = this.#pools.get(arn);
    if (known?.applied === applied) return known;
    for (const worker of known?.idle.splice(0) ?? []) void this.#end(worker);
    const pool = { applied, idle: [], busy: 0 };
    this.#pools.set(arn, pool);
    return pool;
  }

  #isCurrent(pool: Pool, { arn }: AppliedFunction): boolean {
    return !this.#closed && this.#pools.get(arn) === pool;
  }

  async #start({ name, configuration, location }: AppliedFunction): Promise<Worker> {
    const sha256 = configuration.CodeSha256 ?? "";
    const taskRoot = await unpackedCode(
      { functionName: name, location, sha256 },
      join(this.#options.directory, "functions"),
    );
    const session = await openSession(this.#options, configuration);
    const group = configuration.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
    const logs = new LogStream(session.logs, group, configuration.Version ?? "$LATEST");
    const onLine = (line: string): void => {
      logs.write(line);
      this.#options.onEvent?.({ type: "log", functionName: name, line });
    };
    for (const variable of unusedVariables(configuration)) onLine(notUsed(variable));
    const environment = new ExecutionEnvironment({
      taskRoot,
      variables: {
        ...functionVariables(configuration, { taskRoot, region: this.#options.region, group, stream: logs.name }),
        ...this.#options.environment,
        ...session.variables,
      },
      memoryMiB: configuration.MemorySize ?? 128,
      timeoutSeconds: configuration.Timeout ?? 3,
      onLine,
    });
    const worker = { environment, logs, session };
    this.#workers.add(worker);
    if (this.#closed) await this.#end(worker);
    return worker;
  }

  async #run(
    worker: Worker,
    applied: AppliedFunction,
    { event, requestId }: { readonly event: unknown; readonly requestId: string },
    coldStart: boolean,
  ): Promise<Invocation> {
    const { name, arn, configuration } = applied;
    const onEvent = this.#options.onEvent;
    // In the JSON format the platform's lines are records of their own kind; they are left out there.
    const text = configuration.LoggingConfig?.LogFormat !== "JSON";

    onEvent?.({ type: "invocation-started", functionName: name, requestId, coldStart });
    if (text) worker.logs.write(`START RequestId: ${requestId} Version: ${configuration.Version ?? "$LATEST"}`);
    const outcome = await worker.environment.invoke({
      requestId,
      functionArn: arn,
      event: JSON.stringify(event),
    });
    if (text) {
      worker.logs.write(`END RequestId: ${requestId}`);
      worker.logs.write(report(requestId, configuration, outcome, coldStart ? worker.environment : undefined));
    }
    onEvent?.({
      type: "invocation-finished",
      functionName: name,
      requestId,
      durationMs: outcome.durationMs,
      ...(outcome.error === undefined ? {} : { error: outcome.error }),
    });
    void this.#flush(worker);
    const payload: unknown = outcome.payload === undefined ? null : JSON.parse(outcome.payload);
    return { requestId, payload, ...(outcome.error === undefined ? {} : { error: outcome.error }) };
  }

  async #end(worker: Worker): Promise<void> {
    await worker.environment.stop();
    await this.#flush(worker);
    worker.session.logs.destroy();
    this.#workers.delete(worker);
  }

  async #flush(worker: Worker): Promise<void> {
    try {
      await worker.logs.flush();
    } catch (error) {
      this.#options.onEvent?.({ type: "problem", error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
}

/** Settings for the clients of this machine's APIs: those of an administrator of the account. @param account - default the environment's */
export function clientSettings({ endpoint, region }: Pick<InvokerOptions, "endpoint" | "region">, account = "test") {
  return { endpoint, region, credentials: { accessKeyId: account, secretAccessKey: "test" } };
}

function unsupported(configuration: FunctionConfiguration | undefined): string | undefined {
  if (configuration?.PackageType === "Image") return "a container image";
  if (configuration?.Runtime?.startsWith("nodejs") !== true)
    return `the runtime ${configuration?.Runtime ?? "of no name"}`;
  if ((configuration.Layers ?? []).length > 0) return "layers";
  return undefined;
}

function takeAlive(idle: Worker[]): Worker | undefined {
  for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) {
    if (worker.environment.alive) return worker;
  }
  return undefined;
}

/** Lambda's REPORT line: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html */
function report(
  requestId: string,
  { MemorySize = 128 }: FunctionConfiguration,
  { durationMs, maxMemoryKiB, error }: Outcome,
  cold: ExecutionEnvironment | undefined,
): string {
  const parts = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs)} ms`,
    `Memory Size: ${MemorySize} MB`,
    `Max Memory Used: ${Math.ceil(maxMemoryKiB / 1024)} MB`,
  ];
  if (cold?.initDurationMs !== undefined) parts.push(`Init Duration: ${cold.initDurationMs.toFixed(2)} ms`);
  if (error?.errorType === "Sandbox.Timedout") parts.push("Status: timeout");
  else if (error !== undefined) parts.push(`Status: error\tError Type: ${error.errorType}`);
  return parts.join("\t");
}
