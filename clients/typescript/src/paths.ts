/** The paths of originals, in the spelling that the server's own URLs have. */

import { InvalidArgumentError } from "./errors.js";

const DOT_SEGMENTS = [".", ".."];

/** The path of an original. Throws `InvalidArgumentError`. */
export function originalPath(id: string): string {
  return `/original/${encodedId(id)}`;
}

/** The path of an original's description. Throws `InvalidArgumentError`. */
export function infoPath(id: string): string {
  return `/info/${encodedId(id)}`;
}

/**
 * An id as a path segment: percent-encoded UTF-8 of its normal form NFC (Unicode Standard Annex #15).
 *
 * The server decides what is an id. Throws `InvalidArgumentError` only for what would become another URL: an empty id,
 * `.` and `..`, which URL parsers remove (RFC 3986 section 5.2.4), and lone surrogates.
 */
export function encodedId(id: string): string {
  if (typeof id !== "string" || id === "" || DOT_SEGMENTS.includes(id)) {
    throw new InvalidArgumentError(`id: must be letters, digits, '_' and '-', got ${JSON.stringify(id)}`);
  }
  try {
    return encodeURIComponent(id.normalize("NFC"));
  } catch {
    throw new InvalidArgumentError("id: must not contain lone surrogates");
  }
}
