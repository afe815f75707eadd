package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is sent again, what is not, and what a proxy's errors become. */
class RetryTest {
    static final RetryPolicy FAST = new RetryPolicy(
            4, Duration.ofMillis(1), Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofMinutes(4));

    private static final byte[] PHOTO = Pictures.jpeg(4, 3);
    private static final byte[] OTHER = Pictures.jpeg(3, 4);

    @ParameterizedTest
    @ValueSource(ints = {502, 503, 504, 429})
    void aTemporaryErrorIsTriedAgain(int status) {
        try (StubServer server = new StubServer(
                StubServer.status(status), StubServer.problem(status), StubServer.original(200, "cat", PHOTO))) {
            Original original = server.client().info("cat");
            assertEquals("cat", original.id());
            assertEquals(Optional.empty(), original.description());
            assertEquals(3, server.received().size());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 408, 409, 412, 413, 415, 418, 422, 500, 501, 507})
    void aLastingErrorIsNotTriedAgain(int status) {
        try (StubServer server = new StubServer(StubServer.problem(status))) {
            ProblemException error = assertThrows(ProblemException.class, () -> server.client().info("cat"));
            assertEquals(status, error.status());
            assertEquals(new Problem(status, "about:blank", "A title", "A detail.", "", "1234"), error.problem());
            assertEquals(status + " A title: A detail. (request 1234)", error.getMessage());
            assertEquals(1, server.received().size());
            Class<?> expected = Map.<Integer, Class<?>>of(
                            401, UnauthorizedException.class,
                            403, ForbiddenException.class,
                            404, NotFoundException.class,
                            409, ConflictException.class,
                            412, PreconditionFailedException.class,
                            413, TooLargeException.class,
                            422, UnprocessableException.class,
                            507, StorageFullException.class)
                    .getOrDefault(status, status < 500 ? InvalidRequestException.class : ServerErrorException.class);
            assertEquals(expected, error.getClass());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "<html><h1>502 Bad Gateway</h1>", "[1]", "{\"status\":", "{\"title\":7}"})
    void aProxysErrorHasTheStatusOnly(String body) {
        try (StubServer server = new StubServer(StubServer.answer(502, body, "Content-Type", "text/html"))) {
            PymagerClient client = server.builder().maxAttempts(1).build();
            UnavailableException error = assertThrows(UnavailableException.class, () -> client.info("cat"));
            assertEquals(new Problem(502, "about:blank", "", "", "", ""), error.problem());
        }
    }

    @Test
    void aHugeErrorIsNotReadToItsEnd() {
        String detail = "x".repeat(10_000_000);
        try (StubServer server = new StubServer(StubServer.answer(500, "{\"detail\":\"" + detail + "\"}"))) {
            ServerErrorException error = assertThrows(ServerErrorException.class, () -> server.client().info("cat"));
            assertEquals("", error.problem().detail());
        }
    }

    @Test
    void theAttemptsEnd() {
        StubServer.Answer busy = StubServer.problem(503, "Retry-After", "0");
        try (StubServer server = new StubServer(busy, busy, busy, busy, busy)) {
            UnavailableException error = assertThrows(UnavailableException.class, () -> server.client().info("cat"));
            assertEquals(Optional.of(Duration.ZERO), error.retryAfter());
            assertEquals(4, server.received().size());
        }
        try (StubServer server = new StubServer(busy, busy)) {
            PymagerClient client = server.builder().maxAttempts(1).build();
            assertThrows(UnavailableException.class, () -> client.info("cat"));
            assertEquals(1, server.received().size());
        }
    }

    @Test
    void aWaitIsAsLongAsTheServerAsks() {
        try (StubServer server = new StubServer(
                StubServer.status(503, "Retry-After", "1"), StubServer.original(200, "cat", PHOTO))) {
            RetryPolicy policy = new RetryPolicy(
                    2, Duration.ZERO, Duration.ZERO, Duration.ofSeconds(60), Duration.ofMinutes(4));
            long began = System.nanoTime();
            server.builder().retries(policy).build().info("cat");
            assertTrue(System.nanoTime() - began >= Duration.ofSeconds(1).toNanos());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"86400", "999999999", "Fri, 31 Dec 2199 23:59:59 GMT"})
    void aWaitIsNotLongerThanThePolicyAllows(String retryAfter) {
        try (StubServer server = new StubServer(
                StubServer.status(429, "Retry-After", retryAfter), StubServer.original(200, "cat", PHOTO))) {
            assertEquals("cat", server.client().info("cat").id());
        }
    }

