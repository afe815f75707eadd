package org.pymager.client;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a variant looks like: a size or a preset, an output format, and options. It is the same for every picture.
 *
 * <p>Instances are immutable: every method returns a new one.
 *
 * <pre>{@code
 * Variant card = Variant.size(800, 600).format(OutputFormat.WEBP).gravity(Gravity.SMART).quality(70);
 * }</pre>
 *
 * <p>A server allows the sizes and options that its settings list. With a signed URL, it allows all of them.
 */
public final class Variant {
    private static final int MAX_SIDE = 999_999_999;
    private static final int MAX_FRAME = 999_999;
    private static final int PIXEL_DECIMALS = 3;
    private static final int DPR_DECIMALS = 2;
    private static final Pattern PRESET_NAME = Pattern.compile("[a-z0-9_-]{1,40}");
    private static final Pattern WATERMARK_NAME = Pattern.compile("[a-z0-9_-]{1,32}");
    private static final Pattern COLOR = Pattern.compile("[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?");

    /** The options in the order of a URL, which is the server's. */
    private enum Option {
        FIT("fit"),
        ENLARGE("enlarge"),
        GRAVITY("gravity"),
        DPR("dpr"),
        QUALITY("q"),
        BACKGROUND("bg"),
        CROP("crop"),
        TRIM("trim"),
        ROTATE("rotate"),
        FLIP("flip"),
        BLUR("blur"),
        SHARPEN("sharpen"),
        GRAY("gray"),
        WATERMARK("watermark"),
        ANIMATED("animated"),
        FRAME("frame"),
        VERSION("v");

        private final String parameter;

        Option(String parameter) {
            this.parameter = parameter;
        }
    }

    private final String size;
    private final String preset;
    private final OutputFormat format;
    private final Map<Option, String> options;

    private Variant(String size, String preset, OutputFormat format, Map<Option, String> options) {
        this.size = size;
        this.preset = preset;
        this.format = format;
        this.options = options;
    }

    /**
     * A variant of exactly this size, unless {@link #fit} or {@link #enlarge} says otherwise.
     *
     * @param width the width in pixels, at least 1
     * @param height the height in pixels, at least 1
     * @return the variant, in JPEG
     * @throws IllegalArgumentException if a side is less than 1
     */
    public static Variant size(int width, int height) {
        return sized(checkedSide("width", width) + "x" + checkedSide("height", height));
    }

    /**
     * A variant of this width. The height follows from the picture's proportions, and the picture is not enlarged.
     *
     * @param width the width in pixels, at least 1
     * @return the variant, in JPEG
     * @throws IllegalArgumentException if the width is less than 1
     */
    public static Variant width(int width) {
        return sized(checkedSide("width", width) + "x");
    }

    /**
     * A variant of this height. The width follows from the picture's proportions, and the picture is not enlarged.
     *
     * @param height the height in pixels, at least 1
     * @return the variant, in JPEG
     * @throws IllegalArgumentException if the height is less than 1
     */
    public static Variant height(int height) {
        return sized("x" + checkedSide("height", height));
    }

    /**
     * A variant that the server's settings name. The only options that it takes are {@link #dpr} and {@link #version}.
     *
     * @param name the name of the preset
     * @return the variant, in JPEG
     * @throws IllegalArgumentException if no preset can have this name
     */
    public static Variant preset(String name) {
        return new Variant(null, checkedName("preset", name, PRESET_NAME), OutputFormat.JPG, Map.of());
    }

    /**
     * Sets the output format.
     *
     * @param format the format
     * @return the variant in this format
     */
    public Variant format(OutputFormat format) {
        return new Variant(size, preset, Objects.requireNonNull(format), options);
    }

    /**
     * Sets how the picture is fitted into the size. The default is {@link Fit#COVER}.
     *
     * @param fit the fit
     * @return the variant with this option
     */
    public Variant fit(Fit fit) {
        return with(Option.FIT, fit == Fit.COVER ? null : fit.text());
    }

