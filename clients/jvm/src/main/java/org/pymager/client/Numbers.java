package org.pymager.client;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Numbers of options: checked, and written as a URL has them. */
final class Numbers {
    private Numbers() {}

    /** The number without superfluous zeros, such as {@code 2.5}, rounded half up to this number of decimals. */
    static String between(String name, double value, double low, double high, int decimals) {
        if (!Double.isFinite(value)) {
            throw outside(name, String.valueOf(value), plain(low), plain(high));
        }
        BigDecimal rounded = BigDecimal.valueOf(value).setScale(decimals, RoundingMode.HALF_UP);
        if (rounded.compareTo(BigDecimal.valueOf(low)) < 0 || rounded.compareTo(BigDecimal.valueOf(high)) > 0) {
            throw outside(name, String.valueOf(value), plain(low), plain(high));
        }
        return plain(rounded);
    }

    static int between(String name, int value, int low, int high) {
        if (value < low || value > high) {
            throw outside(name, String.valueOf(value), String.valueOf(low), String.valueOf(high));
        }
        return value;
    }

    private static String plain(double value) {
        return plain(BigDecimal.valueOf(value));
    }

    private static String plain(BigDecimal value) {
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }

    private static IllegalArgumentException outside(String name, String value, String low, String high) {
        return new IllegalArgumentException(name + " must be from " + low + " to " + high + ", got " + value);
    }
}
