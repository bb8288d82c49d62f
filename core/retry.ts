import { setTimeout as sleep } from "node:timers/promises";

export interface RetryPolicy {
  /** How often to try in all, the first time included. */
  readonly attempts: number;
  /** Milliseconds: the n-th wait is random between 0 and `baseDelay * 2^n`. */
  readonly baseDelay: number;
  /** Milliseconds: the longest wait, also where the server asks for a longer one. */
  readonly maxDelay: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, baseDelay: 250, maxDelay: 60_000 };

export interface RetryOptions {
  /**
   * @returns false: give up; true: wait by the policy; a number: wait so many milliseconds more, as the server asked,
   * within the policy's longest wait.
   */
  readonly judge: (error: unknown) => boolean | number;
  /** Hears why it is tried again, and after how many milliseconds. @default - nobody */
  readonly onRetry?: ((error: unknown, wait: number) => void) | undefined;
  /** @default DEFAULT_RETRY */
  readonly policy?: RetryPolicy;
  /** Ends a wait with its reason. @default - none */
  readonly signal?: AbortSignal;
}

/**
 * Tries until it works, `judge` says that trying again is pointless, or the attempts are used up; then throws the last error.
 * @param action may call `progress`: what was reached by then counts, so the attempts start again with this one.
 */
export async function retry<T>(action: (progress: () => void) => Promise<T>, options: RetryOptions): Promise<T> {
  const { judge, onRetry, policy = DEFAULT_RETRY, signal } = options;
  let attempt = 1;
  const progress = (): void => {
    attempt = 1;
  };
  for (; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await action(progress);
    } catch (error) {
      const verdict = judge(error);
      if (verdict === false || attempt >= policy.attempts) throw error;
      const asked = verdict === true ? 0 : verdict;
      const wait = Math.min(policy.maxDelay, asked + Math.random() * policy.baseDelay * 2 ** attempt);
      onRetry?.(error, wait);
      await sleep(wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}
