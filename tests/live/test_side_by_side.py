"""Two programs over one folder and one SQLite file: one upload wins, a delete is final on both at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.numbered import number_of, numbered
from tests.live.program import command, running
from tests.live.traces import blob_keys

pytestmark = pytest.mark.live

_UPLOADS = 500
_CONNECTIONS = 25  # to each program
_IDS = 30


@asynccontextmanager
async def _two(folder: Path) -> AsyncIterator[tuple[Client, Client]]:
    async with (
        running(folder, name="first") as first,
        running(folder, name="second") as second,
        Client(first.url, _CONNECTIONS) as one,
        Client(second.url, _CONNECTIONS) as other,
    ):
        yield one, other


async def test_of_five_hundred_uploads_of_one_new_id_one_succeeds(tmp_path: Path) -> None:
    async with _two(tmp_path) as clients:
        answers = await asyncio.gather(
            *(clients[number % 2].post("cat", numbered(3 * number)) for number in range(_UPLOADS))
        )
        assert Counter(answer.status for answer in answers) == {201: 1, 409: _UPLOADS - 1}
        winner = next(3 * number for number, answer in enumerate(answers) if answer.status == 201)
        for client in clients:
            assert (await client.get("/original/cat")).body == numbered(winner)
    assert (await command(tmp_path, "sweep", sweep_grace=0)).code == 0
    assert len([key for key in blob_keys(tmp_path) if key[0] == "original"]) == 1


async def test_a_delete_on_one_program_is_final_on_the_other_at_once(tmp_path: Path) -> None:
    async with _two(tmp_path) as (one, other):
        for number in range(_IDS):
            id = f"id-{number}"
            assert (await one.put(id, numbered(number))).status == 201
            for client in (one, other, other):
                assert number_of((await client.get(f"/derived/{id}-80x60.png")).picture) == number
        for number in range(_IDS):
            id = f"id-{number}"
            assert (await other.get(f"/derived/{id}-80x60.png")).status == 200  # as fresh in its memory as can be
            assert (await one.delete(id)).status == 204
            for path in (f"/derived/{id}-80x60.png", f"/original/{id}", f"/info/{id}"):
                assert (await other.get(path)).status == 404
            assert (await one.post(id, numbered(number + _IDS))).status == 201
            assert number_of((await other.get(f"/derived/{id}-80x60.png")).picture) == number + _IDS
