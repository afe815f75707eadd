"""Servers that are unreachable, hang, or close connections in the middle."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from time import monotonic

import psutil
import pytest

from pymager.errors import Unavailable
from pymager.testing.blobs_contents import read
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import new_bucket, through
from tests.servers import Minio, Proxy, Toxiproxy

KEY = "original/cat/1.jpg"
LARGE = secrets.token_bytes(20_000_000)
_TIMEOUT = 1.5
_MAX_SECONDS = 15.0  # on a loaded machine


@pytest.fixture
async def bucket(minio: Minio) -> str:
    return await new_bucket(minio)


@pytest.fixture
def proxy(toxiproxy: Toxiproxy, minio: Minio) -> Proxy:
    return toxiproxy.proxy(minio.port)


@pytest.fixture
async def store(proxy: Proxy, bucket: str) -> AsyncIterator[S3Blobs]:
    async with S3Blobs(through(proxy.port, bucket, timeout=_TIMEOUT)) as store:
        yield store


def _calls(store: S3Blobs) -> list[object]:
    async def listed() -> None:
        async for _ in store.list(""):
            pass

    large = LARGE[: 9 << 20]
    return [
        *(read(store, KEY), store.stat(KEY), store.put(KEY, b"cat", "image/jpeg"), listed(), store.ping()),
        *(store.put(KEY, large, "image/jpeg"), store.delete([KEY]), store.tidy(0)),
    ]


async def _all_unavailable(store: S3Blobs) -> None:
    began = monotonic()
    outcomes = await asyncio.gather(*_calls(store), return_exceptions=True)  # type: ignore[call-overload]
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 8
    assert monotonic() - began < _MAX_SECONDS


async def test_a_server_that_accepts_connections_and_never_responds_is_unavailable(
    store: S3Blobs, proxy: Proxy
) -> None:
    for stream in ("upstream", "downstream"):
        proxy.add("timeout", stream, timeout=0)
    await _all_unavailable(store)


async def test_an_unreachable_server_is_unavailable_and_works_when_it_is_back(store: S3Blobs, proxy: Proxy) -> None:
    proxy.cut()
    await _all_unavailable(store)
    proxy.mend()
    await store.put(KEY, b"cat", "image/jpeg")
    assert await read(store, KEY) == b"cat"


async def test_a_server_that_is_unreachable_at_the_start_is_used_once_it_is_there(proxy: Proxy, bucket: str) -> None:
    proxy.cut()
    async with S3Blobs(through(proxy.port, bucket, timeout=_TIMEOUT)) as store:
        with pytest.raises(Unavailable):
            await store.ping()
        proxy.mend()
        await store.ping()


async def test_a_body_that_stalls_is_unavailable(store: S3Blobs, proxy: Proxy) -> None:
    await store.put(KEY, LARGE, "image/jpeg")
    began = monotonic()
    with pytest.raises(Unavailable):
        async with store.open(KEY) as blob:
            await anext(blob.chunks)
            proxy.add("timeout", timeout=0)
            async for _ in blob.chunks:
                pass
    assert monotonic() - began < _MAX_SECONDS


async def test_a_body_that_is_cut_never_just_ends(store: S3Blobs, proxy: Proxy) -> None:
    await store.put(KEY, LARGE, "image/jpeg")
    with pytest.raises(Unavailable):
        async with store.open(KEY) as blob:
            await anext(blob.chunks)
            proxy.cut()
            async for _ in blob.chunks:
                pass


@pytest.mark.parametrize("length", [200_000, 1_000_000])
async def test_a_body_whose_connections_all_break_is_whole_or_unavailable(
    store: S3Blobs, proxy: Proxy, length: int
) -> None:
    await store.put(KEY, LARGE[:length], "image/jpeg")
    proxy.add("limit_data", bytes=length // 2)
    try:
        assert await read(store, KEY) == LARGE[:length]
    except Unavailable:
        return


async def test_a_canceled_put_closes_its_connection(proxy: Proxy, bucket: str) -> None:
    async with S3Blobs(through(proxy.port, bucket, timeout=120)) as store:
        await _cancel(store, proxy)


async def _cancel(store: S3Blobs, proxy: Proxy) -> None:
    proxy.add("timeout", timeout=0)
    calls = [asyncio.ensure_future(store.put(f"put/{n}", b"cat", "image/jpeg")) for n in range(10)]
    async with asyncio.timeout(_MAX_SECONDS):
        while _connections(proxy) < 10:
            await asyncio.sleep(0.01)
    assert not any(call.done() for call in calls)
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
    async with asyncio.timeout(_MAX_SECONDS):
        while _connections(proxy) > 1:  # one is idle since the store was opened
            await asyncio.sleep(0.01)


def _connections(proxy: Proxy) -> int:
    """How many of ours are established."""
    found = psutil.Process().net_connections("tcp4")
    return sum(bool(c.raddr) and c.raddr.port == proxy.port and c.status == "ESTABLISHED" for c in found)
