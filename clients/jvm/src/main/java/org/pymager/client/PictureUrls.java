package org.pymager.client;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Clock;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * The URLs of pictures, signed if there is a key. It needs no connection.
 *
 * <p>Instances are immutable, and can be used by several threads.
 */
public final class PictureUrls {
    private final String base;
    private final UrlSigner signer;
    private final Clock clock;

    private PictureUrls(String base, UrlSigner signer, Clock clock) {
        this.base = base;
        this.signer = signer;
        this.clock = clock;
    }

    /**
     * URLs without a signature.
     *
     * @param baseUrl the server's URL, or that of the CDN in front of it, with its path prefix if it has one, such as
     *     {@code https://img.example.org/pictures}
     * @return the URLs
     * @throws IllegalArgumentException if this is not such a URL
     */
    public static PictureUrls of(String baseUrl) {
        return new PictureUrls(checkedBase(baseUrl), null, Clock.systemUTC());
    }

    /**
     * URLs that are signed by default.
     *
     * @param baseUrl as for {@link #of(String)}. The path prefix is not signed.
     * @param signer signs the URLs
     * @return the URLs
     * @throws IllegalArgumentException if this is not such a URL
     */
    public static PictureUrls of(String baseUrl, UrlSigner signer) {
        return new PictureUrls(checkedBase(baseUrl), Objects.requireNonNull(signer), Clock.systemUTC());
    }

    /**
     * The URL of a variant, signed if there is a key.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     */
    public String variant(String id, Variant variant) {
        return variant(id, variant, Signing.DEFAULT);
    }

    /**
     * The URL of a variant.
     *
     * @param id the id of the original
     * @param variant what the variant looks like
     * @param signing whether the URL is signed
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     * @throws IllegalStateException if the signing needs a key and there is none
     */
    public String variant(String id, Variant variant, Signing signing) {
        return base + signed(variantTarget(id, variant), signing);
    }

    /**
     * The URL of an original, signed if there is a key.
     *
     * @param id the id of the original
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     */
    public String original(String id) {
        return original(id, Signing.DEFAULT);
    }

    /**
     * The URL of an original.
     *
     * @param id the id of the original
     * @param signing whether the URL is signed
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     * @throws IllegalStateException if the signing needs a key and there is none
     */
    public String original(String id, Signing signing) {
        return base + signed(originalTarget(id), signing);
    }

    /**
     * The URL of an original's description, signed if there is a key.
     *
     * @param id the id of the original
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     */
    public String info(String id) {
        return info(id, Signing.DEFAULT);
    }

    /**
     * The URL of an original's description.
     *
     * @param id the id of the original
     * @param signing whether the URL is signed
     * @return the URL
     * @throws IllegalArgumentException if no URL can have this id
     * @throws IllegalStateException if the signing needs a key and there is none
     */
    public String info(String id, Signing signing) {
        return base + signed(infoTarget(id), signing);
    }

    /**
     * The value of {@code <img srcset>}, signed if there is a key, such as {@code URL 400w, URL 800w}.
     *
     * @param id the id of the original
     * @param variant the format and the options of the variants; each of the widths takes the place of its size
     * @param widths the widths in pixels. The server has to allow the sizes {@code 400x} and so on.
     * @return the value. In HTML, write {@code &amp;} for each {@code &}, as templates do.
     * @throws IllegalArgumentException if there is no width, the variant is a preset or has {@link Variant#dpr},
     *     or no URL can have this id
     */
    public String srcset(String id, Variant variant, int... widths) {
        return srcset(id, variant, Signing.DEFAULT, widths);
    }

    /**
     * The value of {@code <img srcset>}, such as {@code URL 400w, URL 800w}. All URLs expire at the same time.
     *
     * @param id the id of the original
     * @param variant the format and the options of the variants; each of the widths takes the place of its size
     * @param signing whether the URLs are signed
     * @param widths the widths in pixels. The server has to allow the sizes {@code 400x} and so on.
     * @return the value. In HTML, write {@code &amp;} for each {@code &}, as templates do.
     * @throws IllegalArgumentException if there is no width, the variant is a preset or has {@link Variant#dpr},
     *     or no URL can have this id
     * @throws IllegalStateException if the signing needs a key and there is none
     */
    public String srcset(String id, Variant variant, Signing signing, int... widths) {
        if (widths.length == 0) {
            throw new IllegalArgumentException("a srcset must have at least one width");
        }
        Signing resolved = signing.resolved(clock);
        return Arrays.stream(widths)
                .distinct()
                .mapToObj(width -> variant(id, variant.resized(width), resolved) + " " + width + "w")
                .collect(Collectors.joining(", "));
    }

    /**
     * Signs a path with its query, as {@link UrlSigner#sign(String)} does.
     *
     * @param target the path and the query, percent-encoded, without the base URL
     * @return the path and the query with the signature, without the base URL
     * @throws IllegalArgumentException as for {@link UrlSigner#sign(String)}
     * @throws IllegalStateException if there is no key
     */
    public String sign(String target) {
        return signer().sign(target);
    }

    /**
     * Signs a path with its query for a time.
     *
     * @param target the path and the query, percent-encoded, without the base URL
     * @param signing how long the signature is valid
     * @return the path and the query with the signature, without the base URL
     * @throws IllegalArgumentException as for {@link UrlSigner#sign(String)}, or for {@link Signing#NONE}
     * @throws IllegalStateException if there is no key
     */
    public String sign(String target, Signing signing) {
        if (signing.isNone()) {
            throw new IllegalArgumentException("Signing.NONE does not sign");
        }
        return signer().sign(target, signing.expiry(clock));
    }

    @Override
    public String toString() {
        return "PictureUrls[" + base + (signer == null ? "]" : ", signed]");
    }

    boolean canSign() {
        return signer != null;
    }

    URI resolve(String target) {
        return URI.create(base + target);
    }

    static String variantTarget(String id, Variant variant) {
        return "/derived/" + PercentEncoding.id(id) + variant.suffix();
    }

    static String originalTarget(String id) {
        return "/original/" + PercentEncoding.id(id);
    }

    static String infoTarget(String id) {
        return "/info/" + PercentEncoding.id(id);
    }

    private String signed(String target, Signing signing) {
        boolean isPlain = signing.isNone() || signing == Signing.DEFAULT && signer == null;
        return isPlain ? target : sign(target, signing);
    }

    private UrlSigner signer() {
        if (signer == null) {
            throw new IllegalStateException("there is no signing key; give one to the client or to PictureUrls.of");
        }
        return signer;
    }

    private static String checkedBase(String baseUrl) {
        URI uri;
        try {
            uri = new URI(baseUrl);
        } catch (URISyntaxException error) {
            // Without the cause, whose message has the URL, which can have a password.
            throw new IllegalArgumentException("the base URL is not a URL: " + error.getReason());
        }
        boolean isHttp = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
        if (!isHttp || uri.getHost() == null) {
            throw new IllegalArgumentException("the base URL must be such as https://img.example.org");
        }
        if (uri.getRawUserInfo() != null || uri.getRawQuery() != null || uri.getRawFragment() != null) {
            throw new IllegalArgumentException("the base URL must have no user, query or fragment");
        }
        return baseUrl.replaceAll("/+$", "");
    }
}
