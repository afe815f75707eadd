package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;

/** Opens the stream of a picture, every time from its beginning. */
@FunctionalInterface
public interface StreamOpener {
    /**
     * Opens a new stream, which the client closes.
     *
     * @return the stream
     * @throws IOException if it cannot be opened
     */
    InputStream open() throws IOException;
}
