package org.pymager.client;

/**
 * The thread was interrupted while it waited. The call was cancelled, and the thread is still marked as interrupted. A
 * write may have had its effect.
 */
public final class CallInterruptedException extends PymagerException {
    private static final long serialVersionUID = 1L;

    CallInterruptedException(InterruptedException cause) {
        super("interrupted while waiting for pymager", cause);
    }
}
