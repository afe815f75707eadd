package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublisher;
import java.nio.ByteBuffer;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The body of a request, read from a source piece by piece, as the connection takes it.
 *
 * <p>The publisher of {@code java.net.http} for streams takes an {@link IOException} for the end of the stream, and a
 * picture would then be cut off. Here it ends the request.
 */
final class SourcePublisher implements BodyPublisher {
    private static final int PIECE_BYTES = 64 * 1024;

    private final Source source;
    private final long length;
    private final Progress progress;
    private volatile Reading reading;
    private volatile boolean isClosed;
    private volatile IOException failure;

    SourcePublisher(Source source, Progress progress) throws IOException {
        this.source = source;
        this.length = source.length();
        this.progress = progress;
    }

    @Override
    public long contentLength() {
        return length;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
        Reading begun = new Reading(subscriber);
        reading = begun;
        subscriber.onSubscribe(begun);
        if (isClosed) { // the attempt was over before there was a connection
            begun.cancel();
        }
    }

    /** Whether a byte of the source may have been read. */
    boolean isBegun() {
        return reading != null;
    }

    /** Closes the source, if the connection has not read all of it. */
    void close() {
        isClosed = true;
        Reading current = reading;
        if (current != null) {
            current.cancel();
        }
    }

    /** Why the source could not be read; null if it could. */
    IOException failure() {
        return failure;
    }

    /** One reading of the source. A request for more that comes during {@code onNext} is served by the running loop. */
    private final class Reading implements Flow.Subscription {
        private final Flow.Subscriber<? super ByteBuffer> subscriber;
        private final AtomicLong demand = new AtomicLong();
        private InputStream stream;
        private long sent;
        private volatile boolean isCancelled;
        private boolean isDone;

        Reading(Flow.Subscriber<? super ByteBuffer> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public void request(long count) {
            if (count <= 0) {
                isCancelled = true;
                subscriber.onError(new IllegalArgumentException("request(" + count + ")"));
                return;
            }
            long before = demand.getAndUpdate(now -> now + count < 0 ? Long.MAX_VALUE : now + count);
            if (before > 0) {
                return; // a loop is running
            }
            do {
                step();
            } while (!isDone && demand.decrementAndGet() > 0);
        }

        @Override
        public void cancel() {
            isCancelled = true;
            // Only the loop touches the stream: a thread may be reading it. With demand, the loop ends by itself.
            request(1);
        }

        private void step() {
            if (isDone) {
                return;
            }
            if (isCancelled) {
                finish();
                return;
            }
            progress.touch();
            try {
                byte[] piece = next();
                progress.touch();
                if (piece == null) {
                    finish();
                    subscriber.onComplete();
                } else {
                    subscriber.onNext(ByteBuffer.wrap(piece));
                }
            } catch (IOException error) {
                failure = error;
                finish();
                subscriber.onError(error);
            }
        }

        private byte[] next() throws IOException {
            if (stream == null) {
                stream = source.open();
            }
            byte[] piece = stream.readNBytes(PIECE_BYTES);
            sent += piece.length;
            boolean isEnd = piece.length == 0;
            if (length >= 0 && (sent > length || isEnd && sent < length)) {
                throw new IOException("the source has changed: it has " + sent + " bytes instead of " + length);
            }
            return isEnd ? null : piece;
        }

        private void finish() {
            isDone = true;
            if (stream != null) {
                try {
                    stream.close();
                } catch (IOException error) {
                    // What has been read is complete, so that a failure to close does not matter.
                    stream = null;
                }
            }
        }
    }
}
