/** Reads responses: limited in size, and each piece in time. */

import type { Attempt } from "./attempt.js";
import { errorOf, type ResponseError, UnexpectedResponseError } from "./errors.js";

const MAX_JSON_BYTES = 16 * 1024 * 1024;
const MAX_PROBLEM_BYTES = 64 * 1024;
const PROBLEM_TYPE = /^application\/problem\+json\s*(?:;|$)/i;
const SECONDS = /^[0-9]{1,9}$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/;

/** The JSON object that is the body. Rejects with `UnexpectedResponseError` for anything else. */
export async function jsonOf(response: Response, attempt: Attempt): Promise<Record<string, unknown>> {
  const value = parsedObject(await text(response, attempt, MAX_JSON_BYTES));
  if (value === undefined) {
    throw new UnexpectedResponseError("the response is not the JSON that pymager sends", response.status);
  }
  return value;
}

/** The body, with its media type. */
export async function blobOf(response: Response, attempt: Attempt): Promise<Blob> {
  const pieces = await all(response, attempt);
  return new Blob(pieces as BlobPart[], { type: response.headers.get("Content-Type") ?? "" });
}

/** The body as it arrives. Ends the attempt at its end, and when it fails or is cancelled; `explain` gives its error. */
export function streamOf(
  response: Response,
  attempt: Attempt,
  explain: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  const reader = response.body?.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = reader && (await attempt.step(reader.read()));
          if (piece?.value !== undefined) {
            controller.enqueue(piece.value);
            return;
          }
        } catch (error) {
          attempt.end();
          throw explain(error);
        }
        attempt.end();
        controller.close();
      },
      async cancel(reason) {
        attempt.end();
        await reader?.cancel(reason);
      },
    },
    { highWaterMark: 0 }, // time in which nobody reads does not count
  );
}

/** The error that a response stands for. Its body is read if it is a problem document (RFC 9457). */
export async function responseError(
  response: Response,
  attempt: Attempt,
): Promise<ResponseError | UnexpectedResponseError> {
  if (response.status < 400) {
    const what = response.type === "opaqueredirect" || response.status >= 300 ? "a redirect" : "an unexpected response";
    await discard(response);
    return new UnexpectedResponseError(
      `the server sent ${what}, which is not followed; set baseUrl to the final URL`,
      response.status,
    );
  }
  const problem = await problemOf(response, attempt);
  const title = textOf(problem.title) ?? (response.statusText || "Error");
  return errorOf({
    status: response.status,
    type: textOf(problem.type) ?? "about:blank",
    title,
    detail: textOf(problem.detail) ?? "The response has no problem document.",
    instance: textOf(problem.instance),
    requestId: textOf(problem.request_id) ?? response.headers.get("X-Request-ID") ?? undefined,
    retryAfter: retryAfter(response.headers),
  });
}

async function problemOf(response: Response, attempt: Attempt): Promise<Record<string, unknown>> {
  if (!PROBLEM_TYPE.test(response.headers.get("Content-Type") ?? "")) {
    await discard(response);
    return {};
  }
  try {
    return parsedObject(await text(response, attempt, MAX_PROBLEM_BYTES)) ?? {};
  } catch {
    return {}; // the status is known, and says more than a broken body
  }
}

/** Seconds that `Retry-After` asks for, as a number or a date (RFC 9110 section 10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("Retry-After")?.trim() ?? "";
  if (SECONDS.test(value)) {
    return Number(value);
  }
  const now = Date.parse(headers.get("Date") ?? "") || Date.now(); // the server's clock, if it is known
  return HTTP_DATE.test(value) ? Math.max(0, Math.ceil((Date.parse(value) - now) / 1000)) : undefined;
}

async function text(response: Response, attempt: Attempt, maxBytes: number): Promise<string> {
  return new TextDecoder().decode(await new Blob((await all(response, attempt, maxBytes)) as BlobPart[]).arrayBuffer());
}

async function all(response: Response, attempt: Attempt, maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  const reader = response.body?.getReader();
  let size = 0;
  while (reader !== undefined) {
    const { done, value } = await attempt.step(reader.read());
    if (done) {
      break;
    }
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw new UnexpectedResponseError(`the response has more than ${maxBytes} bytes`, response.status);
    }
    pieces.push(value);
  }
  return pieces;
}

/** Free the connection of a response whose body is not needed. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
