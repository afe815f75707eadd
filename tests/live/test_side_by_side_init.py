"""Several programs that prepare one database at the same time, as replicas do that start together."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import command, running
from tests.pictures import jpeg
from tests.servers import Minio

pytestmark = pytest.mark.live

_COUNT = 3
_PHOTO = jpeg(320, 240)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_of_three_that_prepare_an_empty_database_at_once_one_makes_each_version_and_all_serve(
    request: pytest.FixtureRequest, tmp_path: Path, minio: Minio, kind: str
) -> None:
    url = request.getfixturevalue(kind).new_database()
    settings = {"blobs": minio.url(f"pymager-{secrets.token_hex(6)}"), "metadata": url}
    done = await asyncio.gather(*(command(tmp_path, "init", **settings) for _ in range(_COUNT)))
    assert [one.code for one in done] == [0] * _COUNT, done
    said = "".join(one.out for one in done).splitlines()
    made = [line for line in said if "upgraded the schema to version" in line]
    assert len(made) == len(set(made)) > 0, said
    async with AsyncExitStack() as stack:
        programs = [
            await stack.enter_async_context(running(tmp_path / f"replica-{n}", wait=False, **settings))
            for n in range(_COUNT)
        ]
        for program in programs:
            await program.answers()
        clients = [await stack.enter_async_context(Client(program.url)) for program in programs]
        answers = await asyncio.gather(*(client.post("cat", _PHOTO) for client in clients))
        assert sorted(answer.status for answer in answers) == [201, 409, 409]
