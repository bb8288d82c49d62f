/** Seconds since it was made. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => (performance.now() - started) / 1000;
}

/** Passes a value on once in so many milliseconds, not the first ones. */
export function every<T>(interval: number, action: (value: T) => void): (value: T) => void {
  let next = performance.now() + interval;
  return (value) => {
    if (performance.now() < next) return;
    next = performance.now() + interval;
    action(value);
  };
}