    @Test
    void noAttemptBeginsAfterTheTimeOfTheCall() {
        try (StubServer server = new StubServer(
                StubServer.status(503, "Retry-After", "3600"), StubServer.original(200, "cat", PHOTO))) {
            RetryPolicy policy = new RetryPolicy(
                    4, Duration.ZERO, Duration.ZERO, Duration.ofHours(1), Duration.ofMinutes(30));
            PymagerClient client = server.builder().retries(policy).build();
            UnavailableException error = assertThrows(UnavailableException.class, () -> client.info("cat"));
            assertEquals(Optional.of(Duration.ofHours(1)), error.retryAfter());
            assertEquals(1, server.received().size());
        }
    }

    @Test
    void retryAfterIsSecondsOrADate() {
        Instant now = Instant.parse("2026-01-02T03:04:05Z");
        assertEquals(Duration.ofSeconds(7), RetryAfter.of(headers("Retry-After", "7"), now));
        assertEquals(
                Duration.ofSeconds(55), RetryAfter.of(headers("Retry-After", "Fri, 02 Jan 2026 03:05:00 GMT"), now));
        assertEquals(
                Duration.ZERO, RetryAfter.of(headers("Retry-After", "Fri, 02 Jan 2026 03:00:00 GMT"), now));
        assertEquals(
                Duration.ofSeconds(10),
                RetryAfter.of(
                        headers(
                                "Retry-After", "Fri, 02 Jan 2026 03:05:00 GMT",
                                "Date", "Fri, 02 Jan 2026 03:04:50 GMT"),
                        now));
        for (String wrong : List.of("", "-1", "1.5", "soon", "99999999999999999999")) {
            assertEquals(null, RetryAfter.of(headers("Retry-After", wrong), now));
        }
        assertEquals(null, RetryAfter.of(headers(), now));
    }

    @Test
    void backOffDoublesUpToALimitWithJitter() {
        RetryPolicy policy = RetryPolicy.DEFAULT;
        for (int round = 0; round < 100; round++) {
            assertBetween(policy.delay(1, null), 125, 250);
            assertBetween(policy.delay(2, null), 250, 500);
            assertBetween(policy.delay(3, null), 500, 1000);
            assertBetween(policy.delay(100, null), 5000, 10_000);
        }
        assertEquals(Duration.ofSeconds(3), policy.delay(1, Duration.ofSeconds(3)));
        assertEquals(Duration.ofSeconds(60), policy.delay(1, Duration.ofHours(3)));
        assertThrows(IllegalArgumentException.class, () -> policy.withMaxAttempts(0));
    }

    @Test
    void anUploadWithAnIdIsSentAgain() {
        try (StubServer server = new StubServer(
                StubServer.drop(), StubServer.status(503), StubServer.original(201, "cat", PHOTO))) {
            server.client().upload("cat", Source.of(PHOTO));
            assertEquals(List.of("POST /original/cat", "POST /original/cat", "POST /original/cat"), server.requests());
            for (StubServer.Received request : server.received()) {
                assertTrue(contains(request.body(), PHOTO));
                assertEquals(
                        List.of(String.valueOf(request.body().length)), request.headers().get("Content-Length"));
            }
        }
    }

    @Test
    void aConflictAfterALostAnswerIsASuccessIfTheBytesAreTheSame() {
        try (StubServer server = new StubServer(
                StubServer.drop(), StubServer.problem(409), StubServer.original(200, "cat", PHOTO))) {
            Original original = server.client().upload("cat", Source.of(PHOTO));
            assertEquals(Pictures.sha256(PHOTO), original.sha256());
            assertEquals(List.of("POST /original/cat", "POST /original/cat", "GET /info/cat"), server.requests());
        }
        try (StubServer server = new StubServer(
                StubServer.drop(), StubServer.problem(409), StubServer.original(200, "cat", OTHER))) {
            assertThrows(ConflictException.class, () -> server.client().upload("cat", Source.of(PHOTO)));
        }
    }

