package org.pymager.client;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs URLs of pictures, without a server: the base64url of an HMAC-SHA256 over the path and the query.
 *
 * <p>Whoever has the key can sign any URL, so treat it like a password. Instances are immutable, and can be used by
 * several threads.
 */
public final class UrlSigner {
    /** The minimum length of a key in bytes. */
    public static final int MIN_KEY_BYTES = 32;

    private static final String ALGORITHM = "HmacSHA256";
    private static final long MAX_EXPIRY_SECONDS = 999_999_999_999L;
    private static final Pattern HEX = Pattern.compile("[0-9a-fA-F]+");
    private static final Pattern READABLE = Pattern.compile("/(?:derived|original|info)/[^/?]+(?:\\?.*)?");
    // Printable ASCII characters without space and '#'; everything else must be percent-encoded (RFC 3986 section 2).
    private static final Pattern ENCODED = Pattern.compile("[!-~&&[^#]]*");

    private final SecretKey key;

    /**
     * A signer with a key.
     *
     * @param key the key, at least 32 bytes
     * @throws IllegalArgumentException if the key is shorter
     */
    public UrlSigner(byte[] key) {
        if (key.length < MIN_KEY_BYTES) {
            throw new IllegalArgumentException(
                    "a signing key must have at least " + MIN_KEY_BYTES + " bytes, got " + key.length);
        }
        this.key = new SecretKeySpec(key, ALGORITHM);
    }

    /**
     * A signer with a key as in the server's setting {@code PYMAGER_SIGNING_KEYS}.
     *
     * @param key the key in hexadecimal, or in base64 with either alphabet, with or without padding
     * @return the signer
     * @throws IllegalArgumentException if the key has another form, or less than 32 bytes
     */
    public static UrlSigner parse(String key) {
        return new UrlSigner(decoded(key));
    }

    /**
     * Signs a path with its query. The signature is valid until the server no longer has the key.
     *
     * @param target the path and the query, percent-encoded, such as {@code /derived/cat-800x600.jpg?q=70}. Nothing in
     *     it is changed. A prefix of the path that a front server removes is not part of it.
     * @return the path and the query with the signature
     * @throws IllegalArgumentException if the target is not percent-encoded, has a signature, or is not that of a
     *     picture
     */
    public String sign(String target) {
        return sign(target, null);
    }

    /**
     * Signs a path with its query until a time.
     *
     * @param target as for {@link #sign(String)}; without {@code exp}, if there is a time
     * @param expires when the signature expires, in whole seconds; null if it does not
     * @return the path and the query with the signature
     * @throws IllegalArgumentException as for {@link #sign(String)}, or if the time is before 1970 or too late
     */
    public String sign(String target, Instant expires) {
        check(target, expires);
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark + 1);
        if (expires != null) {
            query = joined(query, "exp=" + seconds(expires));
        }
        return path + "?" + joined(query, "sig=" + signature(path + "?" + query));
    }

    /** Says nothing of the key. */
    @Override
    public String toString() {
        return "UrlSigner";
    }

    private String signature(String text) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            byte[] digest = mac.doFinal(text.getBytes(StandardCharsets.US_ASCII));
            return Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error); // every Java platform has HmacSHA256
        }
    }

    private static String joined(String query, String parameter) {
        return query.isEmpty() ? parameter : query + "&" + parameter;
    }

    private static long seconds(Instant expires) {
        long seconds = expires.getEpochSecond();
        if (seconds < 0 || seconds > MAX_EXPIRY_SECONDS) {
            throw new IllegalArgumentException("a signature cannot expire at " + expires);
        }
        return seconds;
    }

    private static void check(String target, Instant expires) {
        if (!ENCODED.matcher(target).matches()) {
            throw new IllegalArgumentException(
                    "what is signed must be percent-encoded and have no '#', got " + path(target));
        }
        if (!READABLE.matcher(target).matches()) {
            throw new IllegalArgumentException(
                    "only /derived/..., /original/... and /info/... can be signed, got " + path(target));
        }
        int mark = target.indexOf('?');
        String[] parameters = mark < 0 ? new String[0] : target.substring(mark + 1).split("&");
        boolean isSigned = Arrays.stream(parameters)
                .map(parameter -> parameter.split("=", 2)[0])
                .anyMatch(name -> name.equals("sig") || expires != null && name.equals("exp"));
        if (isSigned) {
            throw new IllegalArgumentException("what is signed must not have a signature or a second expiry yet");
        }
    }

    /** The target without its query, which can have a signature. */
    private static String path(String target) {
        return target.split("\\?", 2)[0];
    }

    /** What has only hexadecimal digits is not base64: a digit that was lost must not make another key of it. */
    private static byte[] decoded(String key) {
        try {
            if (HEX.matcher(key).matches()) {
                return HexFormat.of().parseHex(key);
            }
            String digits = key.replaceAll("=+$", "").replace('-', '+').replace('_', '/');
            return Base64.getDecoder().decode(digits);
        } catch (IllegalArgumentException error) {
            // Neither the message nor a cause may show the key.
            throw new IllegalArgumentException("a signing key must be in hexadecimal or base64");
        }
    }
}
