package org.pymager.client;

/** A {@link Condition} does not hold: 412. */
public final class PreconditionFailedException extends ProblemException {
    private static final long serialVersionUID = 1L;

    PreconditionFailedException(Response response) {
        super(response);
    }
}
