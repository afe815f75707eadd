package org.pymager.client;

/** The picture is too large: 413. */
public final class TooLargeException extends ProblemException {
    private static final long serialVersionUID = 1L;

    TooLargeException(Response response) {
        super(response);
    }
}
