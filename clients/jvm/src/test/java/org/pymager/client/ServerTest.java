package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client against a real server. */
class ServerTest {
    private static final byte[] PHOTO = Pictures.jpeg(400, 300);

    private final PymagerClient client = PymagerServer.client();
    private final String id = Pictures.newId();

    @TempDir
    private Path folder;

    @Test
    void anUploadHasADescription() {
        Instant before = Instant.now().minusSeconds(60);
        Original original = client.upload(id, Source.of(PHOTO));
        assertEquals(id, original.id());
        assertEquals("jpeg", original.format());
        assertEquals(400, original.width());
        assertEquals(300, original.height());
        assertEquals(PHOTO.length, original.size());
        assertEquals(Pictures.sha256(PHOTO), original.sha256());
        assertTrue(original.created().isAfter(before));
        Original.Description description = original.description().orElseThrow();
        assertEquals(1, description.frames());
        assertFalse(description.alpha());
        assertTrue(description.dominant().matches("#[0-9a-f]{6}"));
        assertFalse(description.thumbhash().isEmpty());
        assertFalse(description.blurhash().isEmpty());
        assertEquals(original, client.info(id));
    }

    @Test
    void everyKindOfSourceCanBeUploaded() throws IOException {
        Path file = Files.write(folder.resolve("cat.jpg"), PHOTO);
        List<Source> sources = List.of(
                Source.of(file),
                Source.of(PHOTO),
                Source.of(() -> Files.newInputStream(file)),
                Source.of(new ByteArrayInputStream(PHOTO)));
        for (Source source : sources) {
            Original original = client.upload(source);
            assertArrayEquals(PHOTO, client.download(original.id()));
            Source again = source.isRepeatable() ? source : Source.of(PHOTO);
            assertEquals(original.sha256(), client.replace(original.id(), again).original().sha256());
        }
    }

    @Test
    void aStreamCanBePutOnce() {
        assertTrue(client.replace(id, Source.of(new ByteArrayInputStream(PHOTO))).created());
        assertArrayEquals(PHOTO, client.download(id));
        Source used = Source.of(new ByteArrayInputStream(PHOTO));
        client.upload(used);
        assertThrows(UncheckedIOException.class, () -> client.upload(used));
    }

    @Test
    void theServerMakesAnId() {
        Original one = client.upload(Source.of(PHOTO));
        Original other = client.upload(Source.of(PHOTO));
        assertFalse(one.id().equals(other.id()));
        assertEquals(one, client.info(one.id()));
    }

    @Test
    void anIdCanBeOfAnyScript() {
        for (String name : List.of("café", "cafe\u0301", "猫", "می\u200cخواهم", "a-1x1")) {
            String each = name + "-" + id;
            Original original = client.upload(each, Source.of(PHOTO));
            assertEquals(Normalizer.normalize(each, Normalizer.Form.NFC), original.id());
            assertArrayEquals(PHOTO, client.download(each));
            assertEquals(40, Pictures.decoded(client.variant(each, Variant.size(40, 30))).getWidth());
            client.delete(each);
        }
    }

    @Test
    void aReplaceSaysWhetherTheIdWasNew() {
        assertTrue(client.replace(id, Source.of(PHOTO)).created());
        byte[] other = Pictures.png(20, 20);
        Replacement replacement = client.replace(id, Source.of(other));
        assertFalse(replacement.created());
        assertEquals("png", replacement.original().format());
        assertArrayEquals(other, client.download(id));
    }

    @Test
    void aConditionKeepsAWriteFromHappening() {
        Original first = client.replace(id, Source.of(PHOTO), Condition.IS_NEW).original();
        byte[] other = Pictures.png(20, 20, Color.CYAN);
        assertThrows(
                PreconditionFailedException.class, () -> client.replace(id, Source.of(other), Condition.IS_NEW));
        Original second = client.replace(id, Source.of(other), Condition.unchanged(first)).original();
        assertThrows(
                PreconditionFailedException.class,
                () -> client.replace(id, Source.of(PHOTO), Condition.unchanged(first)));
        assertThrows(PreconditionFailedException.class, () -> client.delete(id, Condition.unchanged(first)));
        assertEquals(second.sha256(), client.info(id).sha256());
        client.delete(id, Condition.unchanged(second));
        assertThrows(NotFoundException.class, () -> client.info(id));
        assertThrows(IllegalArgumentException.class, () -> client.delete(id, Condition.IS_NEW));
    }

