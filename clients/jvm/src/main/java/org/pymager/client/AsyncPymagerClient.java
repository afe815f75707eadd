package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.function.Supplier;

/**
 * A client of a pymager server, whose methods return futures. {@link PymagerClient#async()} returns one.
 *
 * <p>The futures fail with a {@link PymagerException}, or with an {@link UncheckedIOException} if a file or a source
 * cannot be read or written. To end a call, cancel its future, or complete it as
 * {@link CompletableFuture#orTimeout} does: the request is then ended, also while it waits for another attempt. Futures
 * that depend on it, as from {@code thenApply}, do not pass a cancellation on.
 *
 * <p>Instances are immutable, and can be used by several threads.
 */
public final class AsyncPymagerClient {
    private static final String JSON = "application/json";

    private final ClientSettings settings;

    AsyncPymagerClient(ClientSettings settings) {
        this.settings = settings;
    }

    /**
     * Uploads a picture. The server makes an id.
     *
     * <p>Without an id, an upload that is sent twice is stored twice. So it is repeated only if there was no
     * connection, or after a 429.
     *
     * @param picture the picture
     * @return the new original
     */
    public CompletableFuture<Original> upload(Source picture) {
        return post("/original", picture, false);
    }

    /**
     * Uploads a picture under a new id. Fails with a {@link ConflictException} if the id exists.
     *
     * @param id the id
     * @param picture the picture
     * @return the new original
     */
    public CompletableFuture<Original> upload(String id, Source picture) {
        return calling(() -> Futures.recovered(
                post(PictureUrls.originalTarget(id), picture, true),
                error -> error instanceof ConflictException ? sameAfterUnknownOutcome(error, id, picture) : null));
    }

    /**
     * Stores a picture under an id, and replaces what is there.
     *
     * @param id the id
     * @param picture the picture
     * @return the original that the id has now
     */
    public CompletableFuture<Replacement> replace(String id, Source picture) {
        return replace(id, picture, Condition.NONE);
    }

    /**
     * Stores a picture under an id if a condition holds. Fails with a {@link PreconditionFailedException} otherwise.
     *
     * @param id the id
     * @param picture the picture
     * @param condition the condition
     * @return the original that the id has now
     */
    public CompletableFuture<Replacement> replace(String id, Source picture, Condition condition) {
        return calling(() -> {
            Map<String, String> headers = headers(true);
            headers.put("Accept", JSON);
            headers.put("Content-Type", "application/octet-stream");
            headers.putAll(condition.headers());
            var receiver = BodyReceivers.json(
                    (status, body) -> new Replacement(Json.original(body), status == 201));
            CompletableFuture<Replacement> put =
                    send(new Call<>("PUT", uri(PictureUrls.originalTarget(id)), headers, picture, true, receiver));
            return Futures.recovered(put, error -> {
                boolean isRefused = error instanceof PreconditionFailedException;
                CompletableFuture<Original> same = isRefused ? sameAfterUnknownOutcome(error, id, picture) : null;
                boolean isNew = condition.equals(Condition.IS_NEW);
                return same == null ? null : Futures.mapped(same, original -> new Replacement(original, isNew));
            });
        });
    }

    /**
     * Deletes an original and all of its variants. Fails with a {@link NotFoundException} if there is none.
     *
     * @param id the id
     * @return completes when the original is deleted
     */
    public CompletableFuture<Void> delete(String id) {
        return delete(id, Condition.NONE);
    }

    /**
     * Deletes an original and all of its variants if a condition holds. Fails with a
     * {@link PreconditionFailedException} otherwise.
     *
     * @param id the id
     * @param condition the condition
     * @return completes when the original is deleted
     */
    public CompletableFuture<Void> delete(String id, Condition condition) {
        return calling(() -> {
            if (condition.equals(Condition.IS_NEW)) {
                throw new IllegalArgumentException("a delete cannot have the condition that the id is new");
            }
            Map<String, String> headers = headers(true);
            headers.putAll(condition.headers());
            CompletableFuture<Void> deleted = send(new Call<>(
                    "DELETE",
                    uri(PictureUrls.originalTarget(id)),
                    headers,
                    null,
                    true,
                    BodyReceivers.nothing()));
            return Futures.recovered(deleted, error -> {
                boolean isGone = error instanceof NotFoundException && error.isAfterUnknownOutcome();
                return isGone ? CompletableFuture.completedFuture(null) : null;
            });
        });
    }

