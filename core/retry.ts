import { setTimeout as sleep } from "node:timers/promises";

export interface RetryPolicy {
  /** How often to try in all, the first time included. */
  readonly attempts: number;
  /** Milliseconds: the n-th wait is random between 0 and `baseDelay * 2^n`. */
  readonly baseDelay: number;
  /** Milliseconds: the longest wait. */
  readonly maxDelay: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, baseDelay: 250, maxDelay: 10_000 };

/**
 * Tries until it works, `judge` says that trying again is pointless, or the attempts are used up; then throws the last error.
 * @param judge false: give up; true: wait by the policy; a number: wait so many milliseconds more, as the server
 *   asked, within the policy's longest wait.
 */
export async function retry<T>(
  action: () => Promise<T>,
  judge: (error: unknown) => boolean | number,
  policy: RetryPolicy = DEFAULT_RETRY,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      const verdict = judge(error);
      if (verdict === false || attempt >= policy.attempts) throw error;
      const asked = verdict === true ? 0 : verdict;
      await sleep(Math.min(policy.maxDelay, asked + Math.random() * policy.baseDelay * 2 ** attempt));
    }
  }
}
