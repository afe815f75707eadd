package org.pymager.client;

/**
 * The root of the exceptions of this client.
 *
 * <pre>
 * PymagerException
 * ├── ProblemException                the server, or a proxy, answered with an error status
 * │   ├── InvalidRequestException     400, and other statuses from 400 to 499 that are not below
 * │   ├── UnauthorizedException       401
 * │   ├── ForbiddenException          403
 * │   ├── NotFoundException           404
 * │   ├── ConflictException           409
 * │   ├── PreconditionFailedException 412
 * │   ├── TooLargeException           413
 * │   ├── UnprocessableException      422
 * │   ├── TooManyRequestsException    429
 * │   ├── UnavailableException        502, 503, 504
 * │   ├── StorageFullException        507
 * │   └── ServerErrorException        500, and other statuses from 500 that are not above
 * ├── ConnectionFailedException       there was no complete response
 * ├── UnexpectedResponseException     the response is not one of pymager: a redirect, or a body that cannot be read
 * └── CallInterruptedException        the thread was interrupted while it waited
 * </pre>
 *
 * <p>The asynchronous client completes its futures with them. A source that cannot be read is not an error of pymager:
 * its {@link java.io.IOException} comes as an {@link java.io.UncheckedIOException}.
 */
public abstract class PymagerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Whether an earlier attempt of the same call may have taken effect. */
    private transient boolean afterUnknownOutcome;

    PymagerException(String message, Throwable cause) {
        super(message, cause);
    }

    boolean isAfterUnknownOutcome() {
        return afterUnknownOutcome;
    }

    PymagerException afterUnknownOutcome(boolean isAfter) {
        afterUnknownOutcome = isAfter;
        return this;
    }
}
