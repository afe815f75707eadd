package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The built archives, and the program in the README that uses them in a folder of its own. */
class PackageIT {
    private static final Path JAR = Path.of(System.getProperty("client.jar"));
    private static final Path README = Path.of(System.getProperty("basedir"), "README.md");
    private static final Pattern PROGRAM = Pattern.compile("```java\n(import .*?class Show .*?)```", Pattern.DOTALL);

    @TempDir
    private Path folder;

    private String id;

    @BeforeEach
    void compileTheProgramOfTheReadme() throws Exception {
        Matcher program = PROGRAM.matcher(Files.readString(README));
        assertTrue(program.find(), "README.md has a program");
        id = Pictures.newId();
        String source = program.group(1)
                .replace("http://127.0.0.1:8000", PymagerServer.url())
                .replace("\"admin\", \"PASSWORD\"", "\"test\", \"test\"")
                .replace("\"KEY\"", '"' + PymagerServer.KEY + '"')
                .replace("\"cat\"", '"' + id + '"');
        Files.writeString(folder.resolve("Show.java"), source);
        Files.write(folder.resolve("cat.jpg"), Pictures.jpeg(400, 300));
        run("javac", "-Xlint:all", "-Werror", "-cp", classPath(), "-d", "classes", "Show.java");
    }

    @Test
    void itRunsOnTheClassPath() throws Exception {
        check(run("java", "-cp", classPath() + File.pathSeparator + "classes", "Show"));
    }

    @Test
    void itRunsOnTheModulePath() throws Exception {
        check(run("java", "-p", classPath(), "--add-modules", "org.pymager.client", "-cp", "classes", "Show"));
    }

    @Test
    void theArchivesHaveWhatTheyAreFor() throws IOException {
        Set<String> classes = entries("");
        assertTrue(classes.containsAll(List.of(
                "module-info.class", "META-INF/LICENSE", "org/pymager/client/PymagerClient.class",
                "org/pymager/client/client.properties")));
        assertTrue(classes.stream().noneMatch(name -> name.contains("Test") || name.contains("Pictures")));
        assertTrue(entries("-sources").contains("org/pymager/client/PymagerClient.java"));
        Set<String> pages = entries("-javadoc");
        assertTrue(pages.stream().anyMatch(name -> name.endsWith("org/pymager/client/PymagerClient.html")));
        assertTrue(pages.stream().noneMatch(name -> name.endsWith("Attempts.html")));
    }

    @Test
    void theVersionIsThatOfPymager() throws IOException {
        String project = Files.readString(Checkout.FOLDER.resolve("pyproject.toml"));
        Matcher version = Pattern.compile("^version = \"(.*)\"$", Pattern.MULTILINE).matcher(project);
        assertTrue(version.find());
        assertEquals("pymager-client-" + version.group(1) + ".jar", JAR.getFileName().toString());
        assertEquals("pymager-client-jvm/" + version.group(1), ClientSettings.USER_AGENT);
        assertTrue(Files.readString(README).contains("<version>" + version.group(1) + "</version>"));
    }

    /** The program prints an element that shows the picture, and writes the picture to a file. */
    private void check(String printed) throws Exception {
        Matcher element = Pattern.compile("<img src=\"(.*)\">").matcher(printed);
        assertTrue(element.find(), printed);
        URI uri = URI.create(element.group(1).replace("&amp;", "&"));
        HttpResponse<byte[]> response =
                HttpClient.newHttpClient().send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofByteArray());
        assertEquals(200, response.statusCode());
        assertEquals(800, Pictures.decoded(response.body()).getWidth());
        assertEquals(800, Pictures.decoded(Files.readAllBytes(folder.resolve("cat-800x600.jpg"))).getWidth());
    }

    /** The client and its one dependency. */
    private static String classPath() throws Exception {
        Path jackson = Path.of(
                JsonFactory.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        return JAR + File.pathSeparator + jackson;
    }

    private static Set<String> entries(String classifier) throws IOException {
        String name = JAR.toString().replaceFirst("\\.jar$", classifier + ".jar");
        try (ZipFile archive = new ZipFile(name)) {
            return archive.stream().map(entry -> entry.getName()).collect(Collectors.toSet());
        }
    }

    /** What a tool of the running JDK prints. */
    private String run(String tool, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", tool).toString());
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
        String printed = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), printed);
        return printed;
    }
}
