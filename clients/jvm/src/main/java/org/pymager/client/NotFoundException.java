package org.pymager.client;

/** There is no such original, preset, frame or route: 404. */
public final class NotFoundException extends ProblemException {
    private static final long serialVersionUID = 1L;

    NotFoundException(Response response) {
        super(response);
    }
}
