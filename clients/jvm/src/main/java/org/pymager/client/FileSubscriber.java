package org.pymager.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/**
 * Writes the body of a response to a file. Unlike that of {@code java.net.http}, it fails with an
 * {@link UncheckedIOException} if the file cannot be written, so that this is not taken for a failure of the
 * connection.
 */
final class FileSubscriber implements BodySubscriber<Path> {
    private final CompletableFuture<Path> result = new CompletableFuture<>();
    private final Path file;
    private Flow.Subscription subscription;
    private FileChannel channel;

    FileSubscriber(Path file) {
        this.file = file;
    }

    @Override
    public CompletionStage<Path> getBody() {
        return result;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        try {
            channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
        } catch (IOException error) {
            fail(error);
            return;
        }
        given.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        if (result.isDone()) {
            return;
        }
        try {
            for (ByteBuffer buffer : buffers) {
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            }
        } catch (IOException error) {
            fail(error);
            return;
        }
        subscription.request(1);
    }

    @Override
    public void onError(Throwable error) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException suppressed) {
            error.addSuppressed(suppressed);
        }
        result.completeExceptionally(error);
    }

    @Override
    public void onComplete() {
        if (result.isDone()) {
            return;
        }
        try {
            channel.close();
            result.complete(file);
        } catch (IOException error) {
            fail(error);
        }
    }

    private void fail(IOException error) {
        subscription.cancel();
        onError(new UncheckedIOException(error));
    }
}
