package org.pymager.client;

/** The server failed: 500, and other statuses from 500 without a class of their own. */
public final class ServerErrorException extends ProblemException {
    private static final long serialVersionUID = 1L;

    ServerErrorException(Response response) {
        super(response);
    }
}
