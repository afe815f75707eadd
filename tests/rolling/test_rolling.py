"""Replicas of two versions over one catalog: each reads what the other writes, in both directions.

Every picture has one color, so that a description of another picture can be told.
"""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from PIL import Image

from pymager import registry
from tests.live.client import Answer, Client
from tests.live.program import TIMEOUT_SECONDS, Done, Program, command, running
from tests.servers import DynamoLocal, Postgres

pytestmark = pytest.mark.live

_WHEEL = Path(__file__).with_name("pymager-0.1.0-py3-none-any.whl")
_FIELDS = ("frames", "alpha", "dominant", "thumbhash", "blurhash")
_STEPS = 150
_NOT_DESCRIBED = (None,) * len(_FIELDS)


@pytest.fixture(scope="session")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the version before."""
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(_WHEEL) as wheel:
        wheel.extractall(folder)
    return folder


@dataclass
class Versions:
    """The two versions over one folder of blobs and one catalog."""

    folder: Path
    code: Path
    metadata: str

    def _settings(self, *, old: bool) -> dict[str, object]:
        shared = {"blobs": f"file:{self.folder / 'blobs'}", "metadata": self.metadata}
        return shared | ({"code": self.code} if old else {})

    async def run(self, *arguments: str, old: bool = False) -> Done:
        (self.folder / "commands").mkdir(exist_ok=True)
        return await command(self.folder / "commands", *arguments, **self._settings(old=old))

    @asynccontextmanager
    async def serving(self, name: str, *, old: bool = False) -> AsyncIterator[Client]:
        async with (
            running(self.folder / name, **self._settings(old=old)) as program,
            Client(program.url) as client,
        ):
            assert_version(program, self.code if old else None)
            yield client


def assert_version(program: Program, code: Path | None) -> None:
    """The worker process, which inherits the path of imports, runs the code that the program was started with."""
    path = program.workers()[0].environ().get("PYTHONPATH", "")
    assert (str(code) in path) == (code is not None)


@pytest.fixture(params=["postgresql", "dynamodb"])
async def versions(request: pytest.FixtureRequest, tmp_path: Path, old_code: Path) -> Versions:
    """Stores that the old version has prepared."""
    catalog: Postgres | DynamoLocal = request.getfixturevalue(request.param)
    url = catalog.new_database() if isinstance(catalog, Postgres) else catalog.patient_url(tmp_path.name)
    found = Versions(tmp_path, old_code, url)
    assert (await found.run("init", old=True)).code == 0
    return found


def color(number: int) -> tuple[int, int, int]:
    return 37 * number % 256, 91 * number % 256, 151 * number % 256


def picture(number: int) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (48 + number % 7, 36), color(number)).save(body, "PNG")
    return body.getvalue()


def described(answer: Answer) -> tuple[Any, ...]:
    return tuple(answer.json[field] for field in _FIELDS)


async def assert_shows(client: Client, id: str, number: int, *, old: bool) -> None:
    """The client's replica has this picture, and describes no other one."""
    original = await client.get(f"/original/{id}")
    assert (original.status, original.body) == (200, picture(number))
    variant = await client.get(f"/derived/{id}-8x6.png")
    with Image.open(io.BytesIO(variant.body)) as shown:
        assert shown.convert("RGB").getpixel((4, 3)) == color(number)
    info = await client.get(f"/info/{id}")
    assert (info.status, info.json["width"]) == (200, 48 + number % 7)
    assert old == ("dominant" not in info.json)
    if not old:
        await until_described(client, id)
        info = await client.get(f"/info/{id}")
        assert described(info)[:3] == (1, False, "#{:02x}{:02x}{:02x}".format(*color(number)))
        assert None not in described(info)


