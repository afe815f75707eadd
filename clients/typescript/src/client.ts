/** The client: uploads, reads, replaces, deletes and lists originals, and gets variants. */

import type { components } from "./api.js";
import { Attempt, type CallOptions, checkedTimeout } from "./attempt.js";
import { base64, utf8 } from "./bytes.js";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PreconditionFailedError,
  PymagerError,
  UnexpectedResponseError,
} from "./errors.js";
import { infoPath, originalPath } from "./paths.js";
import { blobOf, jsonOf, responseError, streamOf } from "./responses.js";
import { checkedRetries, type RetryOptions, withRetries } from "./retries.js";
import { type Body, type Source, type Upload, uploadOf } from "./sources.js";
import { PictureUrls, type Signing, type UrlOptions } from "./urls.js";
import { type Variant, variantPath } from "./variants.js";

/** What the server knows about an original. */
export type Original = components["schemas"]["Original"];

/** The settings of a client. Credentials are `username` and `password`, or `token`. */
export interface ClientOptions extends UrlOptions, Partial<RetryOptions> {
  username?: string | undefined;
  password?: string | undefined;
  /** A token of `PYMAGER_TOKENS`. */
  token?: string | undefined;
  /**
   * Milliseconds in which a response, and each further piece of it, must arrive; 30,000 if it is not given. An upload
   * of a size that is known has another second for each 64 KiB.
   */
  timeout?: number | undefined;
  /** Used instead of the global `fetch`. Must not follow redirects if it is called with `redirect: "manual"`. */
  fetch?: typeof fetch | undefined;
}

/** Conditions of `replace`. */
export interface ReplaceOptions extends CallOptions {
  /** Only replace the original with this `sha256` or entity tag. */
  ifMatch?: string | undefined;
  /** Only store the picture if there is no original with this id. */
  onlyIfNew?: boolean | undefined;
}

/** What `replace` has done. */
export interface Replacement {
  original: Original;
  /** Whether there was no original with this id. */
  isNew: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_ATTEMPTS = 4;
const DEFAULT_RETRY_DELAY_MS = 250;
const MIN_UPLOAD_BYTES_PER_MS = 65.536;
const OWN_SIGNATURE_SECONDS = 3_600;
const ENTITY_TAG = /^(?:W\/)?"[!#-~]*"$/;
const PLAIN_TAG = /^[!#-~]+$/;

interface Call<T> {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** The path and query, for each attempt. */
  target: () => Promise<string>;
  read: (response: Response, attempt: Attempt) => Promise<T>;
  headers?: Record<string, string>;
  upload?: { source: Upload; body: (progress: () => void) => Promise<Body> };
  isIdempotent?: boolean;
  hasCredentials?: boolean;
  /** Whether the body is read after the call, so that the attempt goes on. */
  isStreamed?: boolean;
  recover?: (error: PymagerError) => Promise<{ value: T } | undefined>;
}

/**
 * A pymager server.
 *
 * Rejects with the errors of `PymagerError`'s tree; a call that its signal aborts rejects with the signal's reason.
 * Credentials go to the server of `baseUrl` only: redirects are not followed.
 */
export class Client extends PictureUrls {
  readonly #authorization: string | undefined;
  readonly #timeout: number;
  readonly #retries: RetryOptions;
  readonly #fetch: typeof fetch;

  /** Throws `InvalidArgumentError`. */
  constructor(baseUrl: string | URL, options: ClientOptions = {}) {
    super(baseUrl, options);
    this.#authorization = authorization(options);
    this.#timeout = checkedTimeout(options.timeout ?? DEFAULT_TIMEOUT_MS);
    this.#retries = checkedRetries({
      maxAttempts: options.maxAttempts ?? DEFAULT_ATTEMPTS,
      retryDelay: options.retryDelay ?? DEFAULT_RETRY_DELAY_MS,
    });
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /**
   * Store a new original. Without an id, the server makes one.
   *
   * Rejects with `ConflictError` if the id exists. Without an id, it is only repeated if no connection was made, or
   * after 429, since a repetition would store the picture twice.
   */
  async upload(source: Source | Promise<Source>, id?: string, options: CallOptions = {}): Promise<Original> {
    const upload = uploadOf(await source);
    const path = id === undefined ? "/original" : originalPath(id);
    return this.#send(
      {
        method: "POST",
        target: async () => path,
        upload: { source: upload, body: (progress) => upload.form(progress) },
        isIdempotent: id !== undefined,
        read: originalOf,
        recover: async (error) =>
          id !== undefined && error instanceof ConflictError ? this.#stored(id, upload, options) : undefined,
      },
      options,
    );
  }

