package org.pymager.client;

/** The format of a variant: the extension of its URL. A server needs the extra {@code jxl} to write JPEG XL. */
public enum OutputFormat {
    /** JPEG, the default. */
    JPG("jpg"),
    /** PNG. */
    PNG("png"),
    /** WebP. */
    WEBP("webp"),
    /** AVIF. */
    AVIF("avif"),
    /** JPEG XL. */
    JXL("jxl"),
    /** GIF. */
    GIF("gif"),
    /** TIFF. */
    TIFF("tiff"),
    /** BMP. */
    BMP("bmp"),
    /** JPEG 2000. */
    JP2("jp2"),
    /** PPM. */
    PPM("ppm"),
    /** TGA. */
    TGA("tga"),
    /** ICO. */
    ICO("ico"),
    /** The best format that the header {@code Accept} of a request names. */
    AUTO("auto");

    private final String extension;

    OutputFormat(String extension) {
        this.extension = extension;
    }

    String extension() {
        return extension;
    }
}
