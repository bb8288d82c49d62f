import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate, setTimeout as delay } from "node:timers/promises";

/** https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib */
const INIT_LIMIT_MS = 10_000;
/** Of the function's memory, what V8's old generation may take; the rest is for buffers, code and the young generation. */
const HEAP_SHARE = 0.9;
const BOOTSTRAP = join(__dirname, "bootstrap.js");

/** A function's failure, with the fields of Lambda's error payload. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export interface EnvironmentSettings {
  /** The unpacked zip. */
  readonly taskRoot: string;
  /** The whole environment of the process. */
  readonly variables: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly onLine: (line: string) => void;
}

export interface InvocationRequest {
  readonly requestId: string;
  readonly functionArn: string;
  /** JSON. */
  readonly event: string;
}

export interface Outcome {
  /** JSON: what the handler returned. Absent after an error. */
  readonly payload?: string;
  readonly error?: FunctionError;
  /** From the event's arrival at the handler to the answer. */
  readonly durationMs: number;
  readonly maxMemoryKiB: number;
}

type Message =
  | { readonly type: "ready" }
  | { readonly type: "init-error"; readonly error: FunctionError }
  | {
      readonly type: "answer";
      readonly requestId: string;
      readonly payload?: string;
      readonly error?: FunctionError;
      readonly maxMemoryKiB: number;
      /** The process ends after this answer. */
      readonly last?: boolean;
    };

/** One execution environment: a Node.js process with the function loaded, which handles one invocation at a time. */
export class ExecutionEnvironment {
  readonly #settings: EnvironmentSettings;
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  /** How the initialisation ended: its error, if any. Does not reject. */
  readonly #initialised: Promise<FunctionError | undefined>;
  #initDurationMs: number | undefined;
  #doomed = false;

  constructor(settings: EnvironmentSettings) {
    this.#settings = settings;
    const heapMiB = Math.floor(settings.memoryMiB * HEAP_SHARE);
    this.#child = spawn(process.execPath, [`--max-old-space-size=${heapMiB}`, BOOTSTRAP], {
      cwd: settings.taskRoot,
      env: settings.variables,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream, crlfDelay: Infinity }).on("line", settings.onLine);
    }
    this.#initialised = this.#initialisation();
  }

  /** Whether it can take another invocation. */
  get alive(): boolean {
    return this.#child.connected && !this.#ended && !this.#doomed;
  }

  /** Milliseconds until the handler was loaded; undefined before that. */
  get initDurationMs(): number | undefined {
    return this.#initDurationMs;
  }

  /** Runs one invocation. A function's failure is an outcome; after a timeout or a crash the environment is gone. */
  async invoke(request: InvocationRequest): Promise<Outcome> {
    // The function's clock starts when it is loaded, or when the time for loading is over.
    const initError = await Promise.race([this.#initialised, delay(INIT_LIMIT_MS, undefined, { ref: false })]);
    if (initError !== undefined) return { error: initError, durationMs: 0, maxMemoryKiB: 0 };

    const started = performance.now();
    const outcome = await this.#run(request);
    const durationMs = performance.now() - started;
    // What was written before the answer is in the pipe: let it be read before the invocation counts as ended.
    await setImmediate();
    return { maxMemoryKiB: 0, ...outcome, durationMs };
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }

  get #ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #initialisation(): Promise<FunctionError | undefined> {
    const error = await new Promise<FunctionError | undefined>((resolve) => {
      this.#child.on("message", (message: Message) => {
        if (message.type === "ready") resolve(undefined);
        if (message.type === "init-error") resolve(message.error);
      });
      this.#child.once("error", (cause) => {
        resolve({ errorType: "Runtime.ExitError", errorMessage: `Node.js could not be started: ${cause.message}` });
      });
      this.#child.once("close", (code, signal) => {
        resolve(exitError("unknown", code, signal));
      });
    });
    this.#initDurationMs = performance.now() - this.#started;
    return error;
  }

  #run(request: InvocationRequest): Promise<Partial<Outcome>> {
    const { requestId } = request;
    const timeoutMs = this.#settings.timeoutSeconds * 1000;
    return new Promise((resolve) => {
      const detach = (): void => {
        clearTimeout(clock);
        this.#child.off("message", onMessage).off("close", onClose);
      };
      const settle = (outcome: Partial<Outcome>): void => {
        detach();
        resolve(outcome);
      };
      const onMessage = (message: Message): void => {
        if (message.type !== "answer" || message.requestId !== requestId) return;
        this.#doomed ||= message.last === true;
        settle(message);
      };
      const onClose = (code: number | null, signal: NodeJS.Signals | null): void => {
        settle({ error: exitError(requestId, code, signal) });
      };
      const clock = setTimeout(() => {
        // The end that follows is ours, not a crash.
        detach();
        void this.stop().then(() => {
          resolve({ error: timeoutError(requestId, this.#settings.timeoutSeconds) });
        });
      }, timeoutMs);

      this.#child.on("message", onMessage).on("close", onClose);
      void this.#initialised.then((error) => {
        if (error !== undefined) settle({ error });
        // A process that ends before it can take this is reported by its close.
        else this.#child.send({ ...request, deadlineMs: Date.now() + timeoutMs }, () => undefined);
      });
    });
  }
}

function timeoutError(requestId: string, seconds: number): FunctionError {
  return {
    errorType: "Sandbox.Timedout",
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
  };
}

function exitError(requestId: string, code: number | null, signal: NodeJS.Signals | null): FunctionError {
  const exit = signal === null ? `exit status ${code ?? "unknown"}` : `signal: ${signal}`;
  return {
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${exit}`,
  };
}
