package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Signatures: the test vectors of the documentation, and keys and targets that are refused. */
class UrlSignerTest {
    private static final String TARGET = "/derived/cat-800x600.jpg";
    private static final UrlSigner SIGNER = UrlSigner.parse(PymagerServer.KEY);

    static Stream<Map<String, String>> vectors() throws IOException {
        return objects(Checkout.signingVectors().get(0)).stream();
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void everyTestVectorIsSignedAsTheDocumentationSays(Map<String, String> vector) {
        String key = vector.get("key").equals("1") ? PymagerServer.KEY : PymagerServer.SECOND_KEY;
        assertEquals(vector.get("url"), UrlSigner.parse(key).sign(vector.get("target")), vector.get("case"));
    }

    @Test
    void thereAreTestVectors() throws IOException {
        assertTrue(vectors().count() >= 20);
    }

    @Test
    void aRealServerAcceptsEveryTestVector() throws Exception {
        HttpClient http = HttpClient.newHttpClient();
        for (Map<String, String> vector : vectors().toList()) {
            URI uri = URI.create(PymagerServer.url() + vector.get("url"));
            int status = http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.discarding()).statusCode();
            // The pictures do not exist. A wrong signature would be a 403.
            assertEquals(404, status, vector.get("case"));
        }
    }

    @Test
    void anExpiryIsThePartOfTheQueryBeforeTheSignature() {
        Instant expires = Instant.ofEpochSecond(4_102_444_800L, 999_999_999);
        assertEquals(SIGNER.sign(TARGET + "?exp=4102444800"), SIGNER.sign(TARGET, expires));
        assertEquals(SIGNER.sign(TARGET + "?q=7&exp=4102444800"), SIGNER.sign(TARGET + "?q=7", expires));
        assertThrows(IllegalArgumentException.class, () -> SIGNER.sign(TARGET, Instant.ofEpochSecond(-1)));
        assertThrows(IllegalArgumentException.class, () -> SIGNER.sign(TARGET, Instant.MAX));
    }

    @Test
    void aKeyIsTheSameInEveryForm() {
        byte[] key = HexFormat.of().parseHex(PymagerServer.KEY);
        String expected = SIGNER.sign(TARGET);
        Base64.Encoder plain = Base64.getEncoder();
        Base64.Encoder url = Base64.getUrlEncoder();
        assertEquals(expected, new UrlSigner(key).sign(TARGET));
        assertEquals(expected, UrlSigner.parse(PymagerServer.KEY.toUpperCase()).sign(TARGET));
        for (Base64.Encoder encoder : List.of(plain, plain.withoutPadding(), url, url.withoutPadding())) {
            assertEquals(expected, UrlSigner.parse(encoder.encodeToString(key)).sign(TARGET));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "secret-key", "00112233", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
        "not base64, not base64, not base64, not base64!",
    })
    void aBadKeyIsRefusedAndNotShown(String key) {
        Throwable error = assertThrows(IllegalArgumentException.class, () -> UrlSigner.parse(key));
        for (; error != null; error = error.getCause()) {
            assertFalse(!key.isEmpty() && error.getMessage().contains(key), error.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "/", "cat", "/derived/", "/healthz", "/original", "/original?limit=1", "/x/derived/cat-1x1.jpg",
        "http://127.0.0.1/derived/cat-1x1.jpg", "/derived/café-1x1.jpg", "/derived/a b-1x1.jpg",
        "/derived/cat-1x1.jpg#a", "/derived/cat-1x1.jpg?v=a b", "/derived/cat-1x1.jpg\n",
        "/derived/cat-1x1.jpg?sig=x", "/derived/cat-1x1.jpg?q=7&sig",
    })
    void whatAServerWouldNotAcceptIsNotSigned(String target) {
        assertThrows(IllegalArgumentException.class, () -> SIGNER.sign(target));
    }

    @Test
    void aSecondExpiryIsRefused() {
        String target = TARGET + "?exp=4102444800";
        assertThrows(IllegalArgumentException.class, () -> SIGNER.sign(target, Instant.ofEpochSecond(4_102_444_801L)));
    }

    /** The objects of an array, with all values as text. */
    private static List<Map<String, String>> objects(String json) throws IOException {
        List<Map<String, String>> objects = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.START_OBJECT) {
                    objects.add(new HashMap<>());
                } else if (Set.of(JsonToken.VALUE_STRING, JsonToken.VALUE_NUMBER_INT).contains(token)) {
                    objects.get(objects.size() - 1).put(parser.currentName(), parser.getText());
                }
            }
        }
        return objects;
    }
}
