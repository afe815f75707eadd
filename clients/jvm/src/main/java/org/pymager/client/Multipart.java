package org.pymager.client;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.UUID;

/** A form with one field, the picture (RFC 7578). */
record Multipart(Source body, String contentType) {
    static Multipart of(Source picture) {
        String boundary = "pymager-" + UUID.randomUUID(); // random, so that no picture has it
        byte[] head = ascii("--" + boundary + "\r\n"
                + "Content-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n"
                + "Content-Type: application/octet-stream\r\n\r\n");
        byte[] tail = ascii("\r\n--" + boundary + "--\r\n");
        StreamOpener opener = () -> {
            List<InputStream> parts =
                    List.of(new ByteArrayInputStream(head), picture.open(), new ByteArrayInputStream(tail));
            return new SequenceInputStream(Collections.enumeration(parts));
        };
        Source.Length length = () -> {
            long inner = picture.length();
            return inner == Source.UNKNOWN_LENGTH ? inner : head.length + inner + tail.length;
        };
        Source form = Source.of(opener, length, picture.isRepeatable());
        return new Multipart(form, "multipart/form-data; boundary=" + boundary);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
