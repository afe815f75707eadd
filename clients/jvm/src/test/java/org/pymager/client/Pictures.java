package org.pymager.client;

import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import javax.imageio.ImageIO;

/** Pictures that the tests upload, and a look at those that they get. */
final class Pictures {
    private Pictures() {}

    /** An id that no other test has. */
    static String newId() {
        return "test-" + UUID.randomUUID();
    }

    static byte[] jpeg(int width, int height) {
        return encoded(width, height, BufferedImage.TYPE_INT_RGB, "jpeg", new Color(200, 40, 40));
    }

    static byte[] png(int width, int height) {
        return encoded(width, height, BufferedImage.TYPE_INT_ARGB, "png", new Color(40, 200, 40, 120));
    }

    /** A picture whose bytes differ from those of any other color. */
    static byte[] png(int width, int height, Color color) {
        return encoded(width, height, BufferedImage.TYPE_INT_ARGB, "png", color);
    }

    static BufferedImage decoded(byte[] bytes) {
        try {
            BufferedImage image = ImageIO.read(new ByteArrayInputStream(bytes));
            if (image == null) {
                throw new AssertionError("these " + bytes.length + " bytes are no picture");
            }
            return image;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static byte[] encoded(int width, int height, int type, String format, Color color) {
        BufferedImage image = new BufferedImage(width, height, type);
        Graphics2D graphics = image.createGraphics();
        graphics.setPaint(new GradientPaint(0, 0, color, width, height, Color.BLUE));
        graphics.fillRect(0, 0, width, height);
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, format, bytes);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }
}