    @Test
    void aConflictWithoutALostAnswerIsAConflict() {
        StubServer.Answer same = StubServer.original(200, "cat", PHOTO);
        try (StubServer server = new StubServer(StubServer.problem(409), same)) {
            assertThrows(ConflictException.class, () -> server.client().upload("cat", Source.of(PHOTO)));
            assertEquals(1, server.received().size());
        }
        try (StubServer server = new StubServer(StubServer.problem(429), StubServer.problem(409), same)) {
            assertThrows(ConflictException.class, () -> server.client().upload("cat", Source.of(PHOTO)));
            assertEquals(2, server.received().size());
        }
    }

    @Test
    void anUploadWithoutAnIdIsNotSentAgainIfItMayHaveBeenStored() {
        for (StubServer.Answer answer : List.of(StubServer.drop(), StubServer.problem(503), StubServer.status(502))) {
            try (StubServer server = new StubServer(answer, StubServer.original(201, "cat", PHOTO))) {
                assertThrows(PymagerException.class, () -> server.client().upload(Source.of(PHOTO)));
                assertEquals(List.of("POST /original"), server.requests());
            }
        }
    }

    @Test
    void anUploadWithoutAnIdIsSentAgainAfterA429() {
        try (StubServer server = new StubServer(
                StubServer.problem(429, "Retry-After", "0"), StubServer.original(201, "cat", PHOTO))) {
            assertEquals("cat", server.client().upload(Source.of(PHOTO)).id());
            assertEquals(2, server.received().size());
        }
    }

    @Test
    void aServerThatIsNotThereIsTriedAgainEvenWithAStream() throws Exception {
        AtomicInteger opened = new AtomicInteger();
        InputStream stream = new ByteArrayInputStream(PHOTO) {
            @Override
            public int read(byte[] target, int offset, int length) {
                opened.incrementAndGet();
                return super.read(target, offset, length);
            }
        };
        RetryPolicy slow = new RetryPolicy(
                3, Duration.ofMillis(300), Duration.ofMillis(300), Duration.ZERO, Duration.ofMinutes(4));
        PymagerClient client = PymagerClient.builder("http://127.0.0.1:" + freePort()).retries(slow).build();
        long began = System.nanoTime();
        ConnectionFailedException error =
                assertThrows(ConnectionFailedException.class, () -> client.upload(Source.of(stream)));
        assertTrue(error.outcomeKnown());
        assertTrue(System.nanoTime() - began >= Duration.ofMillis(300).toNanos()); // two waits of 150 ms or more
        assertEquals(0, opened.get());
    }

    @Test
    void aStreamIsNotSentTwice() {
        try (StubServer server = new StubServer(StubServer.problem(503), StubServer.original(201, "cat", PHOTO))) {
            Source stream = Source.of(new ByteArrayInputStream(PHOTO));
            assertThrows(UnavailableException.class, () -> server.client().replace("cat", stream));
            assertEquals(1, server.received().size());
        }
        try (StubServer server = new StubServer(StubServer.problem(503), StubServer.original(201, "cat", PHOTO))) {
            Source opener = Source.of(() -> new ByteArrayInputStream(PHOTO));
            assertTrue(server.client().replace("cat", opener).created());
            assertArrayEquals(PHOTO, server.received().get(1).body());
        }
    }

    @Test
    void aReplaceWithAConditionSucceedsIfOnlyItsAnswerWasLost() {
        Condition unchanged = Condition.unchanged(Pictures.sha256(OTHER));
        for (Condition condition : List.of(Condition.IS_NEW, unchanged)) {
            try (StubServer server = new StubServer(
                    StubServer.drop(), StubServer.problem(412), StubServer.original(200, "cat", PHOTO))) {
                Replacement replacement = server.client().replace("cat", Source.of(PHOTO), condition);
                assertEquals(condition.equals(Condition.IS_NEW), replacement.created());
                assertEquals(List.of("PUT /original/cat", "PUT /original/cat", "GET /info/cat"), server.requests());
            }
            try (StubServer server = new StubServer(
                    StubServer.drop(), StubServer.problem(412), StubServer.original(200, "cat", OTHER))) {
                assertThrows(
                        PreconditionFailedException.class,
                        () -> server.client().replace("cat", Source.of(PHOTO), condition));
            }
        }
    }

