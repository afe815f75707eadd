package org.pymager.client;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Ends an attempt that makes no progress: that neither connects, nor sends or receives a byte, for too long. */
final class Progress {
    private final long timeoutNanos;
    private volatile long lastNanos = System.nanoTime();
    private volatile boolean isOver;
    private volatile boolean isExpired;
    private volatile CompletableFuture<Void> timer;

    Progress(Duration timeout) {
        this.timeoutNanos = timeout.toNanos();
    }

    /** Records that the attempt has made progress. */
    void touch() {
        lastNanos = System.nanoTime();
    }

    /** Calls {@code onExpiry} once there is no progress for the timeout, unless the attempt is over before. */
    void watch(Runnable onExpiry) {
        long remaining = timeoutNanos - (System.nanoTime() - lastNanos);
        if (isOver) {
            return;
        }
        if (remaining <= 0) {
            isExpired = true;
            onExpiry.run();
            return;
        }
        CompletableFuture<Void> next = new CompletableFuture<Void>()
                .completeOnTimeout(null, remaining, TimeUnit.NANOSECONDS);
        timer = next;
        next.thenRunAsync(() -> watch(onExpiry));
        if (isOver) {
            next.cancel(false);
        }
    }

    /** Says that the attempt is over, and drops the timer. */
    void stop() {
        isOver = true;
        CompletableFuture<Void> current = timer;
        if (current != null) {
            current.cancel(false);
        }
    }

    boolean isExpired() {
        return isExpired;
    }
}
