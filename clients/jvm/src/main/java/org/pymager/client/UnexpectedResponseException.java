package org.pymager.client;

/**
 * The response is not one of pymager: a redirect, which the client does not follow, or a body that cannot be read. The
 * base URL may be that of another server.
 */
public final class UnexpectedResponseException extends PymagerException {
    private static final long serialVersionUID = 1L;

    /** The status of the response. */
    private final int status;

    UnexpectedResponseException(int status, String message, Throwable cause) {
        super(message, cause);
        this.status = status;
    }

    /**
     * Returns the status of the response.
     *
     * @return the status, such as 302
     */
    public int status() {
        return status;
    }
}
