package org.pymager.client;

/** Credentials are missing or wrong: 401. */
public final class UnauthorizedException extends ProblemException {
    private static final long serialVersionUID = 1L;

    UnauthorizedException(Response response) {
        super(response);
    }
}
