package org.pymager.client;

import java.time.Instant;
import java.util.Optional;

/**
 * An original: what the server knows about an uploaded picture.
 *
 * @param id the id
 * @param format the format that was recognized, such as {@code jpeg}
 * @param width the width in pixels, with the orientation applied
 * @param height the height in pixels, with the orientation applied
 * @param size the size in bytes
 * @param sha256 the SHA-256 of the bytes in lowercase hexadecimal; {@link Condition#unchanged(Original)} uses it
 * @param created when it was uploaded
 * @param description what its pixels say; empty if an earlier version of the server stored it and has not looked yet
 */
public record Original(
        String id,
        String format,
        int width,
        int height,
        long size,
        String sha256,
        Instant created,
        Optional<Description> description) {

    /**
     * What the pixels of an original say.
     *
     * @param frames the number of frames of an animation or pages of a TIFF; 1 for other pictures
     * @param alpha whether a pixel of the first frame is not opaque
     * @param dominant the most frequent color of the first frame, such as {@code #a0b1c2}
     * @param thumbhash a placeholder: a ThumbHash in Base64
     * @param blurhash a placeholder: a BlurHash
     */
    public record Description(int frames, boolean alpha, String dominant, String thumbhash, String blurhash) {}
}
