package org.pymager.client

import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The client as a program in Kotlin uses it, against a real server. */
class KotlinTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun uploadsSignsAndShows() {
        val id = Pictures.newId()
        val photo = Files.write(folder.resolve("photo.jpg"), Pictures.jpeg(400, 300))
        val client = PymagerClient.builder(PymagerServer.url())
            .basic("test", "test")
            .signingKey(PymagerServer.KEY)
            .build()

        val original = client.upload(id, Source.of { Files.newInputStream(photo) })
        assertEquals(Pair(400, 300), Pair(original.width(), original.height()))
        val shown = client.variant(id, Variant.size(80, 60).fit(Fit.INSIDE))
        assertEquals(80, Pictures.decoded(shown).width)
        val url = client.variantUrl(id, Variant.width(800), Signing.expiresIn(Duration.ofHours(1)))
        assertEquals(true, url.startsWith("${PymagerServer.url()}/derived/$id-800x.jpg?exp="))

        assertEquals(listOf(id), client.originals().map { it.id() }.filter { it == id })
        assertEquals(original, client.async().info(id).join())
        client.delete(id)
        val size = try { client.info(id).size() } catch (missing: NotFoundException) { -missing.status().toLong() }
        assertEquals(-404L, size)
    }
}
