"""The database did what it was asked, and its answer is lost: nothing is half done, and nothing stays stuck."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.client import Answer, Client
from tests.live.cluster_storm import assert_swept
from tests.live.losing import Losing
from tests.live.replicas import Stores, new_stores, replicas
from tests.pictures import jpeg
from tests.servers import Minio

pytestmark = pytest.mark.live

_PHOTO, _OTHER = jpeg(1600, 1200), jpeg(400, 300, seed=2)
_HEALED_WITHIN = 20.0
_DERIVED = "/derived/cat-80x60.jpg"
# What a question looks like on its way.
_ADD = {"postgresql": rb"INSERT INTO originals", "dynamodb": rb"UpdateItem.*original#cat"}
_REPLACE = {"postgresql": rb"UPDATE originals", "dynamodb": rb"UpdateItem.*original#cat"}
_REMOVE = {"postgresql": rb"DELETE FROM originals", "dynamodb": rb"UpdateItem.*original#cat"}
_ACQUIRE = {"postgresql": rb"INSERT INTO leases", "dynamodb": rb"UpdateItem.*lease#"}
_RELEASE = {"postgresql": rb"DELETE FROM leases", "dynamodb": rb"DeleteItem.*lease#"}


@dataclass
class Pair:
    """Two replicas over one bucket and one catalog; the first one's way to the catalog may lose answers."""

    folder: Path
    kind: str
    stores: Stores
    way: Losing
    here: Client
    there: Client

    async def everywhere(self, path: str) -> list[Answer]:
        return [await client.get(path) for client in (self.here, self.there)]

    async def healed(self, path: str) -> Answer:
        """A good answer from the first replica, which is not restarted."""
        end = time.monotonic() + _HEALED_WITHIN
        while (answer := await self.here.get(path)).status != 200:
            assert answer.status == 503, answer
            assert time.monotonic() < end, answer
        return answer

    async def kept(self) -> None:
        """Every row has its blob, and no blob is without its row."""
        assert self.way.lost == 1
        await assert_swept(self.folder, self.stores)


@pytest.fixture(params=["postgresql", "dynamodb"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path, minio: Minio) -> AsyncIterator[Pair]:
    catalog = request.getfixturevalue(request.param)
    stores = await new_stores(minio, catalog)
    async with Losing(catalog.port) as way:
        lossy = Stores(stores.blobs, stores.metadata.replace(f"{catalog.port}", f"{way.port}"))
        first, second = replicas(tmp_path / "1", lossy, 1), replicas(tmp_path / "2", stores, 1)
        async with first as [here], second as [there], Client(here.url) as near, Client(there.url) as far:
            yield Pair(tmp_path, request.param, stores, way, near, far)


def _is_unknown(answer: Answer) -> bool:
    """Whether the client is told to look for itself."""
    return answer.status == 503 and "retry-after" in answer.headers


async def test_an_upload_whose_commit_was_not_answered_is_whole_or_not_there(pair: Pair) -> None:
    pair.way.lose(_ADD[pair.kind])
    answer = await pair.here.post("cat", _PHOTO)
    assert answer.status == 201 or _is_unknown(answer)
    for answer in await pair.everywhere("/original/cat"):
        assert (answer.status, answer.body) == (200, _PHOTO)
    assert (await pair.here.post("cat", _OTHER)).status == 409
    assert (await pair.there.put("cat", _PHOTO)).status in (200, 201, 204)
    await pair.kept()
    assert (await pair.healed(_DERIVED)).picture.size == (80, 60)


async def test_a_replace_whose_commit_was_not_answered_shows_one_picture_everywhere(pair: Pair) -> None:
    assert (await pair.here.post("cat", _PHOTO)).status == 201
    await pair.everywhere(_DERIVED)
    pair.way.lose(_REPLACE[pair.kind])
    answer = await pair.here.put("cat", _OTHER)
    assert answer.status == 200 or _is_unknown(answer)
    for answer in await pair.everywhere("/original/cat"):
        assert (answer.status, answer.body) == (200, _OTHER)
    assert len({answer.headers["etag"] for answer in await pair.everywhere(_DERIVED)}) == 1
    await pair.kept()


async def test_a_delete_whose_commit_was_not_answered_is_final_everywhere(pair: Pair) -> None:
    assert (await pair.here.post("cat", _PHOTO)).status == 201
    await pair.everywhere(_DERIVED)
    pair.way.lose(_REMOVE[pair.kind])
    assert _is_unknown(await pair.here.delete("cat"))
    for path in ("/original/cat", _DERIVED, "/info/cat"):
        assert {answer.status for answer in await pair.everywhere(path)} == {404}
    await pair.kept()
    assert (await pair.there.post("cat", _OTHER)).status == 201
    assert {answer.body for answer in await pair.everywhere("/original/cat")} == {_OTHER}


@pytest.mark.parametrize("question", [_ACQUIRE, _RELEASE], ids=["acquired", "released"])
async def test_a_lease_whose_answer_was_lost_is_not_stuck(pair: Pair, question: dict[str, bytes]) -> None:
    assert (await pair.here.post("cat", _PHOTO)).status == 201
    pair.way.lose(question[pair.kind])
    first = await pair.here.get(_DERIVED)
    assert first.status == 200 or _is_unknown(first)
    here, there = await pair.healed(_DERIVED), await pair.there.get(_DERIVED)
    assert (here.body, here.headers["etag"]) == (there.body, there.headers["etag"])
    assert (await pair.there.get("/derived/cat-40x30.jpg")).status == 200
    await pair.kept()
