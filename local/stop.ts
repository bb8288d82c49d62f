import { setMaxListeners } from "node:events";

/** Ends all that listens to its signal. That may be many: Node takes more than ten for a leak. */
export function createStop(): AbortController {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  return stop;
}
