"""The log: one JSON object a line, one line a request, and no secret in it."""

import base64
import json
import re
import signal
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import TOKEN, Program, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_WRONG = "a-wrong-secret"


async def test_every_request_has_one_line_under_the_id_that_it_was_answered_with(tmp_path: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        answers = [
            await client.put("cat", jpeg(320, 240)),
            await client.get("/derived/cat-80x60.jpg"),
            await client.get("/derived/cat-80x60.jpg"),
            await client.get("/original/nothing"),
            await client.get("/nowhere"),
            await client.request("PATCH", "/original/cat"),
            await client.get("/openapi.json", **{"X-Request-ID": "of-the-client"}),
            await client.put("dog", b"no picture"),
        ]
        assert await program.stop() == 0
    lines = [json.loads(line) for line in program.log.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    logged = {line["request_id"]: line["status"] for line in lines if line["event"] == "request"}
    assert logged == {answer.headers["x-request-id"]: answer.status for answer in answers}
    assert logged["of-the-client"] == 200
    assert len([line for line in lines if line["event"] == "request"]) == len(answers)


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_a_probe_that_finds_all_well_has_a_line_for_those_who_debug_only(tmp_path: Path, level: str) -> None:
    async with running(tmp_path, log_level=level, drain_delay=60) as program, Client(program.url) as client:
        assert (await client.get("/healthz")).status == 200
        program.signal(signal.SIGTERM)
        await until(lambda: program.logged("stopping"), "the delay")
        assert (await client.get("/readyz")).status == 503
        await until(lambda: ("/readyz", 503) in _logged(program), "the last line")
        assert (("/healthz", 200) in _logged(program)) is (level == "debug")
        program.signal(signal.SIGINT)


def _logged(program: Program) -> set[tuple[str, int]]:
    return {(line["path"], line["status"]) for line in program.logged("request")}


async def test_no_secret_is_ever_logged(tmp_path: Path) -> None:
    async with running(tmp_path, tokens=None, log_level="debug") as program, Client(program.url) as client:
        found = re.search(r"with the password '([^']+)'", program.out)
        assert found is not None
        secrets = {_WRONG, TOKEN, found[1]}
        for password in (found[1], _WRONG):
            basic = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
            secrets.add(basic.removeprefix("Basic "))
            for authorization in (basic, f"Bearer {password}", password, f"Basic {password}"):
                for path in ("/original/cat", "/original/a%20cat"):
                    await client.request("PUT", path, data=jpeg(64, 48), headers={"Authorization": authorization})
        assert (await client.get("/original/cat")).status == 200
        await until(lambda: len(program.logged("request")) == 17, "the requests' lines")
        log = program.log
    assert [secret for secret in secrets if secret in log] == []
    assert "authorization" not in log.lower()
    hash = (tmp_path / "data/first-user").read_text().partition(":")[2].strip()
    assert hash not in log
