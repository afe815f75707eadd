package org.pymager.client;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * All originals, in the order of their ids. Every iteration requests the listing anew, page by page, as it proceeds.
 * Originals that are uploaded or deleted meanwhile can be in it or not.
 *
 * <p>The methods of the iterators throw a {@link PymagerException}.
 */
public final class Originals implements Iterable<Original> {
    private final Function<String, Page> pages;

    /** {@code pages} requests the page at a cursor, which is null for the first one. */
    Originals(Function<String, Page> pages) {
        this.pages = pages;
    }

    @Override
    public Iterator<Original> iterator() {
        return new Listing();
    }

    @Override
    public Spliterator<Original> spliterator() {
        int characteristics = Spliterator.ORDERED | Spliterator.NONNULL;
        return Spliterators.spliteratorUnknownSize(iterator(), characteristics);
    }

    /**
     * Returns the originals as a stream.
     *
     * @return a sequential stream
     */
    public Stream<Original> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    private final class Listing implements Iterator<Original> {
        private final Queue<Original> arrived = new ArrayDeque<>();
        private String cursor;
        private boolean isLastPage;

        @Override
        public boolean hasNext() {
            while (arrived.isEmpty() && !isLastPage) {
                Page page = pages.apply(cursor);
                arrived.addAll(page.items());
                cursor = page.next().orElse(null);
                isLastPage = cursor == null;
            }
            return !arrived.isEmpty();
        }

        @Override
        public Original next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return arrived.remove();
        }
    }
}
