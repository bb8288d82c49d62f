import { setTimeout } from "node:timers/promises";

/** Time as a wait needs it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(milliseconds: number): Promise<unknown>;
}

export const systemClock: Clock = { now: () => Date.now(), sleep: (milliseconds) => setTimeout(milliseconds) };
