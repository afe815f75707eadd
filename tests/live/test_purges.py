"""`pymager purges` beside a server whose cache is down, and settings that cannot purge."""

import asyncio
import json
from pathlib import Path

import pytest

from pymager.testing.purgers import Call, Edge, Reply
from tests.live.client import Client
from tests.live.program import TIMEOUT_SECONDS, command, running
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_SECRET = "a-secret-of-the-tests-with-many-characters"


async def test_purges_wait_for_a_cache_that_is_down_and_are_listed_and_retried(tmp_path: Path) -> None:
    replies: list[Reply] = []

    async def answer(call: Call) -> Reply:
        return replies[0] if replies else Reply(503, headers={"Retry-After": "300"})

    async with Edge(answer) as edge:
        settings = {"purgers": f"webhook+http://127.0.0.1:{edge.port}/#secret={_SECRET}", "purge_repeat": 0}
        async with running(tmp_path, **settings) as program, Client(program.url) as client:
            assert (await client.post("cat", jpeg(8, 6))).status == 201
            assert edge.calls == []
            assert (await client.delete("cat")).status == 204  # although the cache is down
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not edge.calls:
                    await asyncio.sleep(0.02)
            listed = await command(tmp_path, "purges", "list", "--json", **settings)
            assert listed.code == 0, listed
            (purge,) = map(json.loads, listed.out.splitlines())
            assert (purge["id"], len(purge["revision"]), len(purge["missing"])) == ("cat", 32, 1)
            failed = await command(tmp_path, "purges", "retry", **settings)
            assert (failed.code, failed.out) == (1, "0 purges confirmed, 1 failed, 0 delivered by other processes\n")
            replies.append(Reply(200))
            retried = await command(tmp_path, "purges", "retry", **settings)
            assert (retried.code, retried.out) == (0, "1 purge confirmed, 0 failed, 0 delivered by other processes\n")
            assert (await command(tmp_path, "purges", "list", **settings)).out == "0 purges pending\n"
            shown = await command(tmp_path, "config", **settings)
            for text in (program.log, program.out, listed.out, failed.err, shown.out):
                assert _SECRET not in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"purgers": "varnish://127.0.0.1:1"}, "PYMAGER_CACHE_TAGS must contain xkey"),
        ({"purgers": "nope:1"}, "PYMAGER_PURGERS: unknown purger 'nope:'"),
        (
            {"purgers": "varnish://a:1 varnish://a:1?method=ban", "cache_tags": "xkey"},
            "must list each cache once, got varnish://a:1 twice",
        ),
    ],
    ids=["tags", "scheme", "twice"],
)
async def test_a_server_does_not_start_with_a_purger_that_cannot_work(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    done = await command(tmp_path, "serve", **settings)
    assert done.code == 2
    assert said in done.err
    assert "PYMAGER_PURGERS" in done.err
