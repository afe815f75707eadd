"""Read-only mode: nothing is taken or thrown away, and everything is served and derived."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from pymager import composition, keys
from pymager.operations import prepare as preparing
from pymager.operations.housekeeping import run_housekeeping
from pymager.ports import BlobStore
from tests.live.client import Answer, Client, connected, head
from tests.live.program import command, running
from tests.pictures import jpeg
from tests.waiting import until
from tests.web.served import settings_for

pytestmark = pytest.mark.live

_PHOTO = jpeg(640, 480)
_DERIVED = "/derived/cat-80x60.jpg"


def assert_refused(answer: Answer) -> None:
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert "read-only" in answer.json["detail"]


async def test_writes_are_refused_and_pictures_are_served_and_derived(tmp_path: Path) -> None:
    async with running(tmp_path, name="before") as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        contract = (await client.get("/openapi.json")).json
        assert "read_only" not in (await client.get("/readyz")).json
    async with running(tmp_path, name="closed", read_only=True) as program, Client(program.url) as client:
        for refused in (
            await client.put("cat", _PHOTO),
            await client.put("dog", _PHOTO, Authorization="Bearer another's"),
            await client.post("dog", _PHOTO),
            await client.delete("cat"),
        ):
            assert_refused(refused)
        made = await client.get(_DERIVED)
        assert (made.status, made.picture.size) == (200, (80, 60))
        assert (await client.get("/original/cat")).body == _PHOTO
        assert [(await client.get(path)).status for path in ("/info/cat", "/original", "/info/dog")] == [200, 200, 404]
        assert (await client.request("POST", "/healthz")).status == 405
        ready = await client.get("/readyz")
        assert (ready.status, ready.json["status"], ready.json["read_only"]) == (200, "ready", True)
        assert (await client.get("/openapi.json")).json == contract
    assert [path.name for path in (tmp_path / "data").rglob("80x60.jpg")] == ["80x60.jpg"]
    async with running(tmp_path, name="after") as program, Client(program.url) as client:
        assert (await client.get(_DERIVED)).headers["etag"] == made.headers["etag"]
        assert (await client.delete("cat")).status == 204


async def test_a_client_that_waits_with_its_body_keeps_it(tmp_path: Path) -> None:
    async with running(tmp_path, read_only=True) as program, connected(program.port) as raw:
        await raw.send(head("PUT", "/original/cat", Content_Length=len(_PHOTO), Expect="100-continue"))
        assert_refused(await raw.answer())
        assert await raw.rest() == b""


async def test_nothing_is_swept(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, read_only=True, sweep_interval=0.01, sweep_grace=0)
    await preparing.prepare(settings)
    async with composition.opened(settings) as parts:
        orphan = f"original/gone/{'0' * 32}.jpg"
        await parts.blobs.put(orphan, b"", "image/jpeg")
        house = asyncio.create_task(run_housekeeping(settings, parts))
        for _ in range(3):  # three times around: the second and third time it would sweep
            await until(lambda: _marks(tmp_path))
            await parts.blobs.delete(await _listed(parts.blobs, keys.RECIPES))
        house.cancel()
        with suppress(asyncio.CancelledError):
            await house
        assert await _listed(parts.blobs, keys.ORIGINALS) == [orphan]


@pytest.mark.parametrize("arguments", [["sweep"], ["import", "."]])
async def test_commands_that_would_write_say_so_and_do_nothing(tmp_path: Path, arguments: list[str]) -> None:
    done = await command(tmp_path, *arguments, read_only=True)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("pymager: PYMAGER_READ_ONLY: ")
    assert not (tmp_path / "data").exists()


def _marks(folder: Path) -> list[Path]:
    return list((folder / "data" / "blobs" / "recipe").glob("*"))


async def _listed(blobs: BlobStore, prefix: str) -> list[str]:
    return [info.key async for info in blobs.list(prefix)]
