package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The body of a response as a stream, of which a few buffers are in memory. Unlike the stream of {@code java.net.http},
 * it does not wait for ever: a read fails if nothing arrives for the timeout.
 */
final class ResponseStream extends InputStream implements BodySubscriber<InputStream> {
    /** What arrives: buffers, the end, or an error. */
    private record Event(List<ByteBuffer> buffers, Throwable error) {}

    private static final Event END = new Event(null, null);

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final Duration timeout;
    private final Queue<ByteBuffer> buffers = new ArrayDeque<>();
    private volatile Flow.Subscription subscription;
    private volatile boolean isClosed;
    private boolean isAtEnd;

    ResponseStream(Duration timeout) {
        this.timeout = timeout;
    }

    @Override
    public CompletionStage<InputStream> getBody() {
        return CompletableFuture.completedStage(this);
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (isClosed) {
            given.cancel();
        } else {
            given.request(1);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> arrived) {
        events.add(new Event(arrived, null));
    }

    @Override
    public void onError(Throwable error) {
        events.add(new Event(null, error));
    }

    @Override
    public void onComplete() {
        events.add(END);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        if (length == 0) {
            return 0;
        }
        ByteBuffer buffer = buffer();
        if (buffer == null) {
            return -1;
        }
        int count = Math.min(length, buffer.remaining());
        buffer.get(target, offset, count);
        return count;
    }

    @Override
    public int available() {
        ByteBuffer buffer = buffers.peek();
        return buffer == null ? 0 : buffer.remaining();
    }

    @Override
    public void close() {
        isClosed = true;
        Flow.Subscription current = subscription;
        if (current != null) {
            current.cancel();
        }
        events.add(new Event(null, new IOException("the stream is closed")));
    }

    /** The next buffer with bytes, or null at the end. */
    private ByteBuffer buffer() throws IOException {
        while (true) {
            if (isClosed) {
                throw new IOException("the stream is closed");
            }
            while (!buffers.isEmpty() && !buffers.peek().hasRemaining()) {
                buffers.remove();
            }
            if (!buffers.isEmpty()) {
                return buffers.peek();
            }
            if (isAtEnd) {
                return null;
            }
            take();
        }
    }

    private void take() throws IOException {
        Event event = next();
        if (event.error() != null) {
            throw new IOException("the download was cut off: " + event.error().getMessage(), event.error());
        }
        if (event == END) {
            isAtEnd = true;
        } else {
            buffers.addAll(event.buffers());
            subscription.request(1);
        }
    }

    private Event next() throws IOException {
        try {
            Event event = events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
            if (event == null) {
                close();
                throw new IOException("the download made no progress for " + timeout.toMillis() + " ms");
            }
            return event;
        } catch (InterruptedException error) {
            close();
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted during a download").initCause(error);
        }
    }
}
