package org.pymager.client;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;

/** Percent-encoding of ids and of values in a query (RFC 3986 section 2.1), in the server's spelling. */
final class PercentEncoding {
    private static final String DIGITS = "0123456789ABCDEF";

    private PercentEncoding() {}

    /**
     * An id as a segment of a path: in NFC, as the server reads it, and encoded as UTF-8.
     *
     * @throws IllegalArgumentException if the path would have another route, or the id is not Unicode
     */
    static String id(String id) {
        if (id.isEmpty() || id.equals(".") || id.equals("..")) {
            throw new IllegalArgumentException("an id must not be empty, '.' or '..', got '" + id + "'");
        }
        return encoded(Normalizer.normalize(id, Normalizer.Form.NFC));
    }

    static String encoded(String text) {
        StringBuilder result = new StringBuilder();
        ByteBuffer bytes = utf8(text);
        while (bytes.hasRemaining()) {
            int octet = bytes.get() & 0xFF;
            if (isUnreserved(octet)) {
                result.append((char) octet);
            } else {
                result.append('%').append(DIGITS.charAt(octet >> 4)).append(DIGITS.charAt(octet & 0xF));
            }
        }
        return result.toString();
    }

    private static boolean isUnreserved(int octet) {
        return octet >= 'a' && octet <= 'z'
                || octet >= 'A' && octet <= 'Z'
                || octet >= '0' && octet <= '9'
                || octet == '-'
                || octet == '.'
                || octet == '_'
                || octet == '~';
    }

    private static ByteBuffer utf8(String text) {
        try {
            return StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        } catch (CharacterCodingException error) {
            throw new IllegalArgumentException("the text has half of a surrogate pair, so it is not Unicode", error);
        }
    }
}
