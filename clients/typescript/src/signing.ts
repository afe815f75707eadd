/** Signs URLs: the rule of pymager's page on signed URLs, whose test vectors the tests run. */

import { base64url, fromBase64, fromHex, utf8 } from "./bytes.js";
import { InvalidArgumentError } from "./errors.js";

/** When a signature expires: a `Date` or Unix time in whole seconds, or a number of seconds from now. */
export interface Expiry {
  expires?: Date | number | undefined;
  expiresIn?: number | undefined;
}

const MIN_KEY_BYTES = 32;
const MAX_UNIX_SECONDS = 999_999_999_999;
const ONLY_HEX = /^[0-9a-f]+$/i;
const TARGET = /^\/(?:derived|original|info)\/[!"$-~]+$/; // no space, no '#', only ASCII
const HMAC: HmacImportParams = { name: "HMAC", hash: "SHA-256" };

/** Signs with a key: bytes, or text as in `PYMAGER_SIGNING_KEYS`, in hexadecimal or Base64. The key cannot be read back. */
export class Signer {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #key: Promise<CryptoKey> | undefined;

  /** Throws `InvalidArgumentError` if the key is neither, or has less than 32 bytes. */
  constructor(key: string | Uint8Array) {
    const bytes = typeof key === "string" ? decoded(key) : Uint8Array.from(key);
    if (bytes === undefined) {
      throw new InvalidArgumentError("signingKey: must be in hexadecimal or Base64");
    }
    if (bytes.length < MIN_KEY_BYTES) {
      throw new InvalidArgumentError(`signingKey: must have at least ${MIN_KEY_BYTES} bytes, has ${bytes.length}`);
    }
    this.#bytes = bytes;
  }

  /**
   * The target with its expiry and signature.
   *
   * The target is a path with or without a query, percent-encoded; it is signed as it stands. Rejects with
   * `InvalidArgumentError` for one that a server would refuse although it is signed.
   */
  async sign(target: string, expiry: Expiry = {}): Promise<string> {
    const expires = unixSeconds(expiry);
    checkTarget(target, expires !== undefined);
    const unsigned = expires === undefined ? target : extended(target, `exp=${expires}`);
    const text = unsigned.includes("?") ? unsigned : `${unsigned}?`;
    const signature = await crypto.subtle.sign("HMAC", await this.#imported(), utf8(text));
    return extended(unsigned, `sig=${base64url(new Uint8Array(signature))}`);
  }

  #imported(): Promise<CryptoKey> {
    if (globalThis.crypto?.subtle === undefined) {
      throw new InvalidArgumentError(
        "signingKey: Web Crypto is not available; browsers have it only on pages from https:// or localhost",
      );
    }
    this.#key ??= crypto.subtle.importKey("raw", this.#bytes, HMAC, false, ["sign"]);
    return this.#key;
  }
}

/** The expiry in seconds since 1970, if there is one. Throws `InvalidArgumentError`. */
export function unixSeconds({ expires, expiresIn }: Expiry): number | undefined {
  if (expires !== undefined && expiresIn !== undefined) {
    throw new InvalidArgumentError("expires, expiresIn: only one of them can be given");
  }
  if (expiresIn !== undefined) {
    return checkedSeconds(Math.floor(Date.now() / 1000 + expiresIn));
  }
  return expires === undefined
    ? undefined
    : checkedSeconds(expires instanceof Date ? Math.floor(expires.getTime() / 1000) : expires);
}

function checkedSeconds(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_UNIX_SECONDS) {
    throw new InvalidArgumentError("expires: must be a Date, or Unix time in whole seconds");
  }
  return seconds;
}

function checkTarget(target: string, hasExpiry: boolean): void {
  if (!TARGET.test(target)) {
    throw new InvalidArgumentError(
      "target: must be the path and query of a variant, an original or /info, percent-encoded, such as " +
        "/derived/cat-800x600.jpg",
    );
  }
  const mark = target.indexOf("?");
  const names = (mark < 0 ? "" : target.slice(mark + 1)).split("&").map((parameter) => parameter.split("=", 1)[0]);
  if (names.includes("sig") || (hasExpiry && names.includes("exp"))) {
    throw new InvalidArgumentError("target: must not be signed, or have an expiry, already");
  }
}

/** The target with one more parameter. */
function extended(target: string, parameter: string): string {
  const mark = target.indexOf("?");
  if (mark < 0) {
    return `${target}?${parameter}`;
  }
  return mark === target.length - 1 ? `${target}${parameter}` : `${target}&${parameter}`;
}

/** What has only hexadecimal digits is not Base64: a digit that was lost must not make another key of it. */
function decoded(key: string): Uint8Array<ArrayBuffer> | undefined {
  return ONLY_HEX.test(key) ? fromHex(key) : fromBase64(key);
}
