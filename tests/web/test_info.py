"""The description of an original over HTTP, also of one that an earlier version stored without it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pymager.testing.metadata_originals import A_DESCRIPTION
from pymager_sql import SqlMetadata
from tests.pictures import encoded, jpeg, photograph
from tests.web.served import WRITER, Served, serving

FIELDS = ("frames", "alpha", "dominant", "thumbhash", "blurhash")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("own")) as server:
        yield server


def fields(content: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(content[field] for field in FIELDS)


def forget(served: Served, id: str) -> None:
    """Make the row one of an earlier version."""
    with closing(sqlite3.connect(served.folder / "data" / "catalog.db")) as catalog, catalog:
        columns = ", ".join(f"{column} = NULL" for column in ("described", *FIELDS))
        assert catalog.execute(f"UPDATE originals SET {columns} WHERE id = ?", (id,)).rowcount == 1


async def describe(served: Served, id: str, revision: str) -> bool:
    """What another replica does that can decode the original."""
    async with SqlMetadata(f"sqlite:///{served.folder}/data/catalog.db") as store:
        return await store.describe(id, revision, A_DESCRIPTION)


def damage(served: Served, id: str, body: bytes) -> None:
    for file in served.files_of(id):
        if "original" in file.parts:
            file.write_bytes(body[:200] + bytes(len(body) - 200))


def test_every_answer_with_an_original_describes_it(own: Served) -> None:
    body = encoded(photograph(60, 40), "GIF", save_all=True, append_images=[photograph(60, 40, 1)])
    posted = own.post("/original/moving", body).json
    assert (posted["frames"], posted["alpha"]) == (2, False)
    assert None not in fields(posted)
    assert own.get("/info/moving").json == posted
    listed = own.request("GET", "/original", WRITER).json["items"]
    assert [item for item in listed if item["id"] == "moving"] == [posted]
    replaced = own.put("moving", jpeg(60, 40, seed=3)).json
    assert replaced["frames"] == 1
    assert replaced["thumbhash"] != posted["thumbhash"]
    assert own.get("/info/moving").json == replaced


def test_a_row_without_a_description_gets_it_when_it_is_asked_for(own: Served, photo: bytes) -> None:
    id = own.upload(photo)
    before = own.get(f"/info/{id}")
    forget(own, id)
    after = own.get(f"/info/{id}")
    assert after.json == before.json
    assert after["ETag"] == before["ETag"]
    with closing(sqlite3.connect(own.folder / "data" / "catalog.db")) as catalog:
        row = catalog.execute("SELECT described = revision, frames, dominant FROM originals WHERE id = ?", (id,))
        assert row.fetchone() == (1, 1, before.json["dominant"])


def test_the_tag_changes_with_the_description(own: Served, photo: bytes) -> None:
    id = own.upload(photo)
    forget(own, id)
    damage(own, id, photo)
    bare = own.get(f"/info/{id}")
    assert (bare.status, fields(bare.json)) == (200, (None,) * 5)
    assert bare["Cache-Control"] == "no-cache"
    again = own.get(f"/info/{id}", If_None_Match=bare["ETag"])
    assert (again.status, again["Cache-Control"]) == (304, "no-cache")
    revision = next(file for file in own.files_of(id) if "original" in file.parts).stem
    assert asyncio.run(describe(own, id, revision))
    filled = own.get(f"/info/{id}", If_None_Match=bare["ETag"], If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT")
    assert (filled.status, fields(filled.json)[0]) == (200, A_DESCRIPTION.frames)
    assert filled["ETag"] != bare["ETag"]
    assert filled["Cache-Control"] == "public, max-age=300"


def test_an_original_that_cannot_be_decoded_any_more_has_nulls(own: Served, photo: bytes) -> None:
    id = own.upload(photo)
    forget(own, id)
    damage(own, id, photo)
    for _ in range(3):
        response = own.get(f"/info/{id}")
        assert (response.status, fields(response.json)) == (200, (None,) * 5)
        assert response.json["width"] == 60


def test_many_who_ask_at_once_get_the_same(own: Served, photo: bytes) -> None:
    id = own.upload(photo)
    expected = own.get(f"/info/{id}").json
    forget(own, id)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: own.get(f"/info/{id}").json, range(60)))
    assert answers == [expected] * 60


def test_a_read_only_server_computes_and_does_not_write(tmp_path: Path, photo: bytes, log: Any) -> None:
    with serving(tmp_path) as server:
        id = server.upload(photo)
        expected = server.get(f"/info/{id}").json
        forget(server, id)
    with serving(tmp_path, read_only=True) as server:
        assert [server.get(f"/info/{id}").json for _ in range(2)] == [expected] * 2
        with closing(sqlite3.connect(server.folder / "data" / "catalog.db")) as catalog:
            assert catalog.execute("SELECT described FROM originals").fetchall() == [(None,)]
