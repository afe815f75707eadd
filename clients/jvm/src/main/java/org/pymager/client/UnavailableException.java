package org.pymager.client;

/** The server, or a proxy in front of it, cannot do this now: 502, 503 or 504. */
public final class UnavailableException extends ProblemException {
    private static final long serialVersionUID = 1L;

    UnavailableException(Response response) {
        super(response);
    }
}
