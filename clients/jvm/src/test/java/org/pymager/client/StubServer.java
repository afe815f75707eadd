package org.pymager.client;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A server that gives the answers that it is told, one after the other, and remembers the requests. */
final class StubServer implements AutoCloseable {
    /** A request as it arrived. */
    record Received(String method, String target, Headers headers, byte[] body) {}

    /** Answers a request whose body has been read. */
    interface Answer {
        void give(HttpExchange exchange) throws IOException;
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Queue<Answer> answers = new ArrayDeque<>();
    private final List<Received> received = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch closing = new CountDownLatch(1);

    StubServer(Answer... given) {
        answers.addAll(List.of(given));
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    List<Received> received() {
        return List.copyOf(received);
    }

    List<String> requests() {
        return received().stream().map(each -> each.method() + " " + each.target()).toList();
    }

    /** A client with waits of some milliseconds. */
    PymagerClient client() {
        return builder().build();
    }

    PymagerClient.Builder builder() {
        return PymagerClient.builder(url()).basic("user", "password").retries(RetryTest.FAST);
    }

    static Answer status(int status, String... headers) {
        return answer(status, "", headers);
    }

    /** A problem document, as pymager writes it. */
    static Answer problem(int status, String... headers) {
        String body = "{\"type\":\"about:blank\",\"title\":\"A title\",\"status\":" + status
                + ",\"detail\":\"A detail.\",\"request_id\":\"1234\"}";
        return answer(status, body, headers);
    }

    static Answer original(int status, String id, byte[] picture) {
        String body = """
                {"id": "%s", "format": "jpeg", "width": 4, "height": 3, "size": %d, "sha256": "%s",
                "created": "2026-01-02T03:04:05Z", "frames": null, "alpha": null, "dominant": null, "thumbhash": null,
                "blurhash": null, "a-later-field": [{}]}
                """;
        return answer(status, body.formatted(id, picture.length, Pictures.sha256(picture)));
    }

    static Answer answer(int status, String body, String... headers) {
        return exchange -> {
            for (int index = 0; index < headers.length; index += 2) {
                exchange.getResponseHeaders().add(headers[index], headers[index + 1]);
            }
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
            if (bytes.length > 0) {
                exchange.getResponseBody().write(bytes);
            }
        };
    }

    /** Closes the connection without an answer. */
    static Answer drop() {
        return exchange -> {
            throw new IOException("dropped");
        };
    }

    /** Promises more bytes than it sends. */
    static Answer cutOff(String body) {
        return exchange -> {
            exchange.sendResponseHeaders(200, body.length() + 1L);
            exchange.getResponseBody().write(body.getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
            throw new IOException("cut off");
        };
    }

    /** Sends a part of the body, and then nothing. */
    Answer stall(String body) {
        return exchange -> {
            if (!body.isEmpty()) {
                exchange.sendResponseHeaders(200, body.length() + 1L);
                exchange.getResponseBody().write(body.getBytes(StandardCharsets.UTF_8));
                exchange.getResponseBody().flush();
            }
            awaitClosing();
            throw new IOException("stalled");
        };
    }

    /** Sends many zeros. */
    static Answer zeros(long count) {
        return exchange -> {
            exchange.sendResponseHeaders(200, count);
            byte[] piece = new byte[64 * 1024];
            OutputStream body = exchange.getResponseBody();
            for (long left = count; left > 0; left -= Math.min(left, piece.length)) {
                body.write(piece, 0, (int) Math.min(left, piece.length));
            }
        };
    }

    /** Waits for {@link #close}. */
    void awaitClosing() {
        try {
            closing.await();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closing.countDown();
        server.stop(0);
        threads.shutdownNow();
        try {
            threads.awaitTermination(60, TimeUnit.SECONDS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange; InputStream body = exchange.getRequestBody()) {
            byte[] bytes = kept(body);
            Answer next;
            synchronized (answers) {
                received.add(new Received(
                        exchange.getRequestMethod(),
                        exchange.getRequestURI().toString(),
                        exchange.getRequestHeaders(),
                        bytes));
                next = answers.poll();
            }
            (next == null ? status(500) : next).give(exchange);
        }
    }

    /** The body, if it is small: larger ones are counted only, and given as their length in decimal digits. */
    private static byte[] kept(InputStream body) throws IOException {
        byte[] small = body.readNBytes(1_000_000);
        long rest = body.transferTo(OutputStream.nullOutputStream());
        return rest == 0 ? small : String.valueOf(small.length + rest).getBytes(StandardCharsets.US_ASCII);
    }
}
