const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C, `kill`, or the end of the terminal stopped the work. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";

  constructor() {
    super("Interrupted.");
  }
}

/** Tells once that this process was asked to end. While it listens, the process ends only by itself. */
export class Interruption {
  /** Settles with the first signal. */
  readonly signalled: Promise<void>;
  readonly #listener: () => void;
  #happened = false;

  constructor() {
    let settle: () => void;
    this.signalled = new Promise((resolve) => {
      settle = resolve;
    });
    this.#listener = () => {
      this.#happened = true;
      settle();
    };
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  happened(): boolean {
    return this.#happened;
  }

  /** Stops listening. */
  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}

/**
 * Waits for Ctrl-C, `kill`, or the end of the terminal. It goes on listening: npm and tsx pass on the Ctrl-C that the terminal sends
 * to this process, too, and the second must not cut short what follows.
 */
export async function untilInterrupted(): Promise<void> {
  const interruption = new Interruption();
  // A listener alone does not keep Node running.
  const alive = setInterval(() => undefined, 1 << 30);
  await interruption.signalled;
  clearInterval(alive);
}
