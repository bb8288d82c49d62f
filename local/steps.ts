import { setTimeout as sleep } from "node:timers/promises";
import { InterruptedError, type Interruption } from "./interrupt";

/** Milliseconds that a step which is given up has to end in order, as the programs do that it started. */
const GRACE_MS = 2_000;
const TITLE = 40;

/**
 * Progress of a long piece of work, a line per step: what is done, how long it took, what came out of it.
 *
 * On a terminal the running step is redrawn with its elapsed time; elsewhere (CI, a pipe) only finished lines are printed, and a
 * step that is still running says so every 15 seconds.
 */
export class Steps {
  readonly #out: NodeJS.WriteStream;
  readonly #interruption: Interruption | undefined;
  readonly #started = Date.now();
  #number = 0;
  #running: { title: string; since: number; note: string } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param interruption ends the running step, and every later one, with an InterruptedError */
  constructor(interruption?: Interruption, out: NodeJS.WriteStream = process.stdout) {
    this.#interruption = interruption;
    this.#out = out;
  }

  /** Runs one step; what `outcome` makes of its result ends the line. */
  run<T>(title: string, work: () => Promise<T>, outcome?: (value: T) => string): Promise<T> {
    return this.#step(title, () => this.#unlessInterrupted(work), outcome);
  }

  /** Runs a step that hears the interruption itself and is waited for, such as Terraform, which then still writes its state. */
  complete<T>(title: string, work: () => Promise<T>, outcome?: (value: T) => string): Promise<T> {
    return this.#step(
      title,
      async () => {
        if (this.#interruption?.happened()) throw new InterruptedError();
        try {
          return await work();
        } catch (error) {
          throw this.#interruption?.happened() ? new InterruptedError() : error;
        }
      },
      outcome,
    );
  }

  /** Runs a step that puts things in order, also after an interruption. */
  cleanUp<T>(title: string, work: () => Promise<T>): Promise<T> {
    return this.#step(title, work);
  }

  async #unlessInterrupted<T>(work: () => Promise<T>): Promise<T> {
    const interruption = this.#interruption;
    if (!interruption) return await work();
    if (interruption.happened()) throw new InterruptedError();
    const working = work();
    const given = interruption.signalled.then(async () => {
      await Promise.race([working.catch(() => undefined), sleep(GRACE_MS, undefined, { ref: false })]);
      throw new InterruptedError();
    });
    try {
      return await Promise.race([working, given]);
    } catch (error) {
      throw interruption.happened() ? new InterruptedError() : error;
    }
  }

  async #step<T>(title: string, work: () => Promise<T>, outcome: (value: T) => string = () => ""): Promise<T> {
    this.#number += 1;
    const since = Date.now();
    this.#running = { title, since, note: "" };
    const interval = this.#out.isTTY ? 200 : 15_000;
    this.#timer = setInterval(() => {
      this.#redraw();
    }, interval);
    try {
      const value = await work();
      this.#finish("ok", outcome(value));
      return value;
    } catch (error) {
      this.#finish(error instanceof InterruptedError ? "ended" : "failed", "");
      throw error;
    }
  }

  /** A line that belongs to the running step. */
  detail(text: string): void {
    this.#clear();
    this.#out.write(`       ${text}\n`);
    this.#redraw(true);
  }

  /** What the running step is doing right now; shown beside it on a terminal only. */
  note(text: string): void {
    if (this.#running) this.#running.note = text;
  }

  /** Seconds since the first step. */
  get elapsed(): number {
    return (Date.now() - this.#started) / 1000;
  }

  #finish(state: "ok" | "failed" | "ended", outcome: string): void {
    clearInterval(this.#timer);
    this.#clear();
    if (!this.#running) return;
    const seconds = (Date.now() - this.#running.since) / 1000;
    this.#out.write(
      `${this.#label(state)}  ${this.#running.title.padEnd(TITLE)} ${seconds.toFixed(1).padStart(6)} s  ${outcome}\n`,
    );
    this.#running = undefined;
  }

  #label(state: string): string {
    return `${String(this.#number).padStart(2)} ${state.padEnd(6)}`;
  }

  #redraw(terminalOnly = false): void {
    if (!this.#running) return;
    const { title, since, note } = this.#running;
    const seconds = ((Date.now() - since) / 1000).toFixed(this.#out.isTTY ? 1 : 0);
    if (this.#out.isTTY) {
      const line = `${this.#label("...")}  ${title.padEnd(TITLE)} ${seconds.padStart(6)} s  ${note}`;
      this.#out.write(`\r\x1b[K${line.slice(0, this.#out.columns - 1)}`);
    } else if (!terminalOnly) {
      this.#out.write(`${this.#label("...")}  ${title} (${seconds} s) ${note}\n`);
    }
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\x1b[K");
  }
}