    /**
     * Returns what the server knows about an original.
     *
     * @param id the id
     * @return the original
     */
    public CompletableFuture<Original> info(String id) {
        return calling(() -> {
            Map<String, String> headers = headers(true);
            headers.put("Accept", JSON);
            return send(infoCall(id, headers));
        });
    }

    /**
     * Returns the first page of the listing of originals, in the order of their ids.
     *
     * @param limit how many originals the page has at most, from 1 to 1000
     * @return the page
     */
    public CompletableFuture<Page> page(int limit) {
        return page(limit, null);
    }

    /**
     * Returns a page of the listing of originals.
     *
     * @param limit how many originals the page has at most, from 1 to 1000
     * @param cursor {@link Page#next} of the previous page; null for the first one
     * @return the page
     */
    public CompletableFuture<Page> page(int limit, String cursor) {
        return calling(() -> {
            Map<String, String> headers = headers(true);
            headers.put("Accept", JSON);
            String rest = cursor == null ? "" : "&cursor=" + PercentEncoding.encoded(cursor);
            var receiver = BodyReceivers.json((status, body) -> Json.page(body));
            return send(new Call<>("GET", uri("/original?limit=" + limit + rest), headers, null, true, receiver));
        });
    }

    /**
     * Lists all originals. Every subscriber gets the listing from its beginning, page by page, as it asks for more.
     *
     * @param pageSize how many originals are requested at a time, from 1 to 1000
     * @return the originals
     */
    public Flow.Publisher<Original> originals(int pageSize) {
        return new ListingPublisher(cursor -> page(pageSize, cursor));
    }

    /**
     * Downloads an original into memory.
     *
     * @param id the id
     * @return the bytes that were uploaded
     */
    public CompletableFuture<byte[]> download(String id) {
        return calling(() -> send(originalCall(id, BodyReceivers.bytes())));
    }

    /**
     * Downloads an original to a file. The file is replaced at once when all bytes are there.
     *
     * @param id the id
     * @param file the file
     * @return the file
     */
    public CompletableFuture<Path> download(String id, Path file) {
        return saved(file, part -> originalCall(id, BodyReceivers.file(part)));
    }

    /**
     * Opens an original, to read it while it arrives.
     *
     * @param id the id
     * @return the download, which has to be closed
     */
    public CompletableFuture<Download> openOriginal(String id) {
        return calling(() -> send(originalCall(id, this::stream)));
    }

    /**
     * Downloads a variant into memory. The request is signed if there is a key.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the bytes of the variant
     */
    public CompletableFuture<byte[]> variant(String id, Variant variant) {
        return calling(() -> send(variantCall(id, variant, BodyReceivers.bytes())));
    }

    /**
     * Downloads a variant to a file. The file is replaced at once when all bytes are there.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @param file the file
     * @return the file
     */
    public CompletableFuture<Path> variant(String id, Variant variant, Path file) {
        return saved(file, part -> variantCall(id, variant, BodyReceivers.file(part)));
    }

    /**
     * Opens a variant, to read it while it arrives.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the download, which has to be closed
     */
    public CompletableFuture<Download> openVariant(String id, Variant variant) {
        return calling(() -> send(variantCall(id, variant, this::stream)));
    }

    /**
     * Returns the URLs of pictures.
     *
     * @return the URLs, signed if the client has a key
     */
    public PictureUrls urls() {
        return settings.urls();
    }

    /** Shows no credentials. */
    @Override
    public String toString() {
        return "AsyncPymagerClient[" + settings.urls() + "]";
    }

    private CompletableFuture<Original> post(String target, Source picture, boolean isRepeatable) {
        return calling(() -> {
            Multipart form = Multipart.of(picture);
            Map<String, String> headers = headers(true);
            headers.put("Accept", JSON);
            headers.put("Content-Type", form.contentType());
            var receiver = BodyReceivers.json((status, body) -> Json.original(body));
            return send(new Call<>("POST", uri(target), headers, form.body(), isRepeatable, receiver));
        });
    }

