package org.pymager.client;

import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A client of a pymager server, whose methods wait for the response. {@link #async()} has the same methods with
 * futures.
 *
 * <pre>{@code
 * PymagerClient client = PymagerClient.builder("http://127.0.0.1:8000").basic("admin", "PASSWORD").build();
 * client.upload("cat", Source.of(Path.of("cat.jpg")));
 * String url = client.variantUrl("cat", Variant.size(800, 600));
 * }</pre>
 *
 * <p>All methods that send a request throw a {@link PymagerException}, or a {@link java.io.UncheckedIOException} if a
 * file or a source cannot be read or written. To end a call, interrupt its thread.
 *
 * <p>Redirects are not followed, so credentials get to no other server. Instances are immutable, and can be used by
 * several threads.
 */
public final class PymagerClient {
    /** How many originals {@link #originals()} requests at a time. */
    public static final int DEFAULT_PAGE_SIZE = 100;

    private final AsyncPymagerClient async;

    private PymagerClient(AsyncPymagerClient async) {
        this.async = async;
    }

    /**
     * Begins to configure a client.
     *
     * @param baseUrl the URL of the server, with its path prefix if it has one, such as {@code http://127.0.0.1:8000}
     * @return the builder
     */
    public static Builder builder(String baseUrl) {
        return new Builder(baseUrl);
    }

    /**
     * Returns the same client with futures.
     *
     * @return the asynchronous client
     */
    public AsyncPymagerClient async() {
        return async;
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
    public Original upload(Source picture) {
        return Futures.get(async.upload(picture));
    }

    /**
     * Uploads a picture under a new id.
     *
     * @param id the id
     * @param picture the picture
     * @return the new original
     * @throws ConflictException if the id exists
     */
    public Original upload(String id, Source picture) {
        return Futures.get(async.upload(id, picture));
    }

    /**
     * Stores a picture under an id, and replaces what is there.
     *
     * @param id the id
     * @param picture the picture
     * @return the original that the id has now
     */
    public Replacement replace(String id, Source picture) {
        return Futures.get(async.replace(id, picture));
    }

    /**
     * Stores a picture under an id if a condition holds.
     *
     * @param id the id
     * @param picture the picture
     * @param condition the condition
     * @return the original that the id has now
     * @throws PreconditionFailedException if the condition does not hold
     */
    public Replacement replace(String id, Source picture, Condition condition) {
        return Futures.get(async.replace(id, picture, condition));
    }

    /**
     * Deletes an original and all of its variants.
     *
     * @param id the id
     * @throws NotFoundException if there is none
     */
    public void delete(String id) {
        Futures.get(async.delete(id));
    }

    /**
     * Deletes an original and all of its variants if a condition holds.
     *
     * @param id the id
     * @param condition the condition
     * @throws NotFoundException if there is no original
     * @throws PreconditionFailedException if the condition does not hold
     */
    public void delete(String id, Condition condition) {
        Futures.get(async.delete(id, condition));
    }

    /**
     * Returns what the server knows about an original.
     *
     * @param id the id
     * @return the original
     * @throws NotFoundException if there is none
     */
    public Original info(String id) {
        return Futures.get(async.info(id));
    }

    /**
     * Lists all originals.
     *
     * @return the originals, which are requested as they are iterated
     */
    public Originals originals() {
        return originals(DEFAULT_PAGE_SIZE);
    }

    /**
     * Lists all originals.
     *
     * @param pageSize how many originals are requested at a time, from 1 to 1000
     * @return the originals, which are requested as they are iterated
     */
    public Originals originals(int pageSize) {
        return new Originals(cursor -> page(pageSize, cursor));
    }

    /**
     * Returns the first page of the listing of originals, in the order of their ids.
     *
     * @param limit how many originals the page has at most, from 1 to 1000
     * @return the page
     */
    public Page page(int limit) {
        return page(limit, null);
    }

    /**
     * Returns a page of the listing of originals.
     *
     * @param limit how many originals the page has at most, from 1 to 1000
     * @param cursor {@link Page#next} of the previous page; null for the first one
     * @return the page
     */
    public Page page(int limit, String cursor) {
        return Futures.get(async.page(limit, cursor));
    }

    /**
     * Downloads an original into memory.
     *
     * @param id the id
     * @return the bytes that were uploaded
     * @throws NotFoundException if there is none
     */
    public byte[] download(String id) {
        return Futures.get(async.download(id));
    }

    /**
     * Downloads an original to a file. The file is replaced at once when all bytes are there.
     *
     * @param id the id
     * @param file the file
     * @return the file
     * @throws NotFoundException if there is no original
     */
    public Path download(String id, Path file) {
        return Futures.get(async.download(id, file));
    }

    /**
     * Opens an original, to read it while it arrives.
     *
     * @param id the id
     * @return the download, which has to be closed
     * @throws NotFoundException if there is none
     */
    public Download openOriginal(String id) {
        return Futures.get(async.openOriginal(id));
    }

    /**
     * Downloads a variant into memory. The request is signed if there is a key.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the bytes of the variant
     * @throws NotFoundException if there is no such original, preset or frame
     * @throws ForbiddenException if the server does not allow this variant
     */
    public byte[] variant(String id, Variant variant) {
        return Futures.get(async.variant(id, variant));
    }

    /**
     * Downloads a variant to a file. The file is replaced at once when all bytes are there.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @param file the file
     * @return the file
     * @throws NotFoundException if there is no such original, preset or frame
     * @throws ForbiddenException if the server does not allow this variant
     */
    public Path variant(String id, Variant variant, Path file) {
        return Futures.get(async.variant(id, variant, file));
    }

    /**
     * Opens a variant, to read it while it arrives.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the download, which has to be closed
     * @throws NotFoundException if there is no such original, preset or frame
     * @throws ForbiddenException if the server does not allow this variant
     */
    public Download openVariant(String id, Variant variant) {
        return Futures.get(async.openVariant(id, variant));
    }

    /**
     * Returns the URLs of pictures: {@link PictureUrls} has all methods for them.
     *
     * @return the URLs, signed if the client has a key
     */
    public PictureUrls urls() {
        return async.urls();
    }

    /**
     * The URL of a variant, signed if there is a key.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the URL
     */
    public String variantUrl(String id, Variant variant) {
        return urls().variant(id, variant);
    }

    /**
     * The URL of a variant.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @param signing whether the URL is signed
     * @return the URL
     * @throws IllegalStateException if the signing needs a key and there is none
     */
    public String variantUrl(String id, Variant variant, Signing signing) {
        return urls().variant(id, variant, signing);
    }

    /**
     * The URL of an original, signed if there is a key.
     *
     * @param id the id of the original
     * @return the URL
     */
    public String originalUrl(String id) {
        return urls().original(id);
    }

    /**
     * The URL of an original's description, signed if there is a key.
     *
     * @param id the id of the original
     * @return the URL
     */
    public String infoUrl(String id) {
        return urls().info(id);
    }

    /**
     * The value of {@code <img srcset>}, signed if there is a key, such as {@code URL 400w, URL 800w}.
     *
     * @param id the id of the original
     * @param variant the format and the options of the variants; each of the widths takes the place of its size
     * @param widths the widths in pixels. The server has to allow the sizes {@code 400x} and so on.
     * @return the value
     */
    public String srcset(String id, Variant variant, int... widths) {
        return urls().srcset(id, variant, widths);
    }

    /**
     * Signs a path with its query, as {@link UrlSigner#sign(String)} does.
     *
     * @param target the path and the query, percent-encoded, without the base URL
     * @return the path and the query with the signature
     * @throws IllegalStateException if there is no key
     */
    public String sign(String target) {
        return urls().sign(target);
    }

    /**
     * Signs a path with its query for a time.
     *
     * @param target the path and the query, percent-encoded, without the base URL
     * @param signing how long the signature is valid
     * @return the path and the query with the signature
     * @throws IllegalStateException if there is no key
     */
    public String sign(String target, Signing signing) {
        return urls().sign(target, signing);
    }

    /** Shows no credentials. */
    @Override
    public String toString() {
        return "PymagerClient[" + urls() + "]";
    }

    /** Configures a client. */
    public static final class Builder {
        private static final Duration MAX_CONNECT_TIMEOUT = Duration.ofSeconds(10);
        private static final Pattern TOKEN = Pattern.compile("[!-~]+");

        private final String baseUrl;
        private String authorization;
        private UrlSigner signer;
        private Duration timeout = Duration.ofSeconds(30);
        private RetryPolicy retries = RetryPolicy.DEFAULT;
        private HttpClient http;

        private Builder(String baseUrl) {
            this.baseUrl = baseUrl;
        }

        /**
         * Sets a user and a password.
         *
         * @param user the name of the user
         * @param password the password
         * @return this builder
         * @throws IllegalArgumentException if the name has a colon
         */
        public Builder basic(String user, String password) {
            if (user.indexOf(':') >= 0) {
                throw new IllegalArgumentException("the name of a user must not have a colon (RFC 7617 section 2)");
            }
            byte[] pair = (user + ":" + password).getBytes(StandardCharsets.UTF_8);
            authorization = "Basic " + Base64.getEncoder().encodeToString(pair);
            return this;
        }

        /**
         * Sets a bearer token, in place of a user.
         *
         * @param token the token
         * @return this builder
         * @throws IllegalArgumentException if the token has characters that no header can have
         */
        public Builder bearer(String token) {
            if (!TOKEN.matcher(token).matches()) {
                throw new IllegalArgumentException("a token must have printable ASCII characters only, and no spaces");
            }
            authorization = "Bearer " + token;
            return this;
        }

        /**
         * Sets the key that signs URLs. Requests for variants are signed too, so that the server allows all of them.
         *
         * @param key the key in hexadecimal or base64, as in the server's setting {@code PYMAGER_SIGNING_KEYS}
         * @return this builder
         * @throws IllegalArgumentException if it is not such a key
         */
        public Builder signingKey(String key) {
            signer = UrlSigner.parse(key);
            return this;
        }

        /**
         * Sets what signs URLs, in place of a key.
         *
         * @param signer the signer
         * @return this builder
         */
        public Builder signer(UrlSigner signer) {
            this.signer = Objects.requireNonNull(signer);
            return this;
        }

        /**
         * Sets how long an attempt can go on without progress: without a connection, and without a byte that is sent or
         * received. The default is 30 seconds. A large upload can take longer.
         *
         * @param timeout how long
         * @return this builder
         * @throws IllegalArgumentException if it is not positive
         */
        public Builder timeout(Duration timeout) {
            if (timeout.isNegative() || timeout.isZero()) {
                throw new IllegalArgumentException("the timeout must be positive, got " + timeout);
            }
            this.timeout = timeout;
            return this;
        }

        /**
         * Sets how often and when requests are sent again.
         *
         * @param retries the policy
         * @return this builder
         */
        public Builder retries(RetryPolicy retries) {
            this.retries = Objects.requireNonNull(retries);
            return this;
        }

        /**
         * Sets how often a request is sent at most. The default is 4.
         *
         * @param attempts how often; 1 sends it once
         * @return this builder
         * @throws IllegalArgumentException if it is less than one
         */
        public Builder maxAttempts(int attempts) {
            retries = retries.withMaxAttempts(attempts);
            return this;
        }

        /**
         * Sets the HTTP client, to configure proxies, certificates, or the executor.
         *
         * @param http the client. It must not follow redirects, which would send credentials to other servers.
         * @return this builder
         * @throws IllegalArgumentException if it follows redirects
         */
        public Builder httpClient(HttpClient http) {
            if (http.followRedirects() != HttpClient.Redirect.NEVER) {
                throw new IllegalArgumentException("the HTTP client must not follow redirects");
            }
            this.http = http;
            return this;
        }

        /**
         * Makes the client.
         *
         * @return the client
         * @throws IllegalArgumentException if the base URL is wrong
         */
        public PymagerClient build() {
            PictureUrls urls = signer == null ? PictureUrls.of(baseUrl) : PictureUrls.of(baseUrl, signer);
            HttpClient client = http == null ? newHttpClient() : http;
            return new PymagerClient(
                    new AsyncPymagerClient(new ClientSettings(urls, authorization, timeout, retries, client)));
        }

        private HttpClient newHttpClient() {
            Duration connect = timeout.compareTo(MAX_CONNECT_TIMEOUT) < 0 ? timeout : MAX_CONNECT_TIMEOUT;
            return HttpClient.newBuilder()
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .connectTimeout(connect)
                    .build();
        }
    }
}
