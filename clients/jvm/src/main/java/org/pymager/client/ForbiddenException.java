package org.pymager.client;

/** The server does not allow this size, option, signature or write: 403. */
public final class ForbiddenException extends ProblemException {
    private static final long serialVersionUID = 1L;

    ForbiddenException(Response response) {
        super(response);
    }
}
