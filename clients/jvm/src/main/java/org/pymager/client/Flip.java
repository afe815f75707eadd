package org.pymager.client;

/** How a picture is mirrored. */
public enum Flip {
    /** Left and right change places. */
    HORIZONTAL("h"),
    /** Top and bottom change places. */
    VERTICAL("v"),
    /** Both, which is a rotation by 180 degrees. */
    BOTH("hv");

    private final String text;

    Flip(String text) {
        this.text = text;
    }

    String text() {
        return text;
    }
}