    /**
     * Sets whether a smaller picture is enlarged. By default, it is for a size with two sides, unless the fit is
     * {@link Fit#INSIDE}.
     *
     * @param enlarge whether it is enlarged
     * @return the variant with this option
     */
    public Variant enlarge(boolean enlarge) {
        return with(Option.ENLARGE, String.valueOf(enlarge));
    }

    /**
     * Sets which part of the picture a crop keeps. The default is {@link Gravity#CENTER}.
     *
     * @param gravity the gravity
     * @return the variant with this option
     */
    public Variant gravity(Gravity gravity) {
        return with(Option.GRAVITY, gravity.equals(Gravity.CENTER) ? null : gravity.toString());
    }

    /**
     * Multiplies the size, for screens with a high density.
     *
     * @param ratio the factor, from 1 to 4, rounded to two decimals
     * @return the variant with this option
     * @throws IllegalArgumentException if the factor is out of range
     */
    public Variant dpr(double ratio) {
        String text = Numbers.between("dpr", ratio, 1, 4, DPR_DECIMALS);
        return with(Option.DPR, text.equals("1") ? null : text);
    }

    /**
     * Sets the quality of a JPEG, WebP, AVIF or JPEG XL variant. The default is a setting of the server.
     *
     * @param quality the quality, from 1 to 100
     * @return the variant with this option
     * @throws IllegalArgumentException if the quality is out of range
     */
    public Variant quality(int quality) {
        return with(Option.QUALITY, String.valueOf(Numbers.between("quality", quality, 1, 100)));
    }

    /**
     * Sets the color of padding, and of what shows through where the format has no transparency.
     *
     * @param color {@code rrggbb} or {@code rrggbbaa} in hexadecimal digits
     * @return the variant with this option
     * @throws IllegalArgumentException if this is not a color
     */
    public Variant background(String color) {
        if (!COLOR.matcher(color).matches()) {
            throw new IllegalArgumentException("a color must be rrggbb or rrggbbaa, got '" + color + "'");
        }
        return with(Option.BACKGROUND, color.toLowerCase(Locale.ROOT));
    }

    /**
     * Uses a part of the picture only.
     *
     * @param crop the part
     * @return the variant with this option
     */
    public Variant crop(Crop crop) {
        return with(Option.CROP, crop.toString());
    }

    /**
     * Removes borders in the color of the top left pixel.
     *
     * @param tolerance how much a channel can differ from that color, from 0 to 255
     * @return the variant with this option
     * @throws IllegalArgumentException if the tolerance is out of range
     */
    public Variant trim(int tolerance) {
        return with(Option.TRIM, String.valueOf(Numbers.between("tolerance", tolerance, 0, 255)));
    }

    /**
     * Rotates the picture clockwise, after its own orientation.
     *
     * @param degrees 0, 90, 180 or 270
     * @return the variant with this option
     * @throws IllegalArgumentException for any other angle
     */
    public Variant rotate(int degrees) {
        if (degrees % 90 != 0 || degrees < 0 || degrees > 270) {
            throw new IllegalArgumentException("degrees must be 0, 90, 180 or 270, got " + degrees);
        }
        return with(Option.ROTATE, degrees == 0 ? null : String.valueOf(degrees));
    }

    /**
     * Mirrors the picture, after {@link #rotate}.
     *
     * @param flip how it is mirrored
     * @return the variant with this option
     */
    public Variant flip(Flip flip) {
        return with(Option.FLIP, flip.text());
    }

    /**
     * Blurs the variant.
     *
     * @param sigma the standard deviation of the Gaussian in pixels, from 0.3 to 100, rounded to three decimals
     * @return the variant with this option
     * @throws IllegalArgumentException if sigma is out of range
     */
    public Variant blur(double sigma) {
        return with(Option.BLUR, Numbers.between("sigma", sigma, 0.3, 100, PIXEL_DECIMALS));
    }

    /**
     * Sharpens the variant with an unsharp mask.
     *
     * @param sigma the standard deviation of the Gaussian in pixels, from 0.3 to 10, rounded to three decimals
     * @return the variant with this option
     * @throws IllegalArgumentException if sigma is out of range
     */
    public Variant sharpen(double sigma) {
        return with(Option.SHARPEN, Numbers.between("sigma", sigma, 0.3, 10, PIXEL_DECIMALS));
    }