    @Test
    void aRepeatedDeleteOfWhatIsGoneIsASuccess() {
        try (StubServer server = new StubServer(StubServer.drop(), StubServer.problem(404))) {
            server.client().delete("cat");
            assertEquals(2, server.received().size());
        }
        try (StubServer server = new StubServer(StubServer.problem(429), StubServer.problem(404))) {
            assertThrows(NotFoundException.class, () -> server.client().delete("cat"));
        }
    }

    @Test
    void aDownloadThatIsCutOffIsRequestedAgain() {
        try (StubServer server = new StubServer(StubServer.cutOff("abc"), StubServer.answer(200, "abcdef"))) {
            assertEquals("abcdef", new String(server.client().download("cat"), StandardCharsets.US_ASCII));
        }
        try (StubServer server = new StubServer(StubServer.cutOff("abc"))) {
            IOException error = assertThrows(IOException.class, () -> {
                try (Download download = server.client().openOriginal("cat")) {
                    download.stream().readAllBytes();
                }
            });
            assertTrue(error.getMessage().startsWith("the download was cut off"), error.getMessage());
        }
    }

    @Test
    void aResponseThatStallsIsGivenUp() {
        StubServer[] stub = new StubServer[1];
        StubServer.Answer silent = exchange -> stub[0].stall("").give(exchange);
        StubServer.Answer half = exchange -> stub[0].stall("abc").give(exchange);
        try (StubServer server = new StubServer(silent, half)) {
            stub[0] = server;
            PymagerClient client = server.builder().timeout(Duration.ofMillis(300)).maxAttempts(1).build();
            ConnectionFailedException error =
                    assertThrows(ConnectionFailedException.class, () -> client.replace("cat", Source.of(PHOTO)));
            assertFalse(error.outcomeKnown());
            assertTrue(error.getMessage().endsWith("made no progress for 300 ms"), error.getMessage());
            assertThrows(ConnectionFailedException.class, () -> client.download("cat"));
        }
    }

    @Test
    void aStreamThatStallsIsGivenUp() throws IOException {
        List<String> events = new ArrayList<>();
        ResponseStream stream = new ResponseStream(Duration.ofMillis(200));
        stream.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long count) {
                events.add("request");
            }

