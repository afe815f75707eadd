package org.pymager.client

import java.nio.file.{Files, Path}
import java.time.Duration
import org.junit.jupiter.api.Assertions.{assertArrayEquals, assertEquals, assertThrows}
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import scala.concurrent.Await
import scala.concurrent.duration.DurationInt
import scala.jdk.CollectionConverters.*
import scala.jdk.FutureConverters.*
import scala.jdk.OptionConverters.*

/** The client as a program in Scala 3 uses it, against a real server. */
class ScalaTest:
  @TempDir
  var folder: Path = scala.compiletime.uninitialized

  @Test
  def uploadsSignsAndShows(): Unit =
    val id = Pictures.newId()
    val photo = Files.write(folder.resolve("photo.jpg"), Pictures.jpeg(400, 300))
    val client = PymagerClient.builder(PymagerServer.url()).basic("test", "test").signingKey(PymagerServer.KEY).build()

    val original = client.upload(id, Source.of(photo))
    assertEquals((400, 300), (original.width, original.height))
    assertEquals(Some(1), original.description.toScala.map(_.frames))

    val card = Variant.size(80, 60).format(OutputFormat.PNG).gravity(Gravity.point(0.3, 0.75)).quality(70)
    assertThrows(classOf[InvalidRequestException], () => client.variant(id, card)) // PNG has no quality
    val shown = client.variant(id, Variant.size(80, 60).format(OutputFormat.PNG).gravity(Gravity.point(0.3, 0.75)))
    assertEquals(80, Pictures.decoded(shown).getWidth)
    val url = client.variantUrl(id, Variant.width(800), Signing.expiresIn(Duration.ofHours(1)))
    assertEquals(2, client.srcset(id, Variant.width(1), 400, 800).split(", ").length)
    assertEquals(true, url.startsWith(s"${PymagerServer.url()}/derived/$id-800x.jpg?exp="))

  @Test
  def errorsAreMatched(): Unit =
    val client = PymagerServer.client()
    val result =
      try client.info(Pictures.newId()).id
      catch
        case missing: NotFoundException => s"missing: ${missing.status}"
        case error: PymagerException => error.getMessage
    assertEquals("missing: 404", result)

  @Test
  def listsAndAwaits(): Unit =
    val client = PymagerServer.client()
    val (id, photo) = (Pictures.newId(), Pictures.jpeg(40, 30))
    val uploaded = Await.result(client.async.upload(id, Source.of(photo)).asScala, 2.minutes)
    assertEquals(Some(uploaded), client.originals.asScala.find(_.id == id))
    val again = client.replace(id, Source.of(() => Files.newInputStream(Files.write(folder.resolve("b"), photo))))
    assertEquals(false, again.created)
    assertArrayEquals(photo, client.download(id))
    client.delete(id, Condition.unchanged(uploaded))