    /**
     * Shows the picture in shades of gray.
     *
     * @return the variant with this option
     */
    public Variant gray() {
        return with(Option.GRAY, "true");
    }

    /**
     * Draws a watermark over the variant.
     *
     * @param name the name of a watermark in the server's settings
     * @return the variant with this option
     * @throws IllegalArgumentException if no watermark can have this name
     */
    public Variant watermark(String name) {
        return with(Option.WATERMARK, checkedName("watermark", name, WATERMARK_NAME));
    }

    /**
     * Sets whether an animation keeps all of its frames. The default is a setting of the server.
     *
     * @param animated whether all frames are kept
     * @return the variant with this option
     * @throws IllegalArgumentException if the variant is a single frame
     */
    public Variant animated(boolean animated) {
        return with(Option.ANIMATED, String.valueOf(animated));
    }

    /**
     * Shows one frame of an animation, or one page of a TIFF.
     *
     * @param number the number of the frame; the first one is 0
     * @return the variant with this option
     * @throws IllegalArgumentException if the number is negative or too large, or the variant is animated
     */
    public Variant frame(int number) {
        return with(Option.FRAME, String.valueOf(Numbers.between("frame", number, 0, MAX_FRAME)));
    }

    /**
     * Adds a parameter that the server ignores. Change it to bypass caches, for example with the beginning of the
     * {@link Original#sha256() SHA-256} of an original that was replaced.
     *
     * @param version the value of the parameter
     * @return the variant with this parameter
     */
    public Variant version(String version) {
        return with(Option.VERSION, PercentEncoding.encoded(version).replace("%2C", ","));
    }

    /** The same variant in another width, with the height in proportion. */
    Variant resized(int width) {
        if (preset != null) {
            throw new IllegalArgumentException("a preset has one size; use Variant.width for several");
        }
        if (options.containsKey(Option.DPR)) {
            throw new IllegalArgumentException("dpr has no place in a srcset, where browsers choose; add larger widths");
        }
        return new Variant(checkedSide("width", width) + "x", null, format, options);
    }

    /** What follows the id in the URL, such as {@code -800x600.jpg?q=70}. Nothing in it needs percent-encoding. */
    String suffix() {
        String name = preset == null ? "-" + size : "@" + preset;
        String query = options.entrySet().stream()
                .map(option -> option.getKey().parameter + "=" + option.getValue())
                .collect(Collectors.joining("&"));
        return name + "." + format.extension() + (query.isEmpty() ? "" : "?" + query);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Variant variant && suffix().equals(variant.suffix());
    }

    @Override
    public int hashCode() {
        return suffix().hashCode();
    }

    /** Returns what the variant adds to the id of a picture in a URL, such as {@code -800x600.jpg?q=70}. */
    @Override
    public String toString() {
        return suffix();
    }

    private Variant with(Option option, String value) {
        if (preset != null && option != Option.DPR && option != Option.VERSION) {
            throw new IllegalArgumentException("a preset takes no option but dpr and v, got " + option.parameter);
        }
        Map<Option, String> changed = new EnumMap<>(Option.class);
        changed.putAll(options);
        if (value == null) {
            changed.remove(option);
        } else {
            changed.put(option, value);
        }
        if ("true".equals(changed.get(Option.ANIMATED)) && changed.containsKey(Option.FRAME)) {
            throw new IllegalArgumentException("a variant is either animated or a single frame");
        }
        return new Variant(size, preset, format, changed);
    }

    private static Variant sized(String size) {
        return new Variant(size, null, OutputFormat.JPG, Map.of());
    }

    private static int checkedSide(String name, int side) {
        return Numbers.between(name, side, 1, MAX_SIDE);
    }

    private static String checkedName(String what, String name, Pattern pattern) {
        if (!pattern.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "the name of a " + what + " must match " + pattern.pattern() + ", got '" + name + "'");
        }
        return name;
    }
}
