package org.pymager.client;

/** How a picture is fitted into the size of a variant, as CSS {@code object-fit} and sharp do it. */
public enum Fit {
    /** Crop to the exact size. The default. */
    COVER("cover"),
    /** Add padding to get the exact size. */
    CONTAIN("contain"),
    /** Fit into the box, without padding. */
    INSIDE("inside"),
    /** Stretch to the exact size. */
    FILL("fill");

    private final String text;

    Fit(String text) {
        this.text = text;
    }

    String text() {
        return text;
    }
}
