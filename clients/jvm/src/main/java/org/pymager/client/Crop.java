package org.pymager.client;

/** The part of a picture to use. It is cut out before the other options apply. */
public final class Crop {
    private static final int MAX_COORDINATE = 9_999_999;

    private final String text;

    private Crop(String text) {
        this.text = text;
    }

    /**
     * A part in pixels of the upright picture. It is clipped to the picture.
     *
     * @param x the distance from the left edge
     * @param y the distance from the upper edge
     * @param width the width, at least 1
     * @param height the height, at least 1
     * @return the part
     * @throws IllegalArgumentException if a number is out of range
     */
    public static Crop pixels(int x, int y, int width, int height) {
        Numbers.between("x", x, 0, MAX_COORDINATE);
        Numbers.between("y", y, 0, MAX_COORDINATE);
        Numbers.between("width", width, 1, MAX_COORDINATE);
        Numbers.between("height", height, 1, MAX_COORDINATE);
        return new Crop(x + "," + y + "," + width + "," + height);
    }

    /**
     * A part in percent of the upright picture, each rounded to three decimals.
     *
     * @param x the distance from the left edge, 0 or more and less than 100
     * @param y the distance from the upper edge, 0 or more and less than 100
     * @param width the width, more than 0 and at most 100
     * @param height the height, more than 0 and at most 100
     * @return the part
     * @throws IllegalArgumentException if a number is out of range
     */
    public static Crop percent(double x, double y, double width, double height) {
        return new Crop(
                Numbers.between("x", x, 0, 99.999, 3) + "p,"
                        + Numbers.between("y", y, 0, 99.999, 3) + "p,"
                        + Numbers.between("width", width, 0.001, 100, 3) + "p,"
                        + Numbers.between("height", height, 0.001, 100, 3) + "p");
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Crop crop && text.equals(crop.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** Returns the part as in the URL of a variant, such as {@code 10,0,300,200} or {@code 10p,0p,50p,100p}. */
    @Override
    public String toString() {
        return text;
    }
}
