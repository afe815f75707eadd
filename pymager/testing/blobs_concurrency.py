"""The part of the blob store's contract about concurrent calls and cancellation."""

import asyncio
import secrets
from collections.abc import Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from pymager.errors import NotFound, Unavailable
from pymager.ports import BlobStore
from pymager.testing.blobs_contents import TYPE, is_absent, read

_LARGE_BLOB_BYTES = 20_000_000
_MEDIUM_BLOB_BYTES = 5_000_000
_HOUR_SECONDS = 3_600.0


async def _cancel_after(call: Coroutine[Any, Any, object], seconds: float) -> None:
    """Run the call for that many seconds at most, then cancel it and wait for its end."""
    task = asyncio.ensure_future(call)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _duration(call: Coroutine[Any, Any, object]) -> float:
    started = monotonic()
    await call
    return monotonic() - started


@pytest.mark.asyncio
class BlobConcurrencyContract:
    """Concurrent and canceled calls: a reader sees a whole blob or none."""

    async def test_readers_see_whole_blobs_while_fifty_calls_put_the_same_key(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        key, body = f"{folder}/cat/1", secrets.token_bytes(300_000)
        await blobs.put(key, body, TYPE)
        puts = [asyncio.ensure_future((blobs, other)[n % 2].put(key, body, TYPE)) for n in range(50)]
        reads = 0
        while reads < 10 or not all(put.done() for put in puts):
            assert await read((blobs, other)[reads % 2], key) == body
            reads += 1
        infos = await asyncio.gather(*puts)
        assert {info.size for info in infos} == {len(body)}
        assert await blobs.stat(key) == await other.stat(key)
        assert (await blobs.stat(key)).etag in {info.etag for info in infos}

    async def test_concurrent_puts_and_deletes_in_one_folder_do_not_disturb_each_other(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        async def put_and_delete(store: BlobStore, n: int) -> None:
            for _ in range(10):
                await store.put(f"{folder}/cat/r/{n}", bytes([n]), TYPE)
                assert await read(store, f"{folder}/cat/r/{n}") == bytes([n])
                await store.delete([f"{folder}/cat/r/{n}"])
                assert await is_absent(store, f"{folder}/cat/r/{n}")

        await asyncio.gather(*[put_and_delete((blobs, other)[n % 2], n) for n in range(16)])
        assert [info async for info in blobs.list(f"{folder}/")] == []

    async def test_another_store_sees_puts_and_deletes_immediately(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        for n in range(10):
            key = f"{folder}/cat/{n}"
            assert await is_absent(other, key)
            info = await blobs.put(key, b"cat", TYPE)
            assert await read(other, key) == b"cat"
            assert [found async for found in other.list(f"{folder}/cat/")] == [info]
            await blobs.delete([key])
            assert await is_absent(other, key)
            assert [found async for found in other.list(f"{folder}/cat/")] == []

    async def test_a_blob_that_is_deleted_while_being_read_is_never_truncated(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        key, body = f"{folder}/cat/1", secrets.token_bytes(_LARGE_BLOB_BYTES)
        await blobs.put(key, body, TYPE)
        received: list[bytes] = []
        with suppress(Unavailable):
            async with blobs.open(key) as blob:
                async for chunk in blob.chunks:
                    if not received:
                        await other.delete([key])
                    received.append(chunk)
            assert b"".join(received) == body
        assert b"".join(received) == body[: sum(map(len, received))]
        assert await is_absent(blobs, key)

    @pytest.mark.parametrize("fraction", [0.0, 0.02, 0.2, 0.5, 0.8, 0.98])
    async def test_a_canceled_put_leaves_the_whole_blob_or_none(
        self, blobs: BlobStore, other: BlobStore, folder: str, fraction: float
    ) -> None:
        body = secrets.token_bytes(_MEDIUM_BLOB_BYTES)
        duration = await _duration(blobs.put(f"{folder}/cat/whole", body, TYPE))
        for n in range(3):
            await _cancel_after(blobs.put(f"{folder}/cat/{n}", body, TYPE), duration * fraction)
            with suppress(NotFound):
                assert await read(other, f"{folder}/cat/{n}") == body
        sizes = {info.size async for info in other.list(f"{folder}/")}
        assert sizes == {len(body)}
        await blobs.put(f"{folder}/cat/0", body, TYPE)
        assert await read(other, f"{folder}/cat/0") == body

    @pytest.mark.parametrize("fraction", [0.0, 0.02, 0.2, 0.5, 0.8, 0.98])
    async def test_a_canceled_read_does_not_disturb_later_reads(
        self, blobs: BlobStore, folder: str, fraction: float
    ) -> None:
        small, large = f"{folder}/cat/small", f"{folder}/cat/large"
        bodies = {small: secrets.token_bytes(1_000), large: secrets.token_bytes(_MEDIUM_BLOB_BYTES)}
        for key, body in bodies.items():
            await blobs.put(key, body, TYPE)
            duration = await _duration(read(blobs, key))
            for _ in range(20):
                await _cancel_after(read(blobs, key), duration * fraction)
            assert await read(blobs, key) == body

    async def test_a_blob_can_be_closed_before_its_last_byte(self, blobs: BlobStore, folder: str) -> None:
        key, body = f"{folder}/cat/1", secrets.token_bytes(2_000_000)
        await blobs.put(key, body, TYPE)
        for _ in range(100):
            async with blobs.open(key) as blob:
                async for chunk in blob.chunks:
                    assert body.startswith(chunk)
                    break
            async with blobs.open(key):
                pass
        assert await read(blobs, key) == body

    async def test_many_calls_can_read_one_blob_at_the_same_time(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        key, body = f"{folder}/cat/1", secrets.token_bytes(1_000_000)
        await blobs.put(key, body, TYPE)
        assert set(await asyncio.gather(*[read((blobs, other)[n % 2], key) for n in range(50)])) == {body}

    async def test_tidy_removes_no_blob(self, blobs: BlobStore, other: BlobStore, folder: str) -> None:
        info = await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
        await blobs.tidy(_HOUR_SECONDS)
        await other.tidy(0)
        assert [found async for found in blobs.list(f"{folder}/")] == [info]
        assert await read(blobs, f"{folder}/cat/1") == b"cat"

    async def test_tidy_does_not_disturb_recent_puts_in_progress(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        body = secrets.token_bytes(1_000_000)
        puts = [asyncio.ensure_future(blobs.put(f"{folder}/cat/{n}", body, TYPE)) for n in range(20)]
        while not all(put.done() for put in puts):
            await other.tidy(_HOUR_SECONDS)
            await asyncio.sleep(0)
        assert {info.size for info in await asyncio.gather(*puts)} == {len(body)}
        assert len([info async for info in blobs.list(f"{folder}/")]) == 20
