package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A server whose pictures all need a signature or credentials. */
class PrivatePicturesTest {
    private static final byte[] PHOTO = Pictures.jpeg(400, 300);
    private static final Variant VARIANT = Variant.size(40, 30);

    private final String url = PymagerServer.url("required");
    private final String id = Pictures.newId();
    private final PymagerClient user =
            PymagerClient.builder(url).basic(PymagerServer.USER, PymagerServer.PASSWORD).build();
    private final PymagerClient signing = PymagerClient.builder(url).signingKey(PymagerServer.SECOND_KEY).build();

    @BeforeEach
    void upload() {
        user.upload(id, Source.of(PHOTO));
    }

    @Test
    void aClientWithoutKeyAndCredentialsIsRefused() {
        PymagerClient stranger = PymagerClient.builder(url).build();
        assertThrows(ForbiddenException.class, () -> stranger.info(id));
        assertThrows(ForbiddenException.class, () -> stranger.download(id));
        assertThrows(ForbiddenException.class, () -> stranger.variant(id, VARIANT));
    }

    @Test
    void credentialsOrAKeyAreEnough() {
        for (PymagerClient client : new PymagerClient[] {user, signing}) {
            assertEquals(id, client.info(id).id());
            assertArrayEquals(PHOTO, client.download(id));
            assertEquals(40, Pictures.decoded(client.variant(id, VARIANT)).getWidth());
        }
    }

    @Test
    void whoeverHasASignedUrlSeesThePicture() throws Exception {
        Signing hour = Signing.expiresIn(Duration.ofHours(1));
        Signing past = Signing.expiresAt(Instant.ofEpochSecond(1_000_000_000));
        PictureUrls urls = signing.urls();
        assertEquals(200, status(urls.variant(id, VARIANT)));
        assertEquals(200, status(urls.variant(id, VARIANT, hour)));
        assertEquals(200, status(urls.original(id, hour)));
        assertEquals(200, status(urls.info(id, hour)));
        assertEquals(200, status(urls.srcset(id, VARIANT, hour, 50).split(" ")[0]));
        assertEquals(403, status(urls.variant(id, VARIANT, Signing.NONE)));
        assertEquals(403, status(urls.variant(id, VARIANT, past)));
    }

    private static int status(String url) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        return HttpClient.newHttpClient().send(request, BodyHandlers.discarding()).statusCode();
    }
}
