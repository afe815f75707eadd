package org.pymager.client;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The checkout that this client is a part of: its program and its documentation. */
final class Checkout {
    static final Path FOLDER = Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolve("../..").normalize();

    private static final Pattern JSON_BLOCK = Pattern.compile("```json\n(.*?)```", Pattern.DOTALL);

    private Checkout() {}

    /** The command line of pymager: what {@code PYMAGER_PROGRAM} says, or the program in the virtual environment. */
    static List<String> program() {
        String given = System.getenv("PYMAGER_PROGRAM");
        return given == null || given.isBlank()
                ? List.of(FOLDER.resolve(".venv/bin/pymager").toString())
                : List.of(given.strip().split("\\s+"));
    }

    /** The JSON blocks in the page about signed URLs, wherever it is in the documentation. */
    static List<String> signingVectors() throws IOException {
        try (Stream<Path> pages = Files.walk(FOLDER.resolve("docs"))) {
            List<Path> found = pages.filter(page -> page.getFileName().toString().matches("sign.*\\.md")).toList();
            for (Path page : found) {
                Matcher blocks = JSON_BLOCK.matcher(Files.readString(page));
                List<String> texts = blocks.results().map(block -> block.group(1)).toList();
                if (!texts.isEmpty() && texts.get(0).contains("\"target\"")) {
                    return texts;
                }
            }
            throw new AssertionError("no page in docs/ has the test vectors of signatures; looked into " + found);
        }
    }
}
