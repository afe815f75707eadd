/**
 * When a request is sent again.
 *
 * A request that has the same effect twice is repeated after 429, 502, 503, 504 and a failed connection; any other one
 * only if the server has not begun it: after 429, or if no connection was made.
 */

import {
  ConnectionFailedError,
  InvalidArgumentError,
  type PymagerError,
  TooManyRequestsError,
  UnavailableError,
} from "./errors.js";

const MAX_RETRY_AFTER_MS = 60_000;
const MAX_TOTAL_WAIT_MS = 120_000;
const MAX_BACKOFF_MS = 10_000;
const MAX_DOUBLINGS = 30;

/** How often and when a request is sent again. */
export interface RetryOptions {
  /** How often a request is sent at most. */
  maxAttempts: number;
  /** Milliseconds of the first wait, if the response does not ask for a time. It doubles, with jitter. */
  retryDelay: number;
}

/** Throws `InvalidArgumentError`. */
export function checkedRetries(options: RetryOptions): RetryOptions {
  if (!Number.isInteger(options.maxAttempts) || options.maxAttempts < 1) {
    throw new InvalidArgumentError(`maxAttempts: must be a whole number from 1, got ${options.maxAttempts}`);
  }
  if (!(options.retryDelay >= 0)) {
    throw new InvalidArgumentError(`retryDelay: must be a number of milliseconds, got ${options.retryDelay}`);
  }
  return options;
}

/** A request that can be sent several times. */
export interface Repeatable<T> {
  /** Send it once. */
  send(): Promise<T>;
  /** Whether it has the same effect if the server gets it twice. */
  isIdempotent: boolean;
  /** Whether its body can be sent again. */
  canBeSent(): boolean;
  /** The result, if this error means that an earlier attempt has succeeded although its response was lost. */
  recover?(error: PymagerError): Promise<{ value: T } | undefined>;
}

/** Send a request until it succeeds, or may not be sent again. Rejects with the last error. */
export async function withRetries<T>(
  request: Repeatable<T>,
  { maxAttempts, retryDelay }: RetryOptions,
  signal: AbortSignal | undefined,
): Promise<T> {
  let mayHaveSucceeded = false;
  let waited = 0;
  for (let attempts = 1; ; attempts++) {
    try {
      return await request.send();
    } catch (error) {
      const recovered = mayHaveSucceeded ? await request.recover?.(error as PymagerError) : undefined;
      if (recovered !== undefined) {
        return recovered.value;
      }
      const wait = waitAfter(error, request, attempts, retryDelay);
      if (wait === undefined || attempts >= maxAttempts || waited + wait > MAX_TOTAL_WAIT_MS) {
        throw error;
      }
      mayHaveSucceeded ||= !wasNotBegun(error);
      waited += wait;
      await sleep(wait, signal);
    }
  }
}

/** Milliseconds to wait before the next attempt; undefined if there is none. */
function waitAfter(
  error: unknown,
  request: Repeatable<unknown>,
  attempts: number,
  retryDelay: number,
): number | undefined {
  const isTransient =
    error instanceof ConnectionFailedError ||
    error instanceof TooManyRequestsError ||
    error instanceof UnavailableError;
  if (!isTransient || !request.canBeSent() || !(request.isIdempotent || wasNotBegun(error))) {
    return undefined;
  }
  if (!(error instanceof ConnectionFailedError) && error.retryAfter !== undefined) {
    return Math.min(error.retryAfter * 1000, MAX_RETRY_AFTER_MS);
  }
  const longest = Math.min(retryDelay * 2 ** Math.min(attempts - 1, MAX_DOUBLINGS), MAX_BACKOFF_MS);
  return longest * (0.5 + Math.random() / 2);
}

function wasNotBegun(error: unknown): boolean {
  return error instanceof ConnectionFailedError ? !error.mayHaveArrived : error instanceof TooManyRequestsError;
}

/** Rejects with the signal's reason if it is aborted. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) {
      onAbort();
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