    /**
     * The original, if an earlier attempt of the upload stored it and only its answer was lost: the server then refuses
     * the repeated upload. Null, or a future that fails with the same error, if the id has other bytes.
     */
    private CompletableFuture<Original> sameAfterUnknownOutcome(PymagerException error, String id, Source picture) {
        if (!error.isAfterUnknownOutcome() || !picture.isRepeatable()) {
            return null;
        }
        Map<String, String> headers = headers(true);
        headers.put("Accept", JSON);
        headers.put("Cache-Control", "no-cache");
        CompletableFuture<Original> current = send(infoCall(id, headers));
        CompletableFuture<Original> same = current.thenApplyAsync(original -> {
            if (!original.sha256().equals(sha256(picture))) {
                throw error;
            }
            return original;
        });
        Futures.cancelWith(same, current);
        return same;
    }

    private static String sha256(Source picture) {
        try (InputStream stream = picture.open()) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            new DigestInputStream(stream, digest).transferTo(OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error); // every Java platform has SHA-256
        }
    }

    private Call<Original> infoCall(String id, Map<String, String> headers) {
        String target = PictureUrls.infoTarget(id);
        var receiver = BodyReceivers.json((status, body) -> Json.original(body));
        return new Call<>("GET", readUri(target), headers, null, true, receiver);
    }

    private <T> Call<T> originalCall(String id, BodyReceivers.Receiver<T> receiver) {
        String target = PictureUrls.originalTarget(id);
        return new Call<>("GET", readUri(target), headers(true), null, true, receiver);
    }

    /** A signed URL can ask for any variant, so a key comes before credentials here. */
    private <T> Call<T> variantCall(String id, Variant variant, BodyReceivers.Receiver<T> receiver) {
        String target = PictureUrls.variantTarget(id, variant);
        boolean isSigned = urls().canSign();
        return new Call<>(
                "GET", uri(isSigned ? urls().sign(target) : target), headers(!isSigned), null, true, receiver);
    }

    private BodySubscriber<Download> stream(ResponseInfo info) {
        return BodySubscribers.mapping(
                new ResponseStream(settings.timeout()),
                stream -> new Download(
                        stream,
                        info.headers().firstValue("Content-Type").orElse(null),
                        info.headers().firstValue("ETag").orElse(null),
                        info.headers().firstValueAsLong("Content-Length").orElse(-1)));
    }

    private interface CallTo<T> {
        Call<T> with(Path file);
    }

    private CompletableFuture<Path> saved(Path file, CallTo<Path> call) {
        return calling(() -> {
            Path whole = file.toAbsolutePath();
            Path part = whole.resolveSibling("." + whole.getFileName() + "." + UUID.randomUUID() + ".part");
            CompletableFuture<Path> written = send(call.with(part));
            CompletableFuture<Path> moved = written.thenApply(done -> moved(part, file));
            Futures.cancelWith(moved, written);
            moved.whenComplete((done, failure) -> removed(part));
            return moved;
        });
    }

    private static Path moved(Path part, Path file) {
        try {
            return Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void removed(Path part) {
        try {
            Files.deleteIfExists(part);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private URI uri(String target) {
        return urls().resolve(target);
    }

    /** Credentials come before a key: a response to them is never that of a shared cache. */
    private URI readUri(String target) {
        return uri(settings.authorization() == null && urls().canSign() ? urls().sign(target) : target);
    }

    private Map<String, String> headers(boolean withCredentials) {
        Map<String, String> headers = new HashMap<>();
        headers.put("User-Agent", ClientSettings.USER_AGENT);
        if (withCredentials && settings.authorization() != null) {
            headers.put("Authorization", settings.authorization());
        }
        return headers;
    }

    private <T> CompletableFuture<T> send(Call<T> call) {
        return Attempts.begin(settings.http(), settings.timeout(), settings.retries(), call);
    }

    /** Turns an exception from before the request, such as for a bad id, into a failed future. */
    private static <T> CompletableFuture<T> calling(Supplier<CompletableFuture<T>> call) {
        try {
            return call.get();
        } catch (RuntimeException error) {
            return CompletableFuture.failedFuture(error);
        }
    }
}
