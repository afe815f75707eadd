/** One attempt of a request: it ends when the caller aborts it, or when nothing happens for some time. */

import { ConnectionFailedError, InvalidArgumentError, TimedOutError } from "./errors.js";

/** Options of every call. */
export interface CallOptions {
  /** Ends the call, and rejects it with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** As the client's `timeout`, for this call. */
  timeout?: number | undefined;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // the longest that a timer takes

/** Throws `InvalidArgumentError` if it is not a number of milliseconds. */
export function checkedTimeout(timeout: number): number {
  if (!(timeout > 0)) {
    throw new InvalidArgumentError(`timeout: must be a number of milliseconds, got ${timeout}`);
  }
  return Math.min(timeout, MAX_TIMEOUT_MS);
}

/** Gives a signal to `fetch`, and explains why `fetch` or a body failed. Must be ended. */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort(this.#caller?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isTimedOut = false;

  /** Throws the signal's reason if it is aborted. */
  constructor(timeout: number, caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    this.#timeout = timeout;
    this.#caller = caller;
    caller?.addEventListener("abort", this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Wait for this step, until the caller aborts it, or the timeout has passed since the last `progress`. */
  async step<T>(step: Promise<T>, extra = 0): Promise<T> {
    this.#arm(extra);
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(this.signal.reason);
      this.signal.addEventListener("abort", onAbort);
    });
    try {
      return await Promise.race([step, aborted]); // a source, or a `fetch` of the caller, may not know the signal
    } finally {
      this.signal.removeEventListener("abort", onAbort);
      this.#disarm();
    }
  }

  /** The step under way goes on: its time starts again. */
  progress(): void {
    if (this.#timer !== undefined) {
      this.#arm();
    }
  }

  /** Release the signal and the timer. */
  end(): void {
    this.#disarm();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  /** What to throw for an error of `fetch` or of a body. `hint` completes the message. */
  explained(error: unknown, origin: string, hint = ""): unknown {
    if (this.#caller?.aborted) {
      return this.#caller.reason;
    }
    if (this.#isTimedOut) {
      return new TimedOutError(`${origin}: no answer within ${this.#timeout} milliseconds`, true);
    }
    const cause = causeOf(error);
    const detail = cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : "");
    const message = `${origin}: the connection failed${detail && ` (${detail})`}${hint}`;
    return new ConnectionFailedError(message, !NEVER_ARRIVED.has(cause?.code ?? ""), { cause: error });
  }

  #arm(extra = 0): void {
    this.#disarm();
    this.#timer = setTimeout(
      () => {
        this.#isTimedOut = true;
        this.#controller.abort();
      },
      Math.min(this.#timeout + extra, MAX_TIMEOUT_MS),
    );
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Codes of Node.js for a connection that was not made. Browsers do not tell. */
const NEVER_ARRIVED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

interface SystemError {
  code?: string;
  message?: string;
  errors?: SystemError[];
}

/** The system's error behind one of `fetch`. If several addresses were tried, the first one's. */
function causeOf(error: unknown): SystemError | undefined {
  const cause = (error as { cause?: SystemError } | undefined)?.cause;
  return cause?.code === undefined && cause?.errors?.[0] !== undefined ? cause.errors[0] : cause;
}
