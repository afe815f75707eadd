package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** URLs: their spelling, signatures, and {@code srcset}. */
class PictureUrlsTest {
    private static final String BASE = "https://img.example.org/pictures";
    private static final UrlSigner SIGNER = UrlSigner.parse(PymagerServer.KEY);
    private static final PictureUrls PLAIN = PictureUrls.of(BASE);
    private static final PictureUrls SIGNED = PictureUrls.of(BASE + "/", SIGNER);
    private static final Variant VARIANT = Variant.size(800, 600);

    @ParameterizedTest
    @CsvSource({
        "cat, cat",
        "a-1x1, a-1x1",
        "café, caf%C3%A9",
        "cafe\u0301, caf%C3%A9", // decomposed
        "猫, %E7%8C%AB",
        "𝒳_1, %F0%9D%92%B3_1",
        "a b, a%20b",
        "a/b, a%2Fb",
        "a?b#c, a%3Fb%23c",
        "100%, 100%25",
        "a+b&c, a%2Bb%26c",
        "a~.b, a~.b",
    })
    void idsArePercentEncoded(String id, String encoded) {
        assertEquals(BASE + "/original/" + encoded, PLAIN.original(id));
        assertEquals(BASE + "/info/" + encoded, PLAIN.info(id));
        assertEquals(BASE + "/derived/" + encoded + "-800x600.jpg", PLAIN.variant(id, VARIANT));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "\ud83d"})
    void idsThatWouldBeAnotherPathAreRefused(String id) {
        assertThrows(IllegalArgumentException.class, () -> PLAIN.original(id));
    }

    @Test
    void theSpellingIsThatOfPymagerSign() throws Exception {
        Map<String, String> settings = Map.of("PYMAGER_SIZES", "*", "PYMAGER_PUBLIC_URL", BASE);
        for (String id : List.of("cat", "café", "می\u200cخواهم")) {
            String url = BASE + "/derived/" + id + "-800x.webp?gravity=0.3,0.75";
            String printed = PymagerServer.printed(settings, "sign", url);
            Variant variant = Variant.width(800).format(OutputFormat.WEBP).gravity(Gravity.point(0.3, 0.75));
            assertEquals(printed.strip(), SIGNED.variant(id, variant));
        }
    }

    @Test
    void aSignatureDoesNotCoverThePrefix() {
        assertEquals(BASE + SIGNER.sign("/derived/cat-800x600.jpg"), SIGNED.variant("cat", VARIANT));
        assertEquals(BASE + SIGNER.sign("/original/cat"), SIGNED.original("cat"));
        assertEquals(BASE + SIGNER.sign("/info/cat"), SIGNED.info("cat"));
        assertEquals(PLAIN.variant("cat", VARIANT), SIGNED.variant("cat", VARIANT, Signing.NONE));
        assertEquals(SIGNER.sign("/info/cat"), SIGNED.sign("/info/cat"));
        assertThrows(IllegalArgumentException.class, () -> SIGNED.sign("/info/cat", Signing.NONE));
    }

    @Test
    void signaturesExpireAtATimeOrAfterADuration() {
        Instant time = Instant.ofEpochSecond(4_102_444_800L);
        assertEquals(
                BASE + SIGNER.sign("/original/cat", time), SIGNED.original("cat", Signing.expiresAt(time)));
        long before = Instant.now().getEpochSecond();
        String url = SIGNED.info("cat", Signing.expiresIn(Duration.ofHours(1)));
        long after = Instant.now().getEpochSecond();
        Matcher expiry = Pattern.compile("exp=([0-9]+)&sig=").matcher(url);
        assertTrue(expiry.find(), url);
        long seconds = Long.parseLong(expiry.group(1));
        assertTrue(before + 3600 <= seconds && seconds <= after + 3600, url);
        assertThrows(IllegalArgumentException.class, () -> Signing.expiresIn(Duration.ofMillis(999)));
    }

    @Test
    void anExpiryNeedsAKey() {
        Signing signing = Signing.expiresIn(Duration.ofHours(1));
        assertThrows(IllegalStateException.class, () -> PLAIN.variant("cat", VARIANT, signing));
        assertThrows(IllegalStateException.class, () -> PLAIN.sign("/info/cat"));
    }

    @Test
    void aSrcsetHasAVariantOfEachWidth() {
        Variant variant = Variant.size(100, 100).format(OutputFormat.WEBP).quality(70);
        assertEquals(
                BASE + "/derived/cat-400x.webp?q=70 400w, " + BASE + "/derived/cat-800x.webp?q=70 800w",
                PLAIN.srcset("cat", variant, 400, 800, 400));
        assertEquals(
                BASE + SIGNER.sign("/derived/cat-400x.jpg") + " 400w", SIGNED.srcset("cat", Variant.width(1), 400));
        assertEquals(
                BASE + "/derived/cat-400x.jpg 400w", SIGNED.srcset("cat", Variant.width(1), Signing.NONE, 400));
        Signing hour = Signing.expiresIn(Duration.ofHours(1));
        String many = SIGNED.srcset("cat", variant, hour, IntStream.range(1, 5000).toArray());
        Matcher expiries = Pattern.compile("exp=[0-9]+").matcher(many);
        assertEquals(1, expiries.results().map(MatchResult::group).distinct().count());
        assertThrows(IllegalArgumentException.class, () -> PLAIN.srcset("cat", variant));
        assertThrows(IllegalArgumentException.class, () -> PLAIN.srcset("cat", Variant.preset("thumb"), 400));
        assertThrows(IllegalArgumentException.class, () -> PLAIN.srcset("cat", variant, 0));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "img.example.org", "/pictures", "ftp://img.example.org", "https://", "https://a b",
        "https://user:secret@img.example.org", "https://user:secret@img.example.org:port space",
        "https://h?secret", "https://h#secret",
    })
    void aBadBaseUrlIsRefusedAndNotShown(String url) {
        Throwable error = assertThrows(IllegalArgumentException.class, () -> PictureUrls.of(url));
        for (; error != null; error = error.getCause()) {
            assertFalse(error.getMessage().contains("secret"), error.getMessage());
        }
    }
}
