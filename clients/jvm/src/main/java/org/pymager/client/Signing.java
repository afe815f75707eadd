package org.pymager.client;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;

/** Whether a URL is signed, and how long the signature is valid. */
public final class Signing {
    /** Sign if there is a signing key. The signature is valid until the server no longer has the key. */
    public static final Signing DEFAULT = new Signing(Kind.DEFAULT, null, null);

    /** Do not sign. */
    public static final Signing NONE = new Signing(Kind.NONE, null, null);

    private enum Kind {
        DEFAULT,
        NONE,
        EXPIRING
    }

    private final Kind kind;
    private final Instant expiry;
    private final Duration lifetime;

    private Signing(Kind kind, Instant expiry, Duration lifetime) {
        this.kind = kind;
        this.expiry = expiry;
        this.lifetime = lifetime;
    }

    /**
     * A signature that is valid before this time, in whole seconds. It needs a signing key.
     *
     * @param time when the signature expires
     * @return the signing
     */
    public static Signing expiresAt(Instant time) {
        return new Signing(Kind.EXPIRING, Objects.requireNonNull(time), null);
    }

    /**
     * A signature that is valid for this long, from when the URL is made. It needs a signing key.
     *
     * @param lifetime how long, at least one second
     * @return the signing
     * @throws IllegalArgumentException if it is less than one second
     */
    public static Signing expiresIn(Duration lifetime) {
        if (lifetime.compareTo(Duration.ofSeconds(1)) < 0) {
            throw new IllegalArgumentException("a signature must be valid for at least a second, got " + lifetime);
        }
        return new Signing(Kind.EXPIRING, null, lifetime);
    }

    boolean isNone() {
        return kind == Kind.NONE;
    }

    /** When a signature that is made now expires; null if it does not. */
    Instant expiry(Clock clock) {
        return lifetime == null ? expiry : clock.instant().plus(lifetime);
    }

    /** The same with a time in place of a duration. */
    Signing resolved(Clock clock) {
        return lifetime == null ? this : expiresAt(expiry(clock));
    }

    @Override
    public String toString() {
        if (kind != Kind.EXPIRING) {
            return kind.name();
        }
        return lifetime == null ? "expires at " + expiry : "expires in " + lifetime;
    }
}
