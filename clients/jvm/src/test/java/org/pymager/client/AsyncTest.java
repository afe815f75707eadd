package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The asynchronous client, against a real server, and the publisher of the listing. */
class AsyncTest {
    private static final byte[] PHOTO = Pictures.jpeg(40, 30);

    private final AsyncPymagerClient client = PymagerServer.client().async();
    private final String id = Pictures.newId();

    @Test
    void callsCanBeComposed() {
        byte[] variant = client.upload(id, Source.of(PHOTO))
                .thenCompose(original -> client.info(original.id()))
                .thenCompose(original -> client.variant(original.id(), Variant.size(20, 20)))
                .join();
        assertEquals(20, Pictures.decoded(variant).getWidth());
        assertArrayEquals(PHOTO, client.download(id).join());
        assertEquals(false, client.replace(id, Source.of(PHOTO)).join().created());
        assertNull(client.delete(id).join());
    }

    @Test
    void manyCallsRunAtOnce() {
        List<CompletableFuture<Original>> uploads = IntStream.range(0, 20)
                .mapToObj(number -> client.upload(id + number, Source.of(PHOTO)))
                .toList();
        for (int number = 0; number < uploads.size(); number++) {
            assertEquals(id + number, uploads.get(number).join().id());
        }
    }

    @Test
    void errorsComeThroughTheFuture() {
        CompletionException error = assertThrows(CompletionException.class, () -> client.info(id).join());
        assertTrue(error.getCause() instanceof NotFoundException);
        error = assertThrows(CompletionException.class, () -> client.info("").join());
        assertTrue(error.getCause() instanceof IllegalArgumentException);
    }

    @Test
    void theListingIsPublishedPageByPage() {
        IntStream.range(0, 5).forEach(number -> client.upload(id + number, Source.of(PHOTO)).join());
        for (int pageSize : new int[] {2, 1000}) {
            Collecting all = new Collecting(Long.MAX_VALUE, Long.MAX_VALUE);
            client.originals(pageSize).subscribe(all);
            List<String> found = all.done.join().stream().filter(each -> each.startsWith(id)).toList();
            assertEquals(IntStream.range(0, 5).mapToObj(number -> id + number).toList(), found);
        }
    }

    @Test
    void asManyOriginalsAreDeliveredAsAreAskedFor() {
        List<String> cursors = Collections.synchronizedList(new ArrayList<>());
        ListingPublisher pages = pages(cursors, 3);
        Collecting one = new Collecting(1, 3);
        pages.subscribe(one);
        assertEquals(List.of("0", "1", "2"), one.done.join());
        assertEquals(List.of("null", "2"), cursors);
        Collecting all = new Collecting(1, Long.MAX_VALUE);
        pages.subscribe(all);
        assertEquals(List.of("0", "1", "2", "3", "4", "5"), all.done.join());
    }

    @Test
    void aSubscriberGetsAnError() {
        Collecting none = new Collecting(1, Long.MAX_VALUE);
        new ListingPublisher(cursor -> CompletableFuture.failedFuture(new IllegalStateException())).subscribe(none);
        assertThrows(CompletionException.class, none.done::join);
        Collecting wrong = new Collecting(0, Long.MAX_VALUE);
        pages(new ArrayList<>(), 1).subscribe(wrong);
        CompletionException error = assertThrows(CompletionException.class, wrong.done::join);
        assertTrue(error.getCause() instanceof IllegalArgumentException);
    }

    /** Pages of two originals, whose ids are their numbers. */
    private static ListingPublisher pages(List<String> cursors, int count) {
        return new ListingPublisher(cursor -> CompletableFuture.supplyAsync(() -> {
            cursors.add(String.valueOf(cursor));
            int first = cursor == null ? 0 : Integer.parseInt(cursor);
            Optional<String> next = first + 2 < 2 * count ? Optional.of(String.valueOf(first + 2)) : Optional.empty();
            return new Page(List.of(original(first), original(first + 1)), next);
        }));
    }

    private static Original original(int number) {
        return new Original(
                String.valueOf(number), "jpeg", 4, 3, 7, "", Instant.EPOCH, Optional.empty());
    }

    /** Collects ids, asks for some at a time, and cancels after a number of them. */
    private static final class Collecting implements Flow.Subscriber<Original> {
        private final CompletableFuture<List<String>> done = new CompletableFuture<>();
        private final List<String> ids = new ArrayList<>();
        private final long demand;
        private final long limit;
        private Flow.Subscription subscription;

        Collecting(long demand, long limit) {
            this.demand = demand;
            this.limit = limit;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            given.request(demand);
        }

        @Override
        public void onNext(Original original) {
            ids.add(original.id());
            if (ids.size() == limit) {
                subscription.cancel();
                done.complete(List.copyOf(ids));
            } else if (demand != Long.MAX_VALUE) {
                subscription.request(demand);
            }
        }

        @Override
        public void onError(Throwable error) {
            done.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            done.complete(List.copyOf(ids));
        }
    }
}
