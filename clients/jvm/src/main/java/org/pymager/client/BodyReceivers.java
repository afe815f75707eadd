package org.pymager.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** What is done with the body of a response. */
final class BodyReceivers {
    /** Makes the subscriber of a response that is no error. */
    @FunctionalInterface
    interface Receiver<T> {
        BodySubscriber<T> subscriber(ResponseInfo info);
    }

    /** Reads JSON. */
    @FunctionalInterface
    interface JsonReading<T> {
        T read(int status, byte[] body) throws IOException;
    }

    private static final int MAX_JSON_BYTES = 16 * 1024 * 1024;
    private static final int MAX_PROBLEM_BYTES = 64 * 1024;

    private BodyReceivers() {}

    /** A JSON body of limited size. */
    static <T> Receiver<T> json(JsonReading<T> reading) {
        return info -> BodySubscribers.mapping(new Limited(MAX_JSON_BYTES), body -> {
            if (body.isCut()) {
                String message = "the response is too large to be pymager's";
                throw new UnexpectedResponseException(info.statusCode(), message, null);
            }
            try {
                return reading.read(info.statusCode(), body.bytes());
            } catch (IOException error) {
                throw new UnexpectedResponseException(
                        info.statusCode(), "the response is not pymager's JSON; is the base URL right?", error);
            }
        });
    }

    /** The beginning of the body of an error. */
    static BodySubscriber<byte[]> problem() {
        return BodySubscribers.mapping(new Limited(MAX_PROBLEM_BYTES), Limited.Body::bytes);
    }

    /** All bytes in memory. */
    static Receiver<byte[]> bytes() {
        return info -> BodySubscribers.ofByteArray();
    }

    /** Nothing. */
    static Receiver<Void> nothing() {
        return info -> BodySubscribers.replacing(null);
    }

    /** A file, which gets what arrives. */
    static Receiver<Path> file(Path file) {
        return info -> new FileSubscriber(file);
    }

    /** Passes everything on, and records progress. */
    record Watched<T>(BodySubscriber<T> inner, Progress progress) implements BodySubscriber<T> {
        @Override
        public CompletionStage<T> getBody() {
            return inner.getBody();
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            progress.touch();
            inner.onSubscribe(subscription);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            progress.touch();
            inner.onNext(buffers);
        }

        @Override
        public void onError(Throwable error) {
            inner.onError(error);
        }

        @Override
        public void onComplete() {
            inner.onComplete();
        }
    }

    /** Collects up to a number of bytes, and drops the rest with its connection. */
    private static final class Limited implements BodySubscriber<Limited.Body> {
        record Body(byte[] bytes, boolean isCut) {}

        private final CompletableFuture<Body> result = new CompletableFuture<>();
        private final ByteArrayOutputStream collected = new ByteArrayOutputStream();
        private final int maxBytes;
        private Flow.Subscription subscription;

        Limited(int maxBytes) {
            this.maxBytes = maxBytes;
        }

        @Override
        public CompletionStage<Body> getBody() {
            return result;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            if (result.isDone()) {
                return;
            }
            for (ByteBuffer buffer : buffers) {
                byte[] piece = new byte[Math.min(buffer.remaining(), maxBytes - collected.size())];
                buffer.get(piece);
                collected.writeBytes(piece);
                if (buffer.hasRemaining()) {
                    subscription.cancel();
                    result.complete(new Body(collected.toByteArray(), true));
                    return;
                }
            }
        }

        @Override
        public void onError(Throwable error) {
            result.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            result.complete(new Body(collected.toByteArray(), false));
        }
    }
}
