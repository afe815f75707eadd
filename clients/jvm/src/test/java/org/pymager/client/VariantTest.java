package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Variants: how they are written, and which values they take. */
class VariantTest {
    @Test
    void sizesHaveOneOrTwoSides() {
        assertEquals("-800x600.jpg", Variant.size(800, 600).toString());
        assertEquals("-800x.jpg", Variant.width(800).toString());
        assertEquals("-x600.jpg", Variant.height(600).toString());
        assertEquals("@thumb.webp?dpr=2", Variant.preset("thumb").format(OutputFormat.WEBP).dpr(2).toString());
        assertEquals("@thumb.jpg?v=a%26b%20,", Variant.preset("thumb").version("a&b ,").toString());
    }

    @Test
    void optionsAreInTheOrderOfTheServerWhateverTheOrderOfTheCalls() {
        Variant variant = Variant.size(800, 600)
                .version("7")
                .frame(3)
                .watermark("logo")
                .gray()
                .sharpen(1)
                .blur(2.5)
                .flip(Flip.BOTH)
                .rotate(90)
                .trim(10)
                .crop(Crop.percent(10, 0, 50, 100))
                .background("FFEE00")
                .quality(70)
                .dpr(1.5)
                .gravity(Gravity.point(0.3, 0.75))
                .enlarge(false)
                .fit(Fit.CONTAIN);
        assertEquals(
                "-800x600.jpg?fit=contain&enlarge=false&gravity=0.3,0.75&dpr=1.5&q=70&bg=ffee00&crop=10p,0p,50p,100p"
                        + "&trim=10&rotate=90&flip=hv&blur=2.5&sharpen=1&gray=true&watermark=logo&frame=3&v=7",
                variant.toString());
    }

    @Test
    void defaultsAreNotWritten() {
        Variant plain = Variant.size(800, 600);
        assertEquals(plain, plain.fit(Fit.COVER).gravity(Gravity.CENTER).dpr(1).rotate(0));
        assertEquals(plain, plain.fit(Fit.INSIDE).fit(Fit.COVER));
        assertEquals(plain, plain.gravity(Gravity.point(0.5, 0.5)));
        assertEquals(plain.hashCode(), plain.rotate(0).hashCode());
        assertNotEquals(plain, plain.quality(70));
    }

    @Test
    void aVariantDoesNotChange() {
        Variant plain = Variant.size(800, 600);
        plain.quality(70).format(OutputFormat.PNG);
        assertEquals("-800x600.jpg", plain.toString());
    }

    @Test
    void numbersAreRoundedToWhatTheServerReads() {
        assertEquals("0.333,0.667", Gravity.point(1 / 3.0, 2 / 3.0).toString());
        assertEquals(Gravity.NORTHWEST, Gravity.point(0, 0.0001));
        assertEquals(Gravity.SOUTHEAST, Gravity.point(1, 1));
        assertEquals("-1x1.jpg?dpr=1.33", Variant.size(1, 1).dpr(4 / 3.0).toString());
        assertEquals("-1x1.jpg?blur=100", Variant.size(1, 1).blur(100).toString());
        assertEquals("33.333p,0p,66.667p,100p", Crop.percent(100 / 3.0, 0, 200 / 3.0, 100).toString());
        assertEquals("10,0,300,200", Crop.pixels(10, 0, 300, 200).toString());
    }

    @Test
    void valuesThatTheServerRefusesAreRefused() {
        Variant plain = Variant.size(800, 600);
        List<Supplier<Object>> wrong = List.of(
                () -> Variant.size(0, 600),
                () -> Variant.width(-1),
                () -> Variant.height(1_000_000_000),
                () -> Variant.preset(""),
                () -> Variant.preset("a/b"),
                () -> Variant.preset("Thumb"),
                () -> Variant.preset("thumb").quality(70),
                () -> Variant.preset("thumb").resized(100),
                () -> plain.dpr(2).resized(100),
                () -> plain.version("\ud83d"),
                () -> plain.dpr(0.99),
                () -> plain.dpr(4.01),
                () -> plain.dpr(Double.NaN),
                () -> plain.quality(0),
                () -> plain.quality(101),
                () -> plain.background("white"),
                () -> plain.background("#ffffff"),
                () -> plain.trim(-1),
                () -> plain.trim(256),
                () -> plain.rotate(45),
                () -> plain.rotate(360),
                () -> plain.blur(0.2),
                () -> plain.blur(Double.POSITIVE_INFINITY),
                () -> plain.sharpen(10.1),
                () -> plain.watermark("a&b"),
                () -> plain.frame(-1),
                () -> plain.frame(1).animated(true),
                () -> plain.animated(true).frame(1),
                () -> Gravity.point(1.1, 0),
                () -> Gravity.point(0, -0.1),
                () -> Crop.pixels(0, 0, 0, 1),
                () -> Crop.percent(100, 0, 1, 1),
                () -> Crop.percent(0, 0, 101, 1));
        for (Supplier<Object> each : wrong) {
            assertThrows(IllegalArgumentException.class, each::get);
        }
    }
}