  /**
   * Store an original in place of the one with this id, or a new one.
   *
   * Rejects with `PreconditionFailedError` if `ifMatch` or `onlyIfNew` does not hold.
   */
  async replace(id: string, source: Source | Promise<Source>, options: ReplaceOptions = {}): Promise<Replacement> {
    const upload = uploadOf(await source);
    const { ifMatch, onlyIfNew = false } = options;
    if (ifMatch !== undefined && onlyIfNew) {
      throw new InvalidArgumentError("ifMatch, onlyIfNew: only one of them can be given");
    }
    const path = originalPath(id);
    const isConditional = ifMatch !== undefined || onlyIfNew;
    return this.#send(
      {
        method: "PUT",
        target: async () => path,
        headers: { ...ifMatchHeader(ifMatch), ...(onlyIfNew ? { "If-None-Match": "*" } : {}) },
        upload: { source: upload, body: (progress) => upload.bare(progress) },
        read: async (response, attempt) => ({
          original: await originalOf(response, attempt),
          isNew: response.status === 201,
        }),
        recover: async (error) => {
          const isLost = isConditional && error instanceof PreconditionFailedError;
          const stored = isLost ? await this.#stored(id, upload, options) : undefined;
          return stored && { value: { original: stored.value, isNew: onlyIfNew } };
        },
      },
      options,
    );
  }

  /** Delete an original and its variants. `ifMatch` is its `sha256` or entity tag. */
  async delete(id: string, options: CallOptions & { ifMatch?: string | undefined } = {}): Promise<void> {
    const path = originalPath(id);
    return this.#send<void>(
      {
        method: "DELETE",
        target: async () => path,
        headers: ifMatchHeader(options.ifMatch),
        read: async () => undefined,
        recover: async (error) => (error instanceof NotFoundError ? { value: undefined } : undefined),
      },
      options,
    );
  }

  /** What the server knows about an original. */
  async info(id: string, options: CallOptions = {}): Promise<Original> {
    return this.#read(infoPath(id), {}, originalOf, options);
  }

  /** All originals, in pages of `pageSize` (1 to 1000), each requested when it is needed. */
  async *originals(
    options: CallOptions & { pageSize?: number | undefined } = {},
  ): AsyncGenerator<Original, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.#page(options, cursor);
      yield* page.items;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /** An original's bytes, as they were uploaded. */
  async download(id: string, options: CallOptions = {}): Promise<Blob> {
    return this.#read(originalPath(id), {}, blobOf, options);
  }

  /** An original's bytes as they arrive. A connection that breaks meanwhile ends the stream with an error. */
  async downloadStream(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const path = originalPath(id);
    const read = async (response: Response, attempt: Attempt): Promise<ReadableStream<Uint8Array>> =>
      streamOf(response, attempt, (error) => attempt.explained(error, this.baseUrl));
    return this.#send(this.#reading(path, {}, read, true), options);
  }

  /** A variant's bytes. */
  async variant(id: string, variant: Variant & Signing, options: CallOptions = {}): Promise<Blob> {
    const { sign, expires, expiresIn, ...rest } = variant;
    return this.#read(variantPath(id, rest as Variant), { sign, expires, expiresIn }, blobOf, options);
  }

  #read<T>(path: string, signing: Signing, read: Call<T>["read"], options: CallOptions): Promise<T> {
    return this.#send(this.#reading(path, signing, read), options);
  }

  /** A GET of a picture or its description: with a signature if there is a key, otherwise with credentials. */
  #reading<T>(path: string, signing: Signing, read: Call<T>["read"], isStreamed = false): Call<T> {
    const { sign = this.canSign, expires, expiresIn } = signing;
    const expiry = expires === undefined && expiresIn === undefined ? { expires: ownExpiry() } : { expires, expiresIn };
    const target = async (): Promise<string> => (sign ? this.sign(path, expiry) : path);
    return { method: "GET", target, read, hasCredentials: !sign, isStreamed };
  }

  async #page(
    options: CallOptions & { pageSize?: number | undefined },
    cursor: string | undefined,
  ): Promise<components["schemas"]["Page"]> {
    const query = new URLSearchParams({
      ...(options.pageSize === undefined ? {} : { limit: String(options.pageSize) }),
      ...(cursor === undefined ? {} : { cursor }),
    }).toString();
    return this.#send({ method: "GET", target: async () => `/original${query && `?${query}`}`, read: pageOf }, options);
  }

  /** The original with this id, if it has the bytes of this upload: then an earlier attempt has stored them. */
  async #stored(id: string, upload: Upload, options: CallOptions): Promise<{ value: Original } | undefined> {
    try {
      const [sha256, value] = [await upload.sha256(), await this.info(id, options)];
      return sha256 === value.sha256 ? { value } : undefined;
    } catch (error) {
      if (error instanceof PymagerError) {
        return undefined;
      }
      throw error;
    }
  }

  #send<T>(call: Call<T>, options: CallOptions): Promise<T> {
    const timeout = checkedTimeout(options.timeout ?? this.#timeout);
    return withRetries(
      {
        send: () => this.#attempt(call, new Attempt(timeout, options.signal)),
        isIdempotent: call.isIdempotent ?? true,
        canBeSent: () => call.upload?.source.canBeRead() ?? true,
        ...(call.recover && { recover: call.recover }),
      },
      this.#retries,
      options.signal,
    );
  }

  async #attempt<T>(call: Call<T>, attempt: Attempt): Promise<T> {
    let goesOn = false;
    try {
      const response = await this.#response(call, attempt);
      if (!response.ok) {
        throw await responseError(response, attempt);
      }
      const result = await call.read(response, attempt);
      goesOn = call.isStreamed ?? false;
      return result;
    } catch (error) {
      throw this.#explained(error, call, attempt);
    } finally {
      if (!goesOn) {
        attempt.end();
      }
    }
  }

  async #response<T>(call: Call<T>, attempt: Attempt): Promise<Response> {
    const headers: Record<string, string> = { ...call.headers };
    if (this.#authorization !== undefined && (call.hasCredentials ?? true)) {
      headers.Authorization = this.#authorization;
    }
    const url = this.baseUrl + (await call.target());
    const body = call.upload && (await attempt.step(call.upload.body(() => attempt.progress())));
    if (body?.contentType !== undefined) {
      headers["Content-Type"] = body.contentType;
    }
    const init = {
      method: call.method,
      headers,
      signal: attempt.signal,
      redirect: "manual" as const,
      credentials: "omit" as const, // no cookies, and no dialog of the browser after a 401
      cache: "no-cache" as const, // a browser's copy can be of an original that was replaced or deleted
      ...(body && { body: body.body }),
      ...(body?.isStream && { duplex: "half" }),
    };
    const extra = (call.upload?.source.size ?? 0) / MIN_UPLOAD_BYTES_PER_MS;
    return attempt.step(this.#fetch(url, init), extra);
  }

  #explained<T>(error: unknown, call: Call<T>, attempt: Attempt): unknown {
    const failure = call.upload?.source.failure();
    if (failure !== undefined && !attempt.signal.aborted) {
      return failure.error;
    }
    if (error instanceof PymagerError) {
      return error;
    }
    const isStream = call.upload !== undefined && call.upload.source.size === undefined;
    return attempt.explained(error, this.baseUrl, isStream && !isNode() ? BROWSER_STREAM_HINT : "");
  }
}