async def until_described(client: Client, id: str) -> None:
    """Ask until the description is there: a slow machine does not make it while the first request waits."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while None in described(await client.get(f"/info/{id}")):
            await asyncio.sleep(0.1)


async def listed(client: Client, id: str) -> tuple[Any, ...]:
    items = json.loads((await client.get("/original?limit=1000")).body)["items"]
    (item,) = [item for item in items if item["id"] == id]
    return tuple(item[field] for field in _FIELDS)


async def test_each_version_reads_what_the_other_writes(versions: Versions) -> None:
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(versions.serving("old", old=True))
        for number, id in enumerate(("kept", "replaced", "deleted", "again")):
            assert (await old.put(id, picture(number))).status == 201
        await update_while_it_serves(versions, old)
        new = await stack.enter_async_context(versions.serving("new"))

        assert await listed(new, "kept") == _NOT_DESCRIBED
        for number, id in enumerate(("kept", "replaced", "deleted", "again")):
            await assert_shows(new, id, number, old=False)  # described when it is asked for
            await assert_shows(old, id, number, old=True)
        assert None not in await listed(new, "kept")

        # The old version replaces rows, and removes them, without a word about their descriptions.
        assert (await old.put("replaced", picture(10))).status == 200
        assert (await old.delete("again")).status == 204
        assert (await old.put("again", picture(11))).status == 201
        assert (await old.delete("deleted")).status == 204
        for id in ("replaced", "again"):
            assert await listed(new, id) == _NOT_DESCRIBED
        await assert_shows(new, "replaced", 10, old=False)
        await assert_shows(new, "again", 11, old=False)
        assert (await new.get("/info/deleted")).status == 404

        # The new version writes descriptions, and the old one reads the rows.
        assert (await new.put("replaced", picture(20))).status == 200
        assert (await new.put("deleted", picture(21))).status == 201
        assert None not in await listed(new, "deleted")
        for id, number in (("replaced", 20), ("deleted", 21), ("kept", 0)):
            await assert_shows(old, id, number, old=True)
            await assert_shows(new, id, number, old=False)
        assert (await new.delete("deleted")).status == 204
        assert (await old.get("/original/deleted")).status == 404
        assert (await old.put("kept", picture(22), **{"If-None-Match": "*"})).status == 412

        await work_at_once(old, new)
        assert (await old.put("late", picture(30))).status == 201
        done = await versions.run("check", "--complete")
        assert done.code == 0, done.err
        assert None not in await listed(new, "late")
    assert (await versions.run("check")).code == 0
    assert (await versions.run("check", old=True)).code == (0 if versions.metadata.startswith("dynamodb") else 2)


async def update_while_it_serves(versions: Versions, old: Client) -> None:
    """`pymager upgrade` of the new version, while a replica of the old one serves and stores."""
    if versions.metadata.startswith("postgresql"):
        refusal = await versions.run("check")
        assert refusal.code != 0
        assert "is at version 0004, but this release needs 0006: run `pymager upgrade`" in refusal.err
    upgrade = asyncio.create_task(versions.run("upgrade"))
    number = 0
    while not upgrade.done() or number < 5:
        number += 1
        assert (await old.put("meanwhile", picture(number))).status in (200, 201)
        await assert_shows(old, "meanwhile", number, old=True)
    assert (await upgrade).code == 0
    if versions.metadata.startswith("postgresql"):
        refusal = await versions.run("check", old=True)
        assert refusal.code != 0
        assert "is at version 0006, made by a newer pymager" in refusal.err


async def work_at_once(old: Client, new: Client) -> None:
    """Writers of both versions change the same ids; between the changes, every answer is about the last one."""
    random, clients = Random(3), {True: old, False: new}

    async def work(id: str) -> None:
        current: int | None = None
        for step in range(_STEPS):
            by, through = random.choice((True, False)), random.choice((True, False))
            if current is None or random.random() < 0.6:
                number = 100 + step
                answer = await clients[by].put(id, picture(number))
                assert answer.status == (201 if current is None else 200)
                current = number
                if not by:
                    assert described(answer)[2] == "#{:02x}{:02x}{:02x}".format(*color(number))
            elif random.random() < 0.3:
                assert (await clients[by].delete(id)).status == 204
                current = None
            if current is None:
                assert (await clients[through].get(f"/info/{id}")).status == 404
            else:
                await assert_shows(clients[through], id, current, old=through)
                of_row = (await listed(new, id))[2]
                assert of_row in (None, "#{:02x}{:02x}{:02x}".format(*color(current)))

    async with asyncio.TaskGroup() as group:
        for id in ("a", "b", "c"):
            group.create_task(work(id))


async def test_the_old_version_starts_again_after_the_number_of_the_schema_is_set_back(
    tmp_path: Path, old_code: Path, postgresql: Postgres
) -> None:
    """What docs/how-to/update-replicas.md says about going back, and the update that follows it."""
    versions = Versions(tmp_path, old_code, postgresql.new_database())
    assert (await versions.run("init")).code == 0
    async with versions.serving("new") as new:
        assert (await new.put("cat", picture(1))).status == 201
        assert (await new.put("dog", picture(2))).status == 201
    with psycopg.connect(versions.metadata, autocommit=True) as connection:
        connection.execute("UPDATE pymager_schema SET version_num = '0004'")
    async with versions.serving("old", old=True) as old:
        await assert_shows(old, "cat", 1, old=True)
        assert (await old.put("cat", picture(3))).status == 200
        assert (await old.put("bird", picture(4))).status == 201
    assert (await versions.run("upgrade")).code == 0
    async with registry.load_metadata(versions.metadata) as metadata:
        rows = {row.id: row.description is not None for row in (await metadata.list_page(None, 10)).items}
        assert rows == {"bird": False, "cat": False, "dog": True}
    async with versions.serving("newer") as new:
        for id, number in (("cat", 3), ("dog", 2), ("bird", 4)):
            await assert_shows(new, id, number, old=False)
