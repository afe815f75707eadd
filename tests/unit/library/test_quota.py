"""The quota of the spool: what uploads reserve is bounded, shared fairly, and given back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pymager.errors import NoSpace, Overloaded
from pymager.library import quota as quotas
from pymager.library.quota import Quota
from pymager.library.spool import Spool
from tests.unit.full_disk import files_of_at_most
from tests.waiting import until

LIMIT = 1_000


@pytest.fixture
def quota() -> Quota:
    return Quota(LIMIT)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as entered:
        yield entered


def test_a_known_size_is_reserved_at_once_and_given_back(quota: Quota) -> None:
    with quota.upload("ann", LIMIT):
        assert quota.reserved == LIMIT
        with pytest.raises(Overloaded) as refused, quota.upload("bob", 1):
            pytest.fail("there is no space left")
        assert refused.value.retry_after >= 1
        assert quota.reserved == LIMIT
    assert quota.reserved == 0
    with quota.upload("bob", LIMIT):
        pass


def test_an_unknown_size_is_reserved_as_it_grows(quota: Quota) -> None:
    with quota.upload("ann") as growing, quota.upload("bob", 600):
        for _ in range(4):
            growing.received(100)
        assert quota.reserved == LIMIT
        with pytest.raises(Overloaded):
            growing.received(1)
        assert (quota.reserved, quota.buffered) == (LIMIT, 400)
    assert (quota.reserved, quota.buffered) == (0, 0)


def test_another_file_of_an_upload_counts_and_is_given_back(quota: Quota) -> None:
    with quota.upload("ann", 600) as upload:
        with upload.room(400) as has_room:
            assert (has_room, quota.reserved) == (True, LIMIT)
            with pytest.raises(Overloaded), quota.upload("bob", 1):
                pytest.fail("there is no space left")
        assert quota.reserved == 600
        with pytest.raises(KeyError), upload.room(400):
            raise KeyError
        assert quota.reserved == 600
    assert quota.reserved == 0


def test_an_upload_whose_other_file_has_no_room_goes_on_without_it(quota: Quota) -> None:
    with quota.upload("ann", 600) as upload, quota.upload("bob", 100):
        with upload.room(301) as has_room:
            assert (has_room, quota.reserved) == (False, 700)
        assert quota.reserved == 700
    assert quota.reserved == 0


def test_a_body_that_is_longer_than_it_said_is_counted(quota: Quota) -> None:
    with quota.upload("ann", 100) as longer:
        longer.received(100)
        assert quota.reserved == 100
        longer.received(50)
        assert quota.reserved == 150


def test_the_last_quarter_is_for_clients_without_another_upload(quota: Quota) -> None:
    with ExitStack() as uploads:
        for _ in range(3):
            uploads.enter_context(quota.upload("greedy", 250))
        with pytest.raises(Overloaded), quota.upload("greedy", 1):
            pytest.fail("a greedy client got the last quarter")
        uploads.enter_context(quota.upload("modest", 200))
        with pytest.raises(Overloaded), quota.upload("modest", 10):
            pytest.fail("it has an upload already")
        uploads.enter_context(quota.upload("other", 50))
    with quota.upload("greedy", LIMIT):  # nobody remembers it
        pass


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [Broken, asyncio.CancelledError, Overloaded])
async def test_everything_is_given_back_when_an_upload_fails(
    quota: Quota, spool: Spool, error: type[BaseException]
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 300
        raise error("the body broke off")

    with pytest.raises(error), quota.upload("ann", 500) as reservation:
        async with spool.spooled(breaking(), reservation):
            pytest.fail("half a body was handed out")
    assert (quota.reserved, quota.buffered) == (0, 0)


async def test_everything_is_given_back_when_the_disk_is_full(spool: Spool) -> None:
    quota = Quota(1 << 30)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 300_000

    with files_of_at_most(400_000), pytest.raises(NoSpace), quota.upload("ann", 900_000) as reservation:
        async with spool.spooled(large(), reservation):
            pytest.fail("half a body was handed out")
    assert (quota.reserved, quota.buffered) == (0, 0)


async def test_a_body_that_outgrows_the_quota_is_refused_and_leaves_nothing(quota: Quota, spool: Spool) -> None:
    async def growing() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 300

    with pytest.raises(Overloaded), quota.upload("ann") as reservation:
        async with spool.spooled(growing(), reservation):
            pytest.fail("more than the limit was spooled")
    assert [path.name for path in spool.folder.iterdir()] == ["lock"]
    assert quota.reserved == 0


async def test_many_slow_uploads_together_keep_little_in_memory(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk, count = 1_000, 200
    monkeypatch.setattr(quotas, "_MAX_BUFFERED_BYTES", 20 * chunk)
    quota, go_on = Quota(1 << 30), asyncio.Event()
    most = arrived = 0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal most, arrived
        for _ in range(5):
            yield b"x" * chunk
            most = max(most, quota.buffered)
            await asyncio.sleep(0)
        arrived += 1
        await go_on.wait()

    async def upload(number: int) -> int:
        with quota.upload(str(number)) as reservation:
            async with spool.spooled(slow(), reservation) as body:
                assert reservation.buffered == 0
                return body.path.read_bytes().count(b"x")

    uploads = [asyncio.create_task(upload(number)) for number in range(count)]
    await until(lambda: arrived == count)
    # Each upload can have one chunk more, while a thread writes it.
    assert quota.buffered <= 20 * chunk
    assert most <= (20 + count) * chunk
    assert quota.reserved == 5 * count * chunk
    go_on.set()
    assert await asyncio.gather(*uploads) == [5 * chunk] * count
    assert (quota.reserved, quota.buffered) == (0, 0)
