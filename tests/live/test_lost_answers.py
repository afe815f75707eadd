"""The database executes a request, but its answer is lost: nothing is done by half, and nothing is stuck."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.live.client import Answer, Client
from tests.live.cluster_storm import assert_swept
from tests.live.losing import Losing
from tests.live.program import Program, until
from tests.live.replicas import Stores, new_stores, replicas
from tests.pictures import jpeg
from tests.servers import Minio

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_PHOTO, _OTHER = jpeg(1600, 1200), jpeg(400, 300, seed=2)
_HEALED_WITHIN = 20.0
_UNKNOWN = "not known whether the request took effect"
# What the requests look like on the network.
_ORIGINAL = rb"UpdateItem.*original#"
_ADD = {"postgresql": rb"INSERT INTO originals", "dynamodb": _ORIGINAL}
_REPLACE = {"postgresql": rb"UPDATE originals", "dynamodb": _ORIGINAL}
_REMOVE = {"postgresql": rb"DELETE FROM originals", "dynamodb": _ORIGINAL}
_ACQUIRE = {"postgresql": rb"INSERT INTO leases", "dynamodb": rb"UpdateItem.*lease#"}
_RENEW = {"postgresql": rb"UPDATE leases", "dynamodb": rb'UpdateItem.*lease#.*":old"'}
_RELEASE = {"postgresql": rb"DELETE FROM leases", "dynamodb": rb"DeleteItem.*lease#"}


@dataclass(frozen=True)
class Pair:
    """Two replicas over one bucket and one catalog; the first one's way to the catalog may lose answers."""

    kind: str
    way: Losing
    program: Program
    here: Client
    there: Client

    async def everywhere(self, path: str) -> list[Answer]:
        """The responses of both replicas. The first must agree with the second when it reaches the catalog."""
        return [await self.there.get(path), await self.healed(path)]

    async def healed(self, path: str) -> Answer:
        """An answer of the first replica that is not 503; it is not restarted."""
        end = time.monotonic() + _HEALED_WITHIN
        while (answer := await self.here.get(path)).status == 503:
            assert time.monotonic() < end, answer
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["postgresql", "dynamodb"])
async def started(
    request: pytest.FixtureRequest, minio: Minio, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    """Serves all tests here. In the end every row has its blob, and after a sweep no blob is without its row."""
    catalog = request.getfixturevalue(request.param)
    stores, folder = await new_stores(minio, catalog), tmp_path_factory.mktemp("pair")
    async with Losing(catalog.port) as way:
        lossy = Stores(stores.blobs, catalog.by_way_of(stores.metadata, way.port))
        first, second = replicas(folder / "1", lossy, 1), replicas(folder / "2", stores, 1)
        async with first as [program], second as [other], Client(program.url) as here, Client(other.url) as there:
            yield Pair(request.param, way, program, here, there)
            assert program.logged("internal error") == []
        await assert_swept(folder, stores)


@pytest.fixture
def pair(started: Pair) -> Iterator[Pair]:
    """The replicas, with a way that is whole; each test has its answer lost."""
    before = started.way.lost
    yield started
    assert started.way.lost == before + 1
    started.way.mend()


@pytest.fixture(params=[False, True], ids=["one-answer", "all-from-then-on"])
def and_all_after(request: pytest.FixtureRequest) -> bool:
    """Whether the replica loses all further answers, so that it cannot find out the outcome."""
    return bool(request.param)


@pytest.fixture
def cat() -> str:
    """A test's own id."""
    return f"cat-{secrets.token_hex(4)}"


def _is_unknown(answer: Answer) -> bool:
    """Whether the response says that the outcome is unknown."""
    return answer.status == 503 and "retry-after" in answer.headers and _UNKNOWN in answer.json["detail"]


async def test_an_upload_whose_commit_was_not_answered_is_there_whole(
    pair: Pair, cat: str, and_all_after: bool
) -> None:
    pair.way.lose(_ADD[pair.kind], and_all_after=and_all_after)
    answer = await pair.here.post(cat, _PHOTO)
    assert _is_unknown(answer) if and_all_after else answer.status == 201
    pair.way.mend()
    for answer in await pair.everywhere(f"/original/{cat}"):
        assert (answer.status, answer.body) == (200, _PHOTO)
    assert (await pair.here.post(cat, _OTHER)).status == 409
    assert (await pair.here.put(cat, _PHOTO)).status == 200  # what the documentation says to do
    assert (await pair.healed(f"/derived/{cat}-80x60.jpg")).picture.size == (80, 60)


async def test_a_replace_whose_commit_was_not_answered_shows_one_picture_everywhere(
    pair: Pair, cat: str, and_all_after: bool
) -> None:
    derived = f"/derived/{cat}-80x60.jpg"
    assert (await pair.here.post(cat, _PHOTO)).status == 201
    old = {answer.headers["etag"] for answer in await pair.everywhere(derived)}
    pair.way.lose(_REPLACE[pair.kind], and_all_after=and_all_after)
    answer = await pair.here.put(cat, _OTHER)
    assert _is_unknown(answer) if and_all_after else answer.status == 200
    pair.way.mend()
    for answer in await pair.everywhere(f"/original/{cat}"):
        assert (answer.status, answer.body) == (200, _OTHER)
    new = {(answer.status, answer.headers["etag"], answer.body) for answer in await pair.everywhere(derived)}
    assert [(status, etag in old) for status, etag, _ in new] == [(200, False)]


async def test_a_delete_whose_commit_was_not_answered_is_final_everywhere(
    pair: Pair, cat: str, and_all_after: bool
) -> None:
    derived = f"/derived/{cat}-80x60.jpg"
    assert (await pair.here.post(cat, _PHOTO)).status == 201
    await pair.everywhere(derived)
    pair.way.lose(_REMOVE[pair.kind], and_all_after=and_all_after)
    assert _is_unknown(await pair.here.delete(cat))
    pair.way.mend()
    for path in (f"/original/{cat}", derived, f"/info/{cat}"):
        assert [answer.status for answer in await pair.everywhere(path)] == [404, 404]
    assert (await pair.here.delete(cat)).status == 404
    assert (await pair.there.post(cat, _OTHER)).status == 201
    assert {answer.body for answer in await pair.everywhere(f"/original/{cat}")} == {_OTHER}


@pytest.mark.parametrize("question", [_ACQUIRE, _RENEW, _RELEASE], ids=["acquired", "renewed", "released"])
async def test_a_lease_whose_answer_was_lost_is_not_stuck(
    pair: Pair, cat: str, question: dict[str, bytes], and_all_after: bool
) -> None:
    derived = f"/derived/{cat}-80x60.jpg"
    assert (await pair.here.post(cat, _PHOTO)).status == 201
    workers = pair.program.workers() if question is _RENEW else []
    for worker in workers:  # or the render would be done before its lease is renewed
        worker.suspend()
    lost = pair.way.lost
    pair.way.lose(question[pair.kind], and_all_after=and_all_after)
    pending = asyncio.create_task(pair.here.get(derived))
    await until(lambda: pair.way.lost > lost, "the answer's loss")
    pair.way.mend()
    for worker in workers:
        worker.resume()
    first = await pending
    assert first.status == 200 or (first.status == 503 and "retry-after" in first.headers)
    here, there = await pair.healed(derived), await pair.there.get(derived)
    assert (here.status, here.body, here.headers["etag"]) == (there.status, there.body, there.headers["etag"])
    assert here.picture.size == (80, 60)
    assert (await pair.there.get(f"/derived/{cat}-40x30.jpg")).status == 200
