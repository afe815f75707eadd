"""What is read of sources, and what is refused."""

import io
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pymager_client import AsyncClient, Client, InvalidArgument, ServerError, TimedOut, Unavailable
from pymager_client.sources import CHUNK_BYTES, BytesSource, FileSource, PathSource, sha256_of, source_of
from tests.conftest import Connect
from tests.pictures import png
from tests.scripted import Stalled, answer, scripted
from tests.server import PASSWORD, USERNAME

EMPTY = answer(500)


class Pipe:
    """Can only be read, and notes how much each call wants."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.sizes: list[int] = []

    def read(self, size: int) -> bytes:
        self.sizes.append(size)
        return self._file.read(size)


def test_what_can_only_be_read_is_sent_in_small_parts(connect: Connect) -> None:
    data = b"picture" * 300_000
    pipe = Pipe(data)
    with scripted() as server, pytest.raises(ServerError):
        connect(server.url).replace("cat", pipe)
    assert server.requests[0].body == data
    assert set(pipe.sizes) == {CHUNK_BYTES}
    assert len(pipe.sizes) > len(data) / CHUNK_BYTES


@pytest.mark.parametrize("source", [1, None, object(), 1.5])
def test_what_has_no_bytes_is_refused(connect: Connect, source: Any) -> None:
    with pytest.raises(InvalidArgument, match="source: must be"):
        connect("http://127.0.0.1:1").upload(source)


def test_what_gives_something_else_than_bytes_is_refused(connect: Connect) -> None:
    sources: list[Any] = [io.StringIO("text"), ["text"], [1]]
    for source in sources:
        with scripted() as server, pytest.raises(TypeError, match="must give bytes"):
            connect(server.url, max_attempts=1).upload(source)


def test_a_missing_file_is_named(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        connect("http://127.0.0.1:1").upload(tmp_path / "nothing.png")


def test_what_a_source_raises_is_not_changed(connect: Connect) -> None:
    def pieces() -> Any:
        yield b"a"
        raise LookupError("mine")

    with scripted() as server, pytest.raises(LookupError, match="mine"):
        connect(server.url).upload(pieces(), "cat")


def test_a_client_without_a_loop_refuses_an_asynchronous_source() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(InvalidArgument):
        client.upload(pieces_of(b""))  # type: ignore[arg-type]


def test_a_file_that_became_shorter_is_noticed_and_one_that_grew_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    source = PathSource(path)
    shorter, longer = source.open(), source.open()
    path.write_bytes(b"123456789")
    assert b"".join(iter(longer.next, b"")) == b"12345"
    path.write_bytes(b"1")
    assert shorter.next() == b"1"
    with pytest.raises(OSError, match="4 bytes are missing"):
        shorter.next()
    shorter.close()
    longer.close()


def test_every_source_is_read_in_chunks_with_a_known_size(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    path = tmp_path / "file"
    path.write_bytes(data)
    for source in (BytesSource(data), BytesSource(memoryview(data).cast("I")), PathSource(path)):
        for _ in range(2):
            reading = source.open()
            chunks = list(iter(reading.next, b""))
            reading.close()
            assert reading.size == len(data) and b"".join(chunks) == data and len(chunks) > 1
    with path.open("rb") as file:
        assert sha256_of(FileSource(file)) == sha256_of(source_of(str(path))) == sha256_of(source_of(bytearray(data)))


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_asynchronous_iterable_is_uploaded_once(public_url: str, backend: str) -> None:
    async def main() -> None:
        async with AsyncClient(public_url, username=USERNAME, password=PASSWORD) as client:
            data = png(30, 20)
            original = await client.upload(pieces_of(data[:9], b"", data[9:]))
            assert await client.download(original.id) == data
            replaced = await client.replace(original.id, pieces_of(png(31, 20)))
            assert replaced.original.width == 31
        with scripted(answer(503, Retry_After="0"), EMPTY) as server:
            async with AsyncClient(server.url) as client:
                with pytest.raises(Exception, match="503"):
                    await client.replace("cat", pieces_of(b"a"))
            assert server.methods == ["PUT"]

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_calls_of_one_client_run_at_the_same_time(public_url: str, backend: str) -> None:
    async def main() -> None:
        async with AsyncClient(public_url, username=USERNAME, password=PASSWORD) as client:

            async def one(number: int) -> None:
                original = await client.upload(png(10 + number, 10, number))
                assert (await client.info(original.id)).width == 10 + number
                await client.delete(original.id)

            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(one, number)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_wait_can_be_cancelled(backend: str) -> None:
    async def main() -> None:
        for answers in ([Stalled()], [answer(503, Retry_After="50")]):
            with scripted(*answers) as server:
                async with AsyncClient(server.url) as client:
                    with anyio.move_on_after(1) as scope:
                        await client.info("cat")
                    assert scope.cancelled_caught

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_source_that_never_ends_is_left_at_the_deadline(backend: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"a"
        await anyio.sleep_forever()

    async def main() -> None:
        with scripted() as server:
            async with AsyncClient(server.url, deadline=1) as client:
                with pytest.raises(TimedOut):
                    await client.replace("cat", endless())

    anyio.run(main, backend=backend)


def test_a_pipe_with_a_name_is_sent_once(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"picture",))
    writer.start()
    with scripted(answer(503, Retry_After="0"), EMPTY) as server, pytest.raises(Unavailable):
        connect(server.url).replace("cat", path)
    writer.join()
    assert [request.body for request in server.requests] == [b"picture"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_pipe_that_stalls_is_left_at_the_deadline(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    keeper = os.open(path, os.O_RDWR)  # a writer that writes nothing

    async def main() -> None:
        with scripted() as server:
            async with AsyncClient(server.url, deadline=1) as client:
                with pytest.raises(TimedOut):
                    await client.replace("cat", path)
        os.close(keeper)  # ends the read in the thread

    anyio.run(main, backend=backend)
