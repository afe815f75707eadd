"""Replicas are replaced while they are asked: readiness goes first, and no request fails."""

import signal
from pathlib import Path

import pytest

from tests.live.client import Answer, Client, Raw, connected, head
from tests.live.program import running, until
from tests.live.replicas import new_stores
from tests.live.rollout import LOADS, PHOTO, refuses, rollout
from tests.servers import Minio, Postgres

pytestmark = pytest.mark.live

_ROUNDS = 3
_LONG = 600


async def requested(raw: Raw, path: str = "/healthz") -> Answer:
    await raw.send(head("GET", path))
    return await raw.answer()


@pytest.mark.parametrize("processes", [1, 2])
async def test_before_it_stops_listening_it_says_so_and_serves_everything(tmp_path: Path, processes: int) -> None:
    async with (
        running(tmp_path, drain_delay=_LONG, processes=processes) as program,
        connected(program.port) as connection,
        connected(program.port) as idle,
    ):
        await until(lambda: len(program.logged("serving")) == processes, "all processes")
        assert [(await requested(raw)).status for raw in (connection, idle)] == [200, 200]
        program.signal(signal.SIGTERM)
        await until(lambda: len(program.logged("stopping")) == processes, "the beginning of the end")
        program.signal(signal.SIGTERM)  # systemd sends it to every process, and so does a supervisor
        async with connected(program.port) as raw:
            ready = await requested(raw, "/readyz")
            assert (ready.status, ready.json["status"], ready.headers["connection"]) == (503, "draining", "close")
        last = await requested(connection)
        assert (last.status, last.headers["connection"]) == (200, "close")
        assert await connection.rest() == b""
        async with Client(program.url) as client:
            assert (await client.put("cat", PHOTO)).status == 201
            for _ in range(2):  # rendered, and from memory
                assert (await client.get("/derived/cat-20x20.jpg")).status == 200
        assert not idle.reader.at_eof()
        program.signal(signal.SIGINT)
        await until(lambda: refuses(program.port), "the end of listening")
        assert await idle.rest() == b""
        assert await program.ended() == 0


async def test_the_delay_ends_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path, drain_delay=0.3) as program, connected(program.port) as idle:
        assert (await requested(idle)).status == 200
        program.signal(signal.SIGTERM)
        assert await idle.rest() == b""
        assert await program.ended() == 0


async def test_at_a_terminal_there_is_no_delay(tmp_path: Path) -> None:
    async with running(tmp_path, drain_delay=_LONG) as program:
        program.signal(signal.SIGINT)
        assert await program.ended() == 0


async def test_no_request_fails_while_every_replica_is_replaced(
    tmp_path: Path, minio: Minio, postgresql: Postgres
) -> None:
    stores = await new_stores(minio, postgresql)
    async with rollout(tmp_path, stores, delay=None) as (cluster, roll):
        for _ in range(_ROUNDS):
            await roll()
    tally = cluster.tally
    assert tally.failures == []
    assert tally.answered["slow upload"] == tally.replaced == _ROUNDS * 3
    assert all(tally.answered[kind] > tally.replaced for kind in LOADS)
    assert await cluster.leases_left() == 0
