package org.pymager.client;

/** Too many requests, or too many wrong passwords: 429. */
public final class TooManyRequestsException extends ProblemException {
    private static final long serialVersionUID = 1L;

    TooManyRequestsException(Response response) {
        super(response);
    }
}