const BROWSER_STREAM_HINT =
  "; a browser uploads a stream only over HTTP/2: upload `await new Response(stream).blob()` instead";

function isNode(): boolean {
  return (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
}

function authorization({ username, password, token }: ClientOptions): string | undefined {
  if ((username === undefined) !== (password === undefined) || (username !== undefined && token !== undefined)) {
    throw new InvalidArgumentError("username, password, token: must be username and password, or token, or none");
  }
  if (token !== undefined) {
    if (!PLAIN_TAG.test(token)) {
      throw new InvalidArgumentError("token: must be ASCII characters without spaces");
    }
    return `Bearer ${token}`;
  }
  if (username === undefined) {
    return undefined;
  }
  if (username.includes(":")) {
    throw new InvalidArgumentError("username: must not contain a colon");
  }
  return `Basic ${base64(utf8(`${username}:${password}`))}`;
}

function ifMatchHeader(tag: string | undefined): Record<string, string> {
  if (tag === undefined) {
    return {};
  }
  if (tag === "*" || ENTITY_TAG.test(tag)) {
    return { "If-Match": tag };
  }
  if (!PLAIN_TAG.test(tag)) {
    throw new InvalidArgumentError("ifMatch: must be the original's sha256, or an entity tag");
  }
  return { "If-Match": `"${tag}"` };
}

/** When a URL that the client itself requests expires: the same for an hour, so that caches know the URL again. */
function ownExpiry(): number {
  return (Math.floor(Date.now() / 1000 / OWN_SIGNATURE_SECONDS) + 2) * OWN_SIGNATURE_SECONDS;
}

async function originalOf(response: Response, attempt: Attempt): Promise<Original> {
  const value = await jsonOf(response, attempt);
  if (typeof value.id !== "string" || typeof value.sha256 !== "string") {
    throw new UnexpectedResponseError("the response does not describe an original", response.status);
  }
  return value as Original;
}

async function pageOf(response: Response, attempt: Attempt): Promise<components["schemas"]["Page"]> {
  const value = await jsonOf(response, attempt);
  if (!Array.isArray(value.items) || (value.next !== null && typeof value.next !== "string")) {
    throw new UnexpectedResponseError("the response is not a page of originals", response.status);
  }
  return value as components["schemas"]["Page"];
}