    @Test
    void aDeleteIsFinal() {
        client.upload(id, Source.of(PHOTO));
        client.delete(id);
        NotFoundException error = assertThrows(NotFoundException.class, () -> client.delete(id));
        assertEquals(404, error.status());
        assertEquals("Not Found", error.problem().title());
        assertTrue(error.problem().detail().contains(id));
        assertFalse(error.problem().requestId().isEmpty());
        assertTrue(error.getMessage().contains(error.problem().requestId()));
        assertEquals(Optional.empty(), error.retryAfter());
    }

    @Test
    void theListingHasEveryOriginalOnEveryPageSize() {
        Set<String> ids = Stream.of("a", "b", "c", "d", "e").map(name -> id + name).collect(Collectors.toSet());
        ids.forEach(each -> client.upload(each, Source.of(PHOTO)));
        for (int pageSize : new int[] {1, 2, 1000}) {
            Set<String> found = new HashSet<>();
            for (Original original : client.originals(pageSize)) {
                assertTrue(found.add(original.id()), "twice: " + original.id());
            }
            assertTrue(found.containsAll(ids));
        }
        List<String> listed = client.originals().stream().map(Original::id).filter(ids::contains).toList();
        assertEquals(List.copyOf(new TreeSet<>(ids)), listed);
        Page first = client.page(1);
        assertEquals(1, first.items().size());
        Page second = client.page(1, first.next().orElseThrow());
        assertFalse(first.items().equals(second.items()));
        assertThrows(InvalidRequestException.class, () -> client.page(0));
        assertThrows(InvalidRequestException.class, () -> client.page(1, "no cursor & no=escape"));
    }

    @Test
    void downloadsGoToMemoryToAFileOrToAStream() throws IOException {
        client.upload(id, Source.of(PHOTO));
        Path file = Files.writeString(folder.resolve("cat.jpg"), "what was there before");
        assertEquals(file, client.download(id, file));
        assertArrayEquals(PHOTO, Files.readAllBytes(file));
        try (Download download = client.openOriginal(id)) {
            assertEquals(Optional.of("image/jpeg"), download.contentType());
            assertEquals(OptionalLong.of(PHOTO.length), download.length());
            assertEquals(Optional.of('"' + Pictures.sha256(PHOTO) + '"'), download.etag());
            assertArrayEquals(PHOTO, download.stream().readAllBytes());
            assertEquals(-1, download.stream().read());
        }
        Variant variant = Variant.size(40, 30).format(OutputFormat.PNG);
        client.variant(id, variant, file);
        assertEquals(40, Pictures.decoded(Files.readAllBytes(file)).getWidth());
        try (Download download = client.openVariant(id, variant)) {
            assertEquals(Optional.of("image/png"), download.contentType());
            assertArrayEquals(Files.readAllBytes(file), download.stream().readAllBytes());
        }
    }

