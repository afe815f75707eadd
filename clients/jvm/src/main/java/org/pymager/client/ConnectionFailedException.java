package org.pymager.client;

/**
 * There was no complete response: the server could not be reached, the connection was cut, or it made no progress for
 * too long.
 */
public final class ConnectionFailedException extends PymagerException {
    private static final long serialVersionUID = 1L;

    /** Whether the request certainly had no effect. */
    private final boolean outcomeKnown;

    ConnectionFailedException(String message, Throwable cause, boolean outcomeKnown) {
        super(message, cause);
        this.outcomeKnown = outcomeKnown;
    }

    /**
     * Says whether the request certainly had no effect, because there was no connection.
     *
     * @return false if the request may have had its effect
     */
    public boolean outcomeKnown() {
        return outcomeKnown;
    }
}
