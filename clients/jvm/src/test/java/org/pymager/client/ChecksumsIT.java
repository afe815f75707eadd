package org.pymager.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What Maven has loaded is what {@code .mvn/checksums} lists. Maven 3.9 checks it too, before it uses it. */
class ChecksumsIT {
    private static final Path LIST = Path.of(System.getProperty("basedir"), ".mvn/checksums/checksums.sha256");
    private static final Path REPOSITORY = Path.of(System.getProperty("local.repository"));

    private final Map<Path, String> hashes = Files.readAllLines(LIST).stream()
            .map(line -> line.split("  ", 2))
            .collect(Collectors.toMap(parts -> REPOSITORY.resolve(parts[1]), parts -> parts[0]));

    ChecksumsIT() throws IOException {}

    @Test
    void everyArtifactHasTheHashInTheList() throws IOException {
        Set<Path> wrong = new TreeSet<>();
        int count = 0;
        for (Map.Entry<Path, String> each : hashes.entrySet()) {
            if (Files.exists(each.getKey())) {
                count++;
                if (!each.getValue().equals(Pictures.sha256(Files.readAllBytes(each.getKey())))) {
                    wrong.add(each.getKey());
                }
            }
        }
        assertEquals(Set.of(), wrong);
        assertTrue(count > 100, "only " + count + " of the listed artifacts are in " + REPOSITORY);
    }

    @Test
    void everyArtifactOfTheClassPathIsInTheList() {
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        Set<Path> artifacts = List.of(classPath.split(File.pathSeparator)).stream()
                .map(Path::of)
                .filter(path -> path.startsWith(REPOSITORY))
                .collect(Collectors.toSet());
        assertTrue(artifacts.stream().anyMatch(path -> path.getFileName().toString().startsWith("jackson-core-")));
        artifacts.removeAll(hashes.keySet());
        assertEquals(Set.of(), artifacts);
    }
}
