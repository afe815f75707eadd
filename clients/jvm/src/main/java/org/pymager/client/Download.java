package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A picture that is read while it arrives. Close it, or the connection stays open.
 *
 * <p>A stream that ends too early, or that makes no progress for too long, throws an {@link IOException}. It is not
 * requested again.
 */
public final class Download implements AutoCloseable {
    private final InputStream stream;
    private final String contentType;
    private final String etag;
    private final long length;

    Download(InputStream stream, String contentType, String etag, long length) {
        this.stream = stream;
        this.contentType = contentType;
        this.etag = etag;
        this.length = length;
    }

    /**
     * Returns the bytes of the picture.
     *
     * @return the stream, always the same one
     */
    public InputStream stream() {
        return stream;
    }

    /**
     * Returns the media type.
     *
     * @return the media type, such as {@code image/jpeg}
     */
    public Optional<String> contentType() {
        return Optional.ofNullable(contentType);
    }

    /**
     * Returns the entity tag, with its quotation marks.
     *
     * @return the tag, if the response has one
     */
    public Optional<String> etag() {
        return Optional.ofNullable(etag);
    }

    /**
     * Returns the number of bytes.
     *
     * @return the number, if the response says it
     */
    public OptionalLong length() {
        return length < 0 ? OptionalLong.empty() : OptionalLong.of(length);
    }

    /** Closes the stream. What has not been read yet is dropped. */
    @Override
    public void close() throws IOException {
        stream.close();
    }
}
