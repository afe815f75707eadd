package org.pymager.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A real {@code pymager serve --dev}, on a free port and with a temporary folder. It ends with this process. */
final class PymagerServer {
    static final String KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    static final String SECOND_KEY = "3-Dh4uPk5ebn6Onq6-zt7u_w8fLz9PX29_j5-vv8_f7_";
    static final String USER = "test";
    static final String PASSWORD = "test";
    static final String TOKEN = "a-token-of-the-tests";
    /** The SHA-256 of {@code TOKEN}. */
    static final String TOKEN_HASH = Pictures.sha256(TOKEN.getBytes());

    static final int MAX_BODY = 3_000_000;

    private static final int TIMEOUT_SECONDS = 120;
    private static final Pattern URL = Pattern.compile("pymager serves on (http://\\S+)");
    private static final Map<String, PymagerServer> STARTED = new ConcurrentHashMap<>();

    private final Process process;
    private final List<String> output = Collections.synchronizedList(new ArrayList<>());
    private final CompletableFuture<String> url = new CompletableFuture<>();

    private PymagerServer(Map<String, String> settings) {
        List<String> command = new ArrayList<>(Checkout.program());
        command.addAll(List.of("serve", "--dev", "--port", "0"));
        process = started(command, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
        Thread reader = new Thread(this::read, "output of pymager");
        reader.setDaemon(true);
        reader.start();
    }

    /** The URL of a server with signatures as this, which all tests share. */
    static String url(String signatures) {
        PymagerServer server = STARTED.computeIfAbsent(signatures, mode -> new PymagerServer(Map.of(
                "PYMAGER_SIGNATURES", mode,
                "PYMAGER_PRESETS", "thumb:40x30,gravity=north",
                "PYMAGER_WATERMARKS", "logo:image=brand",
                "PYMAGER_TOKENS", "tests:" + TOKEN_HASH,
                "PYMAGER_MAX_BODY", String.valueOf(MAX_BODY),
                "PYMAGER_MAX_PIXELS", "4000000")));
        try {
            return server.url.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (Exception error) {
            throw new AssertionError("pymager did not start:\n" + String.join("\n", server.output), error);
        }
    }

    static String url() {
        return url("optional");
    }

    /** A client of the shared server, with credentials and a key. */
    static PymagerClient client() {
        return PymagerClient.builder(url()).basic(USER, PASSWORD).signingKey(KEY).build();
    }

    /** What a command of pymager prints. */
    static String printed(Map<String, String> settings, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(Checkout.program());
        command.addAll(List.of(arguments));
        Process process = started(command, settings);
        String text;
        try (BufferedReader lines = process.inputReader()) {
            text = String.join("\n", lines.lines().toList());
        }
        if (process.waitFor() != 0) {
            throw new AssertionError(String.join(" ", command) + " failed:\n" + text);
        }
        return text;
    }

    private static Process started(List<String> command, Map<String, String> settings) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("PYMAGER_"));
        builder.environment().put("PYMAGER_SIGNING_KEYS", KEY + " " + SECOND_KEY);
        builder.environment().put("PYMAGER_WORKERS", "1");
        builder.environment().put("PYTHONUNBUFFERED", "1");
        builder.environment().putAll(settings);
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            return process;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                output.add(line);
                Matcher found = URL.matcher(line);
                if (found.find()) {
                    url.complete(found.group(1));
                }
            }
        } catch (IOException error) {
            url.completeExceptionally(error);
        }
        url.completeExceptionally(new IOException("pymager ended"));
    }

    private void stop() {
        process.destroy();
        try {
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException error) {
            process.destroyForcibly();
        }
    }
}
