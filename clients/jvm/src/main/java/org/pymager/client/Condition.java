package org.pymager.client;

import java.util.Map;
import java.util.regex.Pattern;

/** A condition for a write (RFC 9110 section 13.1). If it does not hold, nothing is written. */
public final class Condition {
    /** No condition. */
    public static final Condition NONE = new Condition(Map.of());

    /** The id must be new. A delete cannot have this condition. */
    public static final Condition IS_NEW = new Condition(Map.of("If-None-Match", "*"));

    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    private final Map<String, String> headers;

    private Condition(Map<String, String> headers) {
        this.headers = headers;
    }

    /**
     * The id must still have the bytes of this original.
     *
     * @param original the original as it was read
     * @return the condition
     */
    public static Condition unchanged(Original original) {
        return unchanged(original.sha256());
    }

    /**
     * The id must have bytes with this hash.
     *
     * @param sha256 the SHA-256 in lowercase hexadecimal
     * @return the condition
     * @throws IllegalArgumentException if this is not a SHA-256
     */
    public static Condition unchanged(String sha256) {
        if (!SHA256.matcher(sha256).matches()) {
            throw new IllegalArgumentException("a SHA-256 must have 64 lowercase hexadecimal digits, got " + sha256);
        }
        return new Condition(Map.of("If-Match", '"' + sha256 + '"'));
    }

    Map<String, String> headers() {
        return headers;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Condition condition && headers.equals(condition.headers);
    }

    @Override
    public int hashCode() {
        return headers.hashCode();
    }

    @Override
    public String toString() {
        return "Condition" + headers;
    }
}
