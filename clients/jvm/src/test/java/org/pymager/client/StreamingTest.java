package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bodies that are larger than the heap. */
class StreamingTest {
    private static final long LARGE_BYTES = 400_000_000;

    @TempDir
    private Path folder;

    @Test
    void theHeapIsSmallerThanTheBodies() {
        assertTrue(Runtime.getRuntime().maxMemory() < LARGE_BYTES / 2, "run with -Xmx160m, as the POM says");
    }

    @Test
    void anUploadIsNotHeldInMemory() {
        try (StubServer server = new StubServer(StubServer.original(201, "cat", new byte[0]))) {
            server.client().upload("cat", Source.of(Zeros::new));
            StubServer.Received request = server.received().get(0);
            assertTrue(Long.parseLong(text(request)) > LARGE_BYTES);
            assertEquals(List.of("chunked"), request.headers().get("Transfer-encoding"));
        }
    }

    @Test
    void aFileIsSentWithItsLength() throws IOException {
        Path file = folder.resolve("large.jpg");
        try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(LARGE_BYTES);
        }
        try (StubServer server = new StubServer(StubServer.original(201, "cat", new byte[0]))) {
            server.client().replace("cat", Source.of(file));
            StubServer.Received request = server.received().get(0);
            assertEquals(String.valueOf(LARGE_BYTES), text(request));
            assertEquals(List.of(String.valueOf(LARGE_BYTES)), request.headers().get("Content-length"));
        }
    }

    @Test
    void aDownloadIsNotHeldInMemory() throws IOException {
        try (StubServer server = new StubServer(StubServer.zeros(LARGE_BYTES), StubServer.zeros(LARGE_BYTES))) {
            try (Download download = server.client().openOriginal("cat")) {
                assertEquals(LARGE_BYTES, download.stream().transferTo(OutputStream.nullOutputStream()));
            }
            Path file = server.client().download("cat", folder.resolve("large.jpg"));
            assertEquals(LARGE_BYTES, Files.size(file));
        }
    }

    private static String text(StubServer.Received request) {
        return new String(request.body(), StandardCharsets.US_ASCII);
    }

    private static final class Zeros extends InputStream {
        private long left = LARGE_BYTES;

        @Override
        public int read() {
            return left-- > 0 ? 0 : -1;
        }

        @Override
        public int read(byte[] target, int offset, int length) {
            int count = (int) Math.min(left, length);
            left -= count;
            return count == 0 ? -1 : count;
        }
    }
}
