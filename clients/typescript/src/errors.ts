/**
 * What the client throws. An abort by the caller's signal rejects with the signal's reason instead, and what a source
 * throws while it is read passes through as it is.
 *
 * ```
 * PymagerError
 * ├── InvalidArgumentError        an argument that cannot be sent; nothing was sent
 * ├── ConnectionFailedError       no response
 * │   └── TimedOutError           no response, or no further byte of it, in time
 * ├── UnexpectedResponseError     a redirect, or a success that pymager does not send
 * └── ResponseError
 *     ├── InvalidRequestError     400, and every 4xx without a class of its own
 *     ├── UnauthorizedError       401
 *     ├── ForbiddenError          403
 *     ├── NotFoundError           404
 *     ├── ConflictError           409
 *     ├── PreconditionFailedError 412
 *     ├── TooLargeError           413
 *     ├── UnprocessableError      422
 *     ├── TooManyRequestsError    429
 *     └── ServerError             500, and every 5xx without a class of its own
 *         ├── UnavailableError    502, 503, 504
 *         └── StorageFullError    507
 * ```
 */

/** Everything that this client throws. */
export class PymagerError extends Error {
  override name = "PymagerError";
}

/** An argument that cannot be sent. Nothing was sent. */
export class InvalidArgumentError extends PymagerError {
  override name = "InvalidArgumentError";
}

/** No response: the server cannot be reached, or the connection broke. `cause` has the platform's error. */
export class ConnectionFailedError extends PymagerError {
  override name = "ConnectionFailedError";

  /** `mayHaveArrived` is false if the request certainly never reached a server. */
  constructor(
    message: string,
    readonly mayHaveArrived: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** No response, or no further byte of it, in time. */
export class TimedOutError extends ConnectionFailedError {
  override name = "TimedOutError";
}

/** A response that pymager does not send, such as a redirect, or a success without the expected body. */
export class UnexpectedResponseError extends PymagerError {
  override name = "UnexpectedResponseError";

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** What a problem document says (RFC 9457), or as much as is known without one. */
export interface ProblemDetails {
  status: number;
  type: string;
  title: string;
  detail: string;
  instance?: string | undefined;
  /** The id of the request in the server's log. */
  requestId?: string | undefined;
  /** Seconds to wait before another attempt: the header Retry-After. */
  retryAfter?: number | undefined;
}

/** A response with an error. A body that is not a problem document, such as a proxy's page, gives the same classes. */
export class ResponseError extends PymagerError implements ProblemDetails {
  override name = "ResponseError";
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly instance: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(problem: ProblemDetails) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.status = problem.status;
    this.type = problem.type;
    this.title = problem.title;
    this.detail = problem.detail;
    this.instance = problem.instance;
    this.requestId = problem.requestId;
    this.retryAfter = problem.retryAfter;
  }
}

/** 400, and every 4xx without a class of its own: a wrong id, option, form, or a file that is not a picture. */
export class InvalidRequestError extends ResponseError {
  override name = "InvalidRequestError";
}

/** 401: credentials are missing or wrong. */
export class UnauthorizedError extends ResponseError {
  override name = "UnauthorizedError";
}

/** 403: the size or an option is not allowed, or a signature is missing, wrong or expired. */
export class ForbiddenError extends ResponseError {
  override name = "ForbiddenError";
}

/** 404: there is no such original, preset or frame. */
export class NotFoundError extends ResponseError {
  override name = "NotFoundError";
}

/** 409: an original with this id exists. */
export class ConflictError extends ResponseError {
  override name = "ConflictError";
}

/** 412: the original is not the one that `ifMatch` names, or it exists in spite of `onlyIfNew`. */
export class PreconditionFailedError extends ResponseError {
  override name = "PreconditionFailedError";
}

/** 413: the file is too large. */
export class TooLargeError extends ResponseError {
  override name = "TooLargeError";
}

/** 422: the picture exceeds a limit, or its decoder fails. */
export class UnprocessableError extends ResponseError {
  override name = "UnprocessableError";
}

/** 429: too many wrong passwords from this address. */
export class TooManyRequestsError extends ResponseError {
  override name = "TooManyRequestsError";
}

/** 500, and every 5xx without a class of its own. */
export class ServerError extends ResponseError {
  override name = "ServerError";
}

/** 502, 503, 504: the server is overloaded or read-only, a store is down, or a proxy cannot reach the server. */
export class UnavailableError extends ServerError {
  override name = "UnavailableError";
}

/** 507: the server has no storage space left. */
export class StorageFullError extends ServerError {
  override name = "StorageFullError";
}

const CLASSES: Readonly<Record<number, typeof ResponseError>> = {
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  413: TooLargeError,
  422: UnprocessableError,
  429: TooManyRequestsError,
  502: UnavailableError,
  503: UnavailableError,
  504: UnavailableError,
  507: StorageFullError,
};

/** The error of a problem, in the class of its status. */
export function errorOf(problem: ProblemDetails): ResponseError {
  const fallback = problem.status >= 500 ? ServerError : InvalidRequestError;
  return new (CLASSES[problem.status] ?? fallback)(problem);
}
