package org.pymager.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.Properties;

/** What a client is made of. {@code authorization} is null without credentials; it is a secret, and never shown. */
record ClientSettings(
        PictureUrls urls, String authorization, Duration timeout, RetryPolicy retries, HttpClient http) {
    static final String USER_AGENT = "pymager-client-jvm/" + version();

    @Override
    public String toString() {
        return "ClientSettings[" + urls + "]";
    }

    private static String version() {
        Properties properties = new Properties();
        try (InputStream stream = ClientSettings.class.getResourceAsStream("client.properties")) {
            properties.load(stream);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return properties.getProperty("version");
    }
}
