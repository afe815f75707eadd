package org.pymager.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Where the bytes of an upload come from. They are sent as they are read, and never held in memory as a whole.
 *
 * <p>If an upload fails in a way that may be temporary, the client reads the source again and sends it once more. It
 * cannot do so with a single {@link InputStream}.
 */
public final class Source {
    static final long UNKNOWN_LENGTH = -1;

    /** The number of bytes, or {@code UNKNOWN_LENGTH}. */
    @FunctionalInterface
    interface Length {
        long get() throws IOException;
    }

    private final StreamOpener opener;
    private final Length length;
    private final boolean isRepeatable;

    private Source(StreamOpener opener, Length length, boolean isRepeatable) {
        this.opener = opener;
        this.length = length;
        this.isRepeatable = isRepeatable;
    }

    /**
     * A file. It must not change during the upload.
     *
     * @param file the file
     * @return the source
     */
    public static Source of(Path file) {
        Objects.requireNonNull(file);
        return new Source(() -> Files.newInputStream(file), () -> Files.size(file), true);
    }

    /**
     * Bytes in memory. They must not change during the upload.
     *
     * @param bytes the bytes of the picture
     * @return the source
     */
    public static Source of(byte[] bytes) {
        return new Source(() -> new ByteArrayInputStream(bytes), () -> bytes.length, true);
    }

    /**
     * Streams that are opened when they are needed: once for every attempt.
     *
     * @param opener opens the stream from its beginning
     * @return the source
     */
    public static Source of(StreamOpener opener) {
        return new Source(Objects.requireNonNull(opener), () -> UNKNOWN_LENGTH, true);
    }

    /**
     * A stream that can be read once, so the upload is not repeated after the client has begun to read it. The client
     * closes it.
     *
     * @param stream the stream
     * @return the source, which can be used for one upload
     */
    public static Source of(InputStream stream) {
        Objects.requireNonNull(stream);
        AtomicBoolean isOpened = new AtomicBoolean();
        StreamOpener opener = () -> {
            if (isOpened.getAndSet(true)) {
                throw new IOException("the stream of this source has been read before; use Source.of(StreamOpener)");
            }
            return stream;
        };
        return new Source(opener, () -> UNKNOWN_LENGTH, false);
    }

    static Source of(StreamOpener opener, Length length, boolean isRepeatable) {
        return new Source(opener, length, isRepeatable);
    }

    InputStream open() throws IOException {
        return opener.open();
    }

    long length() throws IOException {
        return length.get();
    }

    boolean isRepeatable() {
        return isRepeatable;
    }
}
