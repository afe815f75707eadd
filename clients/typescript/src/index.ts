/** A client of pymager for browsers and Node.js, without dependencies. */

export type { components, paths } from "./api.js";
export type { CallOptions } from "./attempt.js";
export { Client, type ClientOptions, type Original, type Replacement, type ReplaceOptions } from "./client.js";
export {
  ConflictError,
  ConnectionFailedError,
  ForbiddenError,
  InvalidArgumentError,
  InvalidRequestError,
  NotFoundError,
  PreconditionFailedError,
  type ProblemDetails,
  PymagerError,
  ResponseError,
  ServerError,
  StorageFullError,
  TimedOutError,
  TooLargeError,
  TooManyRequestsError,
  UnauthorizedError,
  UnavailableError,
  UnexpectedResponseError,
  UnprocessableError,
} from "./errors.js";
export {
  type Picture,
  type PictureFormat,
  type PictureOptions,
  pictureMarkup,
  type Srcset,
} from "./picture.js";
export type { RetryOptions } from "./retries.js";
export type { Expiry } from "./signing.js";
export type { Source } from "./sources.js";
export { PictureUrls, type Signing, type UrlOptions } from "./urls.js";
export {
  type Crop,
  type Fit,
  type Format,
  type Gravity,
  type Point,
  type PresetVariant,
  type SizedVariant,
  type Variant,
  type VariantOptions,
  variantPath,
} from "./variants.js";
