package org.pymager.client;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/** All originals, of which a page is requested when a subscriber asks for more than has arrived. */
final class ListingPublisher implements Flow.Publisher<Original> {
    private final Function<String, CompletableFuture<Page>> pages;

    /** {@code pages} requests the page at a cursor, which is null for the first one. */
    ListingPublisher(Function<String, CompletableFuture<Page>> pages) {
        this.pages = pages;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super Original> subscriber) {
        subscriber.onSubscribe(new Listing(subscriber));
    }

    /** One run through the listing. Its fields belong to the thread that drains; `work` hands them over. */
    private final class Listing implements Flow.Subscription {
        private final Flow.Subscriber<? super Original> subscriber;
        private final AtomicLong demand = new AtomicLong();
        private final AtomicInteger work = new AtomicInteger();
        private final Queue<Original> arrived = new ArrayDeque<>();
        private String cursor;
        private boolean isLastPage;
        private boolean isDone;
        private volatile CompletableFuture<Page> request;
        private volatile boolean isCancelled;
        private volatile boolean isWrong;

        Listing(Flow.Subscriber<? super Original> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public void request(long count) {
            if (count <= 0) {
                isWrong = true;
            } else {
                demand.getAndUpdate(now -> now + count < 0 ? Long.MAX_VALUE : now + count);
            }
            drain();
        }

        @Override
        public void cancel() {
            isCancelled = true;
            CompletableFuture<Page> current = request;
            if (current != null) {
                current.cancel(true);
            }
        }

        private void drain() {
            if (work.getAndIncrement() != 0) {
                return; // another thread drains, or this one further up
            }
            int seen = 1;
            do {
                emit();
                seen = work.addAndGet(-seen);
            } while (seen != 0);
        }

        private void emit() {
            if (!isDone && isWrong) {
                end(new IllegalArgumentException("a subscriber must request at least one original"));
            }
            takePage();
            while (!isDone && !isCancelled && demand.get() > 0 && !arrived.isEmpty()) {
                demand.decrementAndGet();
                subscriber.onNext(arrived.remove());
            }
            if (isDone || isCancelled || !arrived.isEmpty()) {
                return;
            }
            if (isLastPage) {
                end(null);
            } else if (request == null && demand.get() > 0) {
                CompletableFuture<Page> next = pages.apply(cursor);
                request = next;
                if (isCancelled) {
                    next.cancel(true);
                }
                next.whenComplete((page, failure) -> drain());
            }
        }

        private void takePage() {
            CompletableFuture<Page> current = request;
            if (current == null || !current.isDone() || isDone || isCancelled) {
                return;
            }
            request = null;
            try {
                Page page = current.join();
                arrived.addAll(page.items());
                cursor = page.next().orElse(null);
                isLastPage = cursor == null;
            } catch (RuntimeException error) {
                end(Futures.unwrapped(error));
            }
        }

        private void end(Throwable failure) {
            isDone = true;
            cancel();
            if (failure == null) {
                subscriber.onComplete();
            } else {
                subscriber.onError(failure);
            }
        }
    }
}
