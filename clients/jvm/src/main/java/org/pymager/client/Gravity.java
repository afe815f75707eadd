package org.pymager.client;

import java.util.Map;

/**
 * The part of a picture that {@link Fit#COVER} keeps, and the place where {@link Fit#CONTAIN} puts the picture.
 *
 * <p>It is a direction, {@link #SMART}, or a point.
 */
public final class Gravity {
    /** The middle. The default. */
    public static final Gravity CENTER = new Gravity("center");
    /** The middle of the upper edge. */
    public static final Gravity NORTH = new Gravity("north");
    /** The upper right corner. */
    public static final Gravity NORTHEAST = new Gravity("northeast");
    /** The middle of the right edge. */
    public static final Gravity EAST = new Gravity("east");
    /** The lower right corner. */
    public static final Gravity SOUTHEAST = new Gravity("southeast");
    /** The middle of the lower edge. */
    public static final Gravity SOUTH = new Gravity("south");
    /** The lower left corner. */
    public static final Gravity SOUTHWEST = new Gravity("southwest");
    /** The middle of the left edge. */
    public static final Gravity WEST = new Gravity("west");
    /** The upper left corner. */
    public static final Gravity NORTHWEST = new Gravity("northwest");
    /** What stands out in the picture. */
    public static final Gravity SMART = new Gravity("smart");

    private static final Map<String, Gravity> BY_POINT = Map.of(
            "0.5,0.5", CENTER, "0.5,0", NORTH, "1,0", NORTHEAST, "1,0.5", EAST, "1,1", SOUTHEAST, "0.5,1", SOUTH,
            "0,1", SOUTHWEST, "0,0.5", WEST, "0,0", NORTHWEST);

    private final String text;

    private Gravity(String text) {
        this.text = text;
    }

    /**
     * A point, such as the middle of a face. It ends up as near to the middle of the variant as the edges allow.
     *
     * @param x the distance from the left edge as a fraction of the width, from 0 to 1, rounded to three decimals
     * @param y the distance from the upper edge as a fraction of the height, from 0 to 1, rounded to three decimals
     * @return the point
     * @throws IllegalArgumentException if a fraction is not from 0 to 1
     */
    public static Gravity point(double x, double y) {
        String text = Numbers.between("x", x, 0, 1, 3) + "," + Numbers.between("y", y, 0, 1, 3);
        return BY_POINT.getOrDefault(text, new Gravity(text));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Gravity gravity && text.equals(gravity.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** Returns the gravity as in the URL of a variant, such as {@code north} or {@code 0.3,0.75}. */
    @Override
    public String toString() {
        return text;
    }
}