    @Test
    void aFailedDownloadLeavesTheFileAlone() throws IOException {
        Path file = Files.writeString(folder.resolve("cat.jpg"), "what was there before");
        assertThrows(NotFoundException.class, () -> client.download(id, file));
        assertEquals("what was there before", Files.readString(file));
        client.upload(id, Source.of(PHOTO));
        assertThrows(UncheckedIOException.class, () -> client.download(id, folder.resolve("none/cat.jpg")));
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(file), left.toList());
        }
    }

    @Test
    void everyOutputFormatIsWritten() {
        client.upload(id, Source.of(PHOTO));
        for (OutputFormat format : OutputFormat.values()) {
            Variant variant = Variant.size(40, 30).format(format);
            if (format == OutputFormat.JXL) { // of an extra, which may not be installed
                try {
                    assertTrue(client.variant(id, variant).length > 0);
                } catch (InvalidRequestException error) {
                    assertTrue(error.problem().detail().contains("pymager[jxl]"), error.getMessage());
                }
            } else {
                assertTrue(client.variant(id, variant).length > 0, format.name());
            }
        }
    }

    @Test
    void theServerTakesEveryOption() {
        client.upload(id, Source.of(PHOTO));
        if (client.originals().stream().noneMatch(original -> original.id().equals("brand"))) {
            client.upload("brand", Source.of(Pictures.png(20, 20)));
        }
        Variant plain = Variant.size(80, 80);
        List<Variant> variants = List.of(
                plain.fit(Fit.CONTAIN), plain.fit(Fit.INSIDE), plain.fit(Fit.FILL),
                plain.enlarge(true), plain.enlarge(false),
                plain.gravity(Gravity.NORTH), plain.gravity(Gravity.NORTHEAST), plain.gravity(Gravity.EAST),
                plain.gravity(Gravity.SOUTHEAST), plain.gravity(Gravity.SOUTH), plain.gravity(Gravity.SOUTHWEST),
                plain.gravity(Gravity.WEST), plain.gravity(Gravity.NORTHWEST), plain.gravity(Gravity.SMART),
                plain.gravity(Gravity.point(0.333, 1)),
                plain.dpr(1.25), plain.quality(1), plain.quality(100),
                plain.background("00ff0080").fit(Fit.CONTAIN), plain.background("00ff00"),
                plain.crop(Crop.pixels(10, 0, 100, 100)), plain.crop(Crop.percent(0.001, 0, 50.5, 100)),
                plain.trim(0), plain.trim(255), plain.rotate(90), plain.rotate(180), plain.rotate(270),
                plain.flip(Flip.HORIZONTAL), plain.flip(Flip.VERTICAL), plain.flip(Flip.BOTH),
                plain.blur(0.3), plain.blur(100), plain.sharpen(0.3), plain.sharpen(10), plain.gray(),
                plain.watermark("logo"), plain.animated(true), plain.animated(false), plain.frame(0),
                plain.version("a&b ,"), Variant.width(80), Variant.height(80), Variant.preset("thumb").version("1"));
        for (Variant variant : variants) {
            assertTrue(client.variant(id, variant).length > 0, variant.toString());
        }
        BufferedImage inside = Pictures.decoded(client.variant(id, plain.fit(Fit.INSIDE)));
        assertEquals(List.of(80, 60), List.of(inside.getWidth(), inside.getHeight()));
        BufferedImage wide = Pictures.decoded(client.variant(id, plain.dpr(2)));
        assertEquals(List.of(160, 160), List.of(wide.getWidth(), wide.getHeight()));
        BufferedImage preset = Pictures.decoded(client.variant(id, Variant.preset("thumb")));
        assertEquals(List.of(40, 30), List.of(preset.getWidth(), preset.getHeight()));
    }

    @Test
    void everyErrorHasItsClass() {
        client.upload(id, Source.of(PHOTO));
        ConflictException conflict = assertThrows(
                ConflictException.class, () -> client.upload(id, Source.of(PHOTO)));
        assertEquals(409, conflict.status());
        assertThrows(InvalidRequestException.class, () -> client.upload(Source.of("no picture".getBytes())));
        assertThrows(InvalidRequestException.class, () -> client.upload(Source.of(new byte[0])));
        assertThrows(InvalidRequestException.class, () -> client.replace(id, Source.of(new byte[0])));
        assertThrows(InvalidRequestException.class, () -> client.info("a b"));
        assertThrows(
                TooLargeException.class,
                () -> client.upload(Source.of(new byte[PymagerServer.MAX_BODY + 1])));
        assertThrows(
                UnprocessableException.class, () -> client.upload(Source.of(Pictures.png(2001, 2000, Color.RED))));
        assertThrows(NotFoundException.class, () -> client.variant(Pictures.newId(), Variant.size(1, 1)));
        assertThrows(NotFoundException.class, () -> client.variant(id, Variant.preset("none")));
        assertThrows(NotFoundException.class, () -> client.variant(id, Variant.width(80).frame(7)));
    }

    @Test
    void credentialsAreAUserOrAToken() {
        PymagerClient token = PymagerClient.builder(PymagerServer.url()).bearer(PymagerServer.TOKEN).build();
        token.upload(id, Source.of(PHOTO));
        PymagerClient stranger = PymagerClient.builder(PymagerServer.url()).build();
        UnauthorizedException error =
                assertThrows(UnauthorizedException.class, () -> stranger.upload(Source.of(PHOTO)));
        assertEquals(401, error.status());
        assertArrayEquals(PHOTO, stranger.download(id));
        PymagerClient wrong = PymagerClient.builder(PymagerServer.url()).bearer("wrong").build();
        assertThrows(UnauthorizedException.class, () -> wrong.delete(id));
    }

    @Test
    void aSourceThatCannotBeReadIsNotAnErrorOfTheServer() {
        Path none = folder.resolve("none.jpg");
        UncheckedIOException error =
                assertThrows(UncheckedIOException.class, () -> client.upload(id, Source.of(none)));
        assertTrue(error.getCause() instanceof NoSuchFileException);
        StreamOpener failing = () -> new SequenceInputStream(
                new ByteArrayInputStream(PHOTO), new InputStream() {
                    @Override
                    public int read() throws IOException {
                        throw new IOException("the disk is broken");
                    }
                });
        error = assertThrows(UncheckedIOException.class, () -> client.upload(id, Source.of(failing)));
        assertEquals("the disk is broken", error.getCause().getMessage());
        assertThrows(UncheckedIOException.class, () -> client.replace(id, Source.of(failing)));
        assertThrows(NotFoundException.class, () -> client.info(id));
    }
}
