"""Whose request a line of the log belongs to."""

import asyncio
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_ENDED = "worker process ended"


async def test_what_happens_in_a_request_is_logged_under_its_id_and_what_happens_later_is_not(tmp_path: Path) -> None:
    count = tmp_path / "count"
    async with running(tmp_path, failpoint_count=count) as program, Client(program.url) as client:
        assert (await client.put("cat", jpeg(640, 480))).status == 201
        (worker,) = program.workers()
        worker.suspend()
        pending = asyncio.create_task(client.get("/derived/cat-80x60.jpg", **{"X-Request-ID": "mine"}))
        await until(lambda: "derive.rendering" in count.read_text(), "the render")
        worker.kill()
        answer = await pending
        assert (answer.status, answer.headers["x-request-id"]) == (200, "mine")
        assert [line.get("request_id") for line in program.logged(_ENDED)] == ["mine"]
        (successor,) = await until(program.workers, "the next worker")
        successor.kill()
        await until(lambda: len(program.logged(_ENDED)) == 2, "its end")
        assert [line.get("request_id") for line in program.logged(_ENDED)] == ["mine", None]
        for given in ("not well formed", "x" * 65, ""):
            made = (await client.get("/derived/cat-80x60.jpg", **{"X-Request-ID": given})).headers["x-request-id"]
            assert made not in ("", given)
            await until(lambda: made in [line["request_id"] for line in program.logged("request")], "its line")  # noqa: B023
