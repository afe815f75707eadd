package org.pymager.client;

/** The server's store is full: 507. */
public final class StorageFullException extends ProblemException {
    private static final long serialVersionUID = 1L;

    StorageFullException(Response response) {
        super(response);
    }
}
