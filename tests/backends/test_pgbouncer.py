"""PostgreSQL behind a pooler of transactions: what was acknowledged is there, and what fails says so."""

import asyncio
import secrets
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from pymager.errors import BackendError
from pymager_sql import SqlMetadata
from tests.conftest import served
from tests.servers import Postgres
from tests.servers.pgbouncer import PgBouncer
from tests.unit.place import planted

_ROUNDS, _AT_ONCE, _CONNECTIONS = 12, 8, 3


@pytest.fixture
def bouncer(postgresql: Postgres) -> Iterator[PgBouncer]:
    yield from served(partial(PgBouncer, postgresql, _CONNECTIONS), PgBouncer.install)


async def test_no_mutation_behind_a_pooler_is_acknowledged_and_not_done(
    postgresql: Postgres, bouncer: PgBouncer
) -> None:
    url = postgresql.new_database()
    await SqlMetadata(url).prepare()
    through = postgresql.by_way_of(url, bouncer.port)
    acknowledged: set[str] = set()
    removed: set[str] = set()

    async def come_and_go(store: SqlMetadata) -> None:
        for _ in range(_ROUNDS):
            id = secrets.token_hex(8)
            try:
                await store.add(planted(id, "x"))
                acknowledged.add(id)
                again = planted(id, "y")
                await store.replace(again)
                if id[0] < "8":
                    acknowledged.discard(id)
                    await store.remove(id)
                    removed.add(id)
            except BackendError:
                pass

    async with SqlMetadata(through) as first, SqlMetadata(through) as second, SqlMetadata(through) as third:
        await asyncio.gather(*(come_and_go(store) for store in (first, second, third) for _ in range(_AT_ONCE)))
    with psycopg.connect(url) as connection:
        there = {row[0] for row in connection.execute("SELECT id FROM originals")}
    assert len(acknowledged) > _ROUNDS
    assert acknowledged - there == set()
    assert removed & there == set()
