package org.pymager.client;

/** The picture exceeds a limit or cannot be decoded: 422. */
public final class UnprocessableException extends ProblemException {
    private static final long serialVersionUID = 1L;

    UnprocessableException(Response response) {
        super(response);
    }
}
