/** Waits for Ctrl-C, `kill`, or the end of the terminal. */
export async function untilInterrupted(): Promise<void> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const signal of signals) process.off(signal, done);
      // A listener alone does not keep Node running.
      clearInterval(alive);
      resolve();
    };
    const alive = setInterval(() => undefined, 1 << 30);
    for (const signal of signals) process.on(signal, done);
  });
}
