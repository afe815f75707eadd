/** URLs of pictures, for pages. Needs no connection; the methods are asynchronous because Web Crypto's HMAC is. */

import { InvalidArgumentError } from "./errors.js";
import { infoPath, originalPath } from "./paths.js";
import { type Picture, type PictureOptions, pictureOf, type Srcset, srcsetOf } from "./picture.js";
import { type Expiry, Signer, unixSeconds } from "./signing.js";
import { type Variant, variantPath } from "./variants.js";

/** Whether a URL is signed: `sign` is true by default if there is a key. */
export interface Signing extends Expiry {
  sign?: boolean | undefined;
}

/** The settings of `PictureUrls`. */
export interface UrlOptions {
  /** A key of `PYMAGER_SIGNING_KEYS`: in hexadecimal, in Base64, or bytes. Keep it out of pages. */
  signingKey?: string | Uint8Array | undefined;
}

/** Builds the URLs of a server's pictures, and signs them if it has a key. */
export class PictureUrls {
  /** The server's URL without a slash at the end. */
  readonly baseUrl: string;
  readonly #signer: Signer | undefined;

  /** `baseUrl` can have a path, as `PYMAGER_PUBLIC_URL` can. Throws `InvalidArgumentError`. */
  constructor(baseUrl: string | URL, { signingKey }: UrlOptions = {}) {
    this.baseUrl = checkedBase(baseUrl);
    this.#signer = signingKey === undefined ? undefined : new Signer(signingKey);
  }

  /** Whether URLs are signed by default. */
  get canSign(): boolean {
    return this.#signer !== undefined;
  }

  /** The URL of a variant. */
  async variantUrl(id: string, { sign, expires, expiresIn, ...variant }: Variant & Signing): Promise<string> {
    return this.#url(variantPath(id, variant as Variant), { sign, expires, expiresIn });
  }

  /** The URL of an original. */
  async originalUrl(id: string, signing: Signing = {}): Promise<string> {
    return this.#url(originalPath(id), signing);
  }

  /** The URL of an original's description. */
  async infoUrl(id: string, signing: Signing = {}): Promise<string> {
    return this.#url(infoPath(id), signing);
  }

  /**
   * A target with its signature, for a path that this class does not build.
   *
   * The target is a path with or without a query, percent-encoded, without the path of `baseUrl`. It is signed as it
   * stands. Rejects with `InvalidArgumentError`.
   */
  async sign(target: string, expiry: Expiry = {}): Promise<string> {
    if (this.#signer === undefined) {
      throw new InvalidArgumentError("signingKey: is needed to sign a URL");
    }
    return this.#signer.sign(target, expiry);
  }

  /** The value of the attribute `srcset` for an original in these widths: `URL 400w, URL 800w`. */
  async srcset(id: string, widths: readonly number[], options: Srcset & Signing = {}): Promise<string> {
    return srcsetOf((variant) => this.variantUrl(id, variant), widths, fixed(options));
  }

  /** The attributes of `<picture>`, for a page or a framework; `pictureMarkup` makes HTML of it. */
  async picture(id: string, options: PictureOptions & Signing): Promise<Picture> {
    return pictureOf((variant) => this.variantUrl(id, variant), fixed(options));
  }

  async #url(target: string, { sign = this.canSign, expires, expiresIn }: Signing): Promise<string> {
    if (sign) {
      return this.baseUrl + (await this.sign(target, { expires, expiresIn }));
    }
    if (expires !== undefined || expiresIn !== undefined) {
      throw new InvalidArgumentError("expires: only a signed URL can expire");
    }
    return this.baseUrl + target;
  }
}

/** The options with the expiry as a fixed time, so that all URLs of a page expire together. */
function fixed<Options extends Signing>({ expires, expiresIn, ...options }: Options): Options {
  const seconds = unixSeconds({ expires, expiresIn });
  return (seconds === undefined ? options : { ...options, expires: seconds }) as Options;
}

function checkedBase(baseUrl: string | URL): string {
  const url = parsed(String(baseUrl));
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new InvalidArgumentError("baseUrl: must be a URL such as http://127.0.0.1:8000");
  }
  if (url.username || url.password) {
    throw new InvalidArgumentError("baseUrl: must not contain credentials; use username and password");
  }
  if (url.search || url.hash) {
    throw new InvalidArgumentError("baseUrl: must not have a query or a fragment");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
