package org.pymager.client;

/** The id exists, or the picture of a watermark does not: 409. */
public final class ConflictException extends ProblemException {
    private static final long serialVersionUID = 1L;

    ConflictException(Response response) {
        super(response);
    }
}
