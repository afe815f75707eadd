package org.pymager.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How often and when a request is sent again.
 *
 * @param maxAttempts how often a request is sent at most; 1 sends it once
 * @param firstDelay the wait before the second attempt. It doubles with each further one, and a random part of up to a
 *     half is taken off, so that clients do not come back at the same moment.
 * @param maxDelay the longest wait
 * @param maxRetryAfter the longest wait that the header {@code Retry-After} of a response can ask for
 * @param maxElapsed how long after its beginning a call can still begin another attempt
 */
public record RetryPolicy(
        int maxAttempts, Duration firstDelay, Duration maxDelay, Duration maxRetryAfter, Duration maxElapsed) {
    /** Four attempts within two minutes; waits from a quarter of a second to ten seconds, or one minute on request. */
    public static final RetryPolicy DEFAULT = new RetryPolicy(
            4, Duration.ofMillis(250), Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofMinutes(2));

    private static final int MAX_DOUBLINGS = 30;

    /**
     * Checks the values.
     *
     * @param maxAttempts how often a request is sent at most
     * @param firstDelay the wait before the second attempt
     * @param maxDelay the longest wait
     * @param maxRetryAfter the longest wait that a response can ask for
     * @param maxElapsed how long after its beginning a call can still begin another attempt
     * @throws IllegalArgumentException if there is less than one attempt, or a duration is negative
     */
    public RetryPolicy {
        if (maxAttempts < 1) {
            throw new IllegalArgumentException("maxAttempts must be at least 1, got " + maxAttempts);
        }
        checkNotNegative("firstDelay", firstDelay);
        checkNotNegative("maxDelay", maxDelay);
        checkNotNegative("maxRetryAfter", maxRetryAfter);
        checkNotNegative("maxElapsed", maxElapsed);
    }

    /**
     * The same policy with another number of attempts.
     *
     * @param attempts how often a request is sent at most
     * @return the policy
     * @throws IllegalArgumentException if it is less than one
     */
    public RetryPolicy withMaxAttempts(int attempts) {
        return new RetryPolicy(attempts, firstDelay, maxDelay, maxRetryAfter, maxElapsed);
    }

    /** The wait after this many attempts; {@code retryAfter} is what the response asks for, or null. */
    Duration delay(int attempts, Duration retryAfter) {
        if (retryAfter != null) {
            return shorter(retryAfter, maxRetryAfter);
        }
        Duration full = shorter(firstDelay.multipliedBy(1L << Math.min(attempts - 1, MAX_DOUBLINGS)), maxDelay);
        long nanos = full.toNanos();
        return Duration.ofNanos(nanos - ThreadLocalRandom.current().nextLong(nanos / 2 + 1));
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private static void checkNotNegative(String name, Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException(name + " must not be negative, got " + duration);
        }
    }
}
