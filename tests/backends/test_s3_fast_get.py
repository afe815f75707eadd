"""GETs on the event loop: persistent connections, complete bodies however they arrive, obstore as the fallback."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymager.errors import NotFound
from pymager.testing.blobs_contents import read
from pymager_aws.http_connection import ConnectionBroken, HttpConnection, parse
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import new_bucket, through
from tests.backends.s3_front import Front
from tests.servers import Minio, Toxiproxy

KEY, ABSENT = "original/cat/1.jpg", "original/cat/2.jpg"
BODY = secrets.token_bytes(80_000)


@pytest.fixture
async def bucket(minio: Minio) -> str:
    name = await new_bucket(minio)
    async with S3Blobs(through(minio.port, name)) as store:
        await store.put(KEY, BODY, "image/jpeg")
    return name


@pytest.fixture
async def front(minio: Minio) -> AsyncIterator[Front]:
    async with Front(minio.port) as front:
        yield front


@pytest.fixture
async def store(front: Front, bucket: str) -> AsyncIterator[S3Blobs]:
    async with S3Blobs(through(front.port, bucket)) as store:
        front.requests.clear()
        yield store


async def test_consecutive_reads_use_one_connection_and_one_get_each(store: S3Blobs, front: Front) -> None:
    assert await read(store, KEY) == BODY
    opened = front.connections
    for _ in range(5):
        assert await read(store, KEY) == BODY
        with pytest.raises(NotFound):
            await read(store, ABSENT)
    assert front.connections == opened
    assert len(front.requests) == 11


async def test_a_reader_that_stops_early_aborts_its_connection(store: S3Blobs) -> None:
    large = secrets.token_bytes(3_000_000)
    await store.put("original/cat/3.jpg", large, "image/jpeg")
    for _ in range(3):
        async with store.open("original/cat/3.jpg") as blob:
            assert large.startswith(await anext(aiter(blob.chunks)))
    assert await read(store, "original/cat/3.jpg") == large
    assert await read(store, KEY) == BODY


async def test_a_request_to_a_busy_server_is_retried(store: S3Blobs, front: Front) -> None:
    front.refusals = 3
    assert await read(store, KEY) == BODY


async def test_idle_connections_that_the_server_closed_are_replaced(
    minio: Minio, toxiproxy: Toxiproxy, bucket: str
) -> None:
    proxy = toxiproxy.proxy(minio.port)
    async with S3Blobs(through(proxy.port, bucket)) as store:
        await asyncio.gather(*(read(store, KEY) for _ in range(4)))
        proxy.cut()
        proxy.mend()
        for _ in range(5):
            assert await read(store, KEY) == BODY


async def test_a_body_that_is_cut_once_is_requested_again(minio: Minio, toxiproxy: Toxiproxy, bucket: str) -> None:
    proxy = toxiproxy.proxy(minio.port)
    async with S3Blobs(through(proxy.port, bucket)) as store:
        name = proxy.add("limit_data", bytes=40_000)
        async with store.open(KEY) as blob:
            proxy.remove(name)
            assert b"".join([chunk async for chunk in blob.chunks]) == BODY


async def test_obstore_uses_the_proxy_of_the_environment(
    minio: Minio, front: Front, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{front.port}")
    monkeypatch.setenv("no_proxy", "")
    async with S3Blobs(through(minio.port, bucket)) as store:
        assert await read(store, KEY) == BODY
    assert any("http://" in request for request in front.requests)


class _Sink(asyncio.Transport):
    """The sending side of a connection, without a socket."""

    def __init__(self, connection: HttpConnection) -> None:
        super().__init__()
        self._connection = connection
        self.is_paused = False

    def write(self, data: object) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


async def _received(response: bytes, cuts: list[int], chunk_bytes: int) -> bytes:
    """What a reader gets of a response that arrives in parts of these lengths, before the connection closes."""
    connection = HttpConnection()
    sink = _Sink(connection)
    connection.connection_made(cast(asyncio.BaseTransport, sink))

    async def feed() -> None:
        at = 0
        for length in [*cuts, len(response)]:
            end = min(len(response), at + length)
            while at < end:
                while sink.is_paused:
                    await asyncio.sleep(0)
                room = connection.get_buffer(-1)
                count = min(len(room), end - at)
                room[:count] = response[at : at + count]
                connection.buffer_updated(count)
                at += count
                await asyncio.sleep(0)
        connection.connection_lost(None)

    feeding = asyncio.create_task(feed())
    try:
        await connection.send(b"GET", chunk_bytes)
        body = b""
        while (chunk := await connection.read()) is not None:
            assert len(chunk) <= chunk_bytes
            body += chunk
        return body
    finally:
        feeding.cancel()


def _head(size: int) -> bytes:
    return b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n' % size


@settings(max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=3_000),
    cuts=st.lists(st.integers(1, 400), max_size=40),
    chunk_bytes=st.integers(1, 1_500),
)
async def test_a_body_is_read_as_it_was_sent_however_it_arrives(body: bytes, cuts: list[int], chunk_bytes: int) -> None:
    assert await _received(_head(len(body)) + body, cuts, chunk_bytes) == body


@settings(max_examples=30, deadline=None)
@given(body=st.binary(min_size=1, max_size=500), missing=st.integers(1, 100), cuts=st.lists(st.integers(1, 90)))
async def test_a_body_shorter_than_its_length_breaks_the_connection(body: bytes, missing: int, cuts: list[int]) -> None:
    with pytest.raises(ConnectionBroken):
        await _received(_head(len(body) + missing) + body, cuts, 100)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 3",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 3",
        b"SSH-2.0-OpenSSH",
    ],
)
def test_responses_without_one_valid_length_are_rejected(head: bytes) -> None:
    with pytest.raises(ValueError, match="length"):
        parse(head)


def test_header_names_match_in_any_case_and_values_are_stripped() -> None:
    head = parse(b'HTTP/1.1 206 Partial Content\r\ncontent-LENGTH:\t3 \r\nX-Etag: no\r\nETag:"a b"\r\nx: etag: no')
    assert (head.status, head.size, head.headers) == (206, 3, {"content-length": "3", "etag": '"a b"'})
