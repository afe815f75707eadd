package org.pymager.client;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Function;

/** Futures that depend on others, and cancel them when they are cancelled. */
final class Futures {
    private Futures() {}

    /**
     * The future of the last step, where a failure of the first step can lead to another step. {@code recovery} returns
     * null if it does not.
     */
    static <T> CompletableFuture<T> recovered(
            CompletableFuture<T> first, Function<PymagerException, CompletableFuture<T>> recovery) {
        CompletableFuture<T> result = new CompletableFuture<>();
        cancelWith(result, first);
        first.whenComplete((value, failure) -> {
            CompletableFuture<T> next = null;
            if (failure != null && unwrapped(failure) instanceof PymagerException error) {
                next = recovery.apply(error);
            }
            if (next == null) {
                forward(value, failure, result);
            } else {
                cancelWith(result, next);
                next.whenComplete((recovered, other) -> forward(recovered, other, result));
            }
        });
        return result;
    }

    /** The future of a value that is computed from another one. */
    static <T, R> CompletableFuture<R> mapped(CompletableFuture<T> first, Function<T, R> mapping) {
        CompletableFuture<R> result = first.thenApply(mapping);
        cancelWith(result, first);
        return result;
    }

    /** What a future's failure is about, without what futures wrap it into. */
    static Throwable unwrapped(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null && isWrapper(cause)) {
            cause = cause.getCause();
        }
        return cause;
    }

    /** Waits for a future, as the calls of the synchronous client do. */
    static <T> T get(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException error) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new CallInterruptedException(error);
        } catch (ExecutionException error) {
            Throwable cause = unwrapped(error);
            if (cause instanceof RuntimeException failure) {
                failure.fillInStackTrace(); // the stack of the caller says more than that of the thread of a connection
                throw failure;
            }
            throw new IllegalStateException(cause);
        }
    }

    static void cancelWith(CompletableFuture<?> result, Future<?> step) {
        result.whenComplete((value, failure) -> step.cancel(true));
    }

    private static boolean isWrapper(Throwable failure) {
        return failure instanceof CompletionException || failure instanceof ExecutionException;
    }

    private static <T> void forward(T value, Throwable failure, CompletableFuture<T> result) {
        if (failure == null) {
            result.complete(value);
        } else {
            result.completeExceptionally(unwrapped(failure));
        }
    }
}
