package org.pymager.client;

import java.util.List;
import java.util.Optional;

/**
 * A page of the listing of originals.
 *
 * @param items the originals
 * @param next the cursor of the next page; empty on the last one
 */
public record Page(List<Original> items, Optional<String> next) {
    /**
     * Copies the items.
     *
     * @param items the originals
     * @param next the cursor of the next page
     */
    public Page {
        items = List.copyOf(items);
    }
}