            @Override
            public void cancel() {
                events.add("cancel");
            }
        });
        stream.onNext(List.of(ByteBuffer.wrap("abc".getBytes(StandardCharsets.US_ASCII))));
        assertEquals("abc", new String(stream.readNBytes(3), StandardCharsets.US_ASCII));
        IOException error = assertThrows(IOException.class, stream::read);
        assertEquals("the download made no progress for 200 ms", error.getMessage());
        assertEquals(List.of("request", "request", "cancel"), events);
        assertThrows(IOException.class, stream::read);
    }

    @Test
    void aRedirectIsNotFollowed() {
        try (StubServer other = new StubServer(StubServer.original(200, "cat", PHOTO));
                StubServer server = new StubServer(StubServer.status(302, "Location", other.url() + "/info/cat"))) {
            UnexpectedResponseException error =
                    assertThrows(UnexpectedResponseException.class, () -> server.client().info("cat"));
            assertEquals(302, error.status());
            assertEquals(List.of(), other.requests());
        }
        var following = HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NORMAL)
                .build();
        assertThrows(
                IllegalArgumentException.class, () -> PymagerClient.builder("http://127.0.0.1").httpClient(following));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "<html>", "{}", "[]", "{\"id\":7}", "{\"id\":\"cat\"} x"})
    void aBodyThatIsNotPymagersIsUnexpected(String body) {
        try (StubServer server = new StubServer(StubServer.answer(200, body))) {
            UnexpectedResponseException error =
                    assertThrows(UnexpectedResponseException.class, () -> server.client().info("cat"));
            assertEquals(200, error.status());
        }
    }

    @Test
    void jsonIsLimited() {
        String deep = "{\"x\":" + "[".repeat(100_000);
        try (StubServer server = new StubServer(StubServer.zeros(20_000_000), StubServer.answer(200, deep))) {
            UnexpectedResponseException large =
                    assertThrows(UnexpectedResponseException.class, () -> server.client().info("cat"));
            assertEquals("the response is too large to be pymager's", large.getMessage());
            assertThrows(UnexpectedResponseException.class, () -> server.client().info("cat"));
        }
    }

    @Test
    void aPrefixOfThePathIsKept() {
        try (StubServer server = new StubServer(
                StubServer.original(200, "cat", PHOTO), StubServer.answer(200, "x"), StubServer.answer(200, "x"))) {
            PymagerClient client =
                    PymagerClient.builder(server.url() + "/pictures/").signingKey(PymagerServer.KEY).build();
            client.info("café");
            client.variant("cat", Variant.width(8));
            server.builder().signingKey(PymagerServer.KEY).build().variant("cat", Variant.width(8));
            UrlSigner signer = UrlSigner.parse(PymagerServer.KEY);
            assertEquals(
                    List.of(
                            "GET /pictures" + signer.sign("/info/caf%C3%A9"),
                            "GET /pictures" + signer.sign("/derived/cat-8x.jpg"),
                            "GET " + signer.sign("/derived/cat-8x.jpg")),
                    server.requests());
            // A signed request needs no credentials.
            assertEquals(null, server.received().get(2).headers().get("Authorization"));
        }
    }

    @Test
    void credentialsAreSentAndNotShown() {
        try (StubServer server = new StubServer(StubServer.status(204), StubServer.status(204))) {
            PymagerClient user = PymagerClient.builder(server.url()).basic("ü", "geheim:ß").build();
            PymagerClient token = PymagerClient.builder(server.url()).bearer("a.token").build();
            user.delete("cat");
            token.delete("cat");
            List<String> sent = server.received().stream()
                    .map(request -> request.headers().getFirst("Authorization"))
                    .toList();
            assertEquals(List.of("Basic w7w6Z2VoZWltOsOf", "Bearer a.token"), sent);
            assertTrue(server.received().get(0).headers().getFirst("User-Agent").matches("pymager-client-jvm/[0-9.]+"));
            for (Object shown : List.of(user, user.async(), user.urls(), token, token.async())) {
                assertFalse(shown.toString().contains("geheim") || shown.toString().contains("token"));
            }
        }
        PymagerClient.Builder builder = PymagerClient.builder("http://127.0.0.1");
        assertThrows(IllegalArgumentException.class, () -> builder.basic("a:b", "c"));
        for (String wrong : List.of("", "secret\r\nX: y", "secret token", "sécret")) {
            Exception error = assertThrows(IllegalArgumentException.class, () -> builder.bearer(wrong));
            assertFalse(!wrong.isEmpty() && error.getMessage().contains(wrong));
        }
    }

    @Test
    void aCallCanBeCancelledWhileItWaits() {
        StubServer.Answer busy = StubServer.status(503, "Retry-After", "3600");
        RetryPolicy patient =
                new RetryPolicy(4, Duration.ZERO, Duration.ZERO, Duration.ofHours(2), Duration.ofHours(8));
        try (StubServer server = new StubServer(busy, busy)) {
            PymagerClient client = server.builder().retries(patient).build();
            CompletableFuture<Original> future = client.async().info("cat").orTimeout(200, TimeUnit.MILLISECONDS);
            ExecutionException error = assertThrows(ExecutionException.class, future::get);
            assertTrue(error.getCause() instanceof TimeoutException);
        }
    }

    @Test
    void aCancelledCallClosesItsConnection() throws Exception {
        CompletableFuture<Void> arrived = new CompletableFuture<>();
        CompletableFuture<Void> cancelled = new CompletableFuture<>();
        CompletableFuture<Boolean> isClosed = new CompletableFuture<>();
        try (StubServer server = new StubServer(exchange -> {
            arrived.complete(null);
            cancelled.join();
            try {
                StubServer.zeros(500_000_000).give(exchange);
                isClosed.complete(false);
            } catch (IOException error) {
                isClosed.complete(true);
            }
        })) {
            CompletableFuture<byte[]> download = server.client().async().download("cat");
            arrived.get();
            download.cancel(true);
            cancelled.complete(null);
            assertTrue(isClosed.get());
        }
    }

    @Test
    void anInterruptEndsACall() throws Exception {
        StubServer[] stub = new StubServer[1];
        CompletableFuture<Void> arrived = new CompletableFuture<>();
        try (StubServer server = new StubServer(exchange -> {
            arrived.complete(null);
            stub[0].awaitClosing();
        })) {
            stub[0] = server;
            CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
            Thread thread = new Thread(() -> {
                try {
                    server.client().info("cat");
                    interrupted.complete(false);
                } catch (CallInterruptedException error) {
                    interrupted.complete(Thread.currentThread().isInterrupted());
                } catch (RuntimeException error) {
                    interrupted.completeExceptionally(error);
                }
            });
            thread.start();
            arrived.get();
            thread.interrupt();
            assertTrue(interrupted.get());
        }
    }

    @Test
    void anExceptionHasTheStackOfTheCaller() {
        try (StubServer server = new StubServer(StubServer.problem(404))) {
            NotFoundException error = assertThrows(NotFoundException.class, () -> server.client().info("cat"));
            assertTrue(List.of(error.getStackTrace()).stream()
                    .anyMatch(frame -> frame.getMethodName().contains("anExceptionHasTheStackOfTheCaller")));
        }
    }

    @Test
    void aSourceIsClosedAfterEveryAttempt() {
        AtomicInteger open = new AtomicInteger();
        Source source = Source.of(() -> {
            open.incrementAndGet();
            return new ByteArrayInputStream(PHOTO) {
                private boolean isClosed;

                @Override
                public void close() {
                    if (!isClosed) {
                        open.decrementAndGet();
                    }
                    isClosed = true;
                }
            };
        });
        try (StubServer server = new StubServer(
                StubServer.drop(), StubServer.problem(503), StubServer.original(201, "cat", PHOTO))) {
            server.client().upload("cat", source);
            assertEquals(0, open.get());
        }
    }

    @Test
    void aSourceIsClosedIfTheServerReadsNoMoreOfIt() throws Exception {
        CompletableFuture<Void> opened = new CompletableFuture<>();
        CompletableFuture<Void> closed = new CompletableFuture<>();
        Source endless = Source.of(() -> {
            opened.complete(null);
            return new InputStream() {
                @Override
                public int read() {
                    return 0;
                }

                @Override
                public int read(byte[] target, int offset, int length) {
                    return length;
                }

                @Override
                public void close() {
                    closed.complete(null);
                }
            };
        });
        // The system accepts the connection, and nobody reads from it.
        try (ServerSocket deaf = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            PymagerClient client = PymagerClient.builder("http://127.0.0.1:" + deaf.getLocalPort())
                    .maxAttempts(1)
                    .build();
            CompletableFuture<Replacement> call = client.async().replace("cat", endless);
            opened.get();
            call.cancel(true);
            closed.get();
        }
    }

    @Test
    void aFileThatGrowsDuringTheUploadIsNotCutOff() {
        Source growing = Source.of(() -> new ByteArrayInputStream(new byte[11]), () -> 10, true);
        Source shrinking = Source.of(() -> new ByteArrayInputStream(new byte[9]), () -> 10, true);
        try (StubServer server = new StubServer(StubServer.original(201, "cat", PHOTO))) {
            for (Source source : List.of(growing, shrinking)) {
                assertThrows(UncheckedIOException.class, () -> server.client().replace("cat", source));
            }
        }
    }

    private static void assertBetween(Duration duration, long low, long high) {
        assertTrue(duration.toMillis() >= low && duration.toMillis() <= high, duration.toString());
    }

    private static HttpHeaders headers(String... pairs) {
        Map<String, List<String>> map = new HashMap<>();
        for (int index = 0; index < pairs.length; index += 2) {
            map.put(pairs[index], List.of(pairs[index + 1]));
        }
        return HttpHeaders.of(map, (name, value) -> true);
    }

    private static boolean contains(byte[] whole, byte[] part) {
        String text = new String(whole, StandardCharsets.ISO_8859_1);
        return text.contains(new String(part, StandardCharsets.ISO_8859_1));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
