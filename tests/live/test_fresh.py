"""Every command in an interpreter of its own, as everybody starts it: nothing has imported anything for it."""

import secrets
from pathlib import Path

import pytest

from pymager.cli import program as commands
from tests.live.client import Client
from tests.live.program import Done, command, running
from tests.live.replicas import Stores
from tests.pictures import jpeg

pytestmark = pytest.mark.live


@pytest.fixture(params=["embedded", "postgresql", "dynamodb"])
def unused(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Stores that nobody has prepared."""
    name = f"pymager-{secrets.token_hex(6)}"
    if request.param == "embedded":
        return Stores(f"file:{tmp_path}/{name}", f"sqlite:///{tmp_path}/{name}.db")
    blobs, server = request.getfixturevalue("minio").url(name), request.getfixturevalue(request.param)
    return Stores(blobs, server.new_database() if request.param == "postgresql" else server.patient_url(name))


async def test_every_command_works(tmp_path: Path, unused: Stores) -> None:
    album, copied = tmp_path / "album", tmp_path / "copied"
    album.mkdir()
    (album / "dog.jpg").write_bytes(jpeg(64, 48))
    given = {"blobs": unused.blobs, "metadata": unused.metadata, "signing_keys": "ab" * 32}
    ran = {"serve"}

    async def run(*arguments: str, stdin: str = "") -> Done:
        ran.add(arguments[0])
        done = await command(tmp_path, *arguments, stdin=stdin, fresh=True, **given)
        assert done.code == 0, (arguments, done)
        return done

    await run("init")
    await run("upgrade")
    async with running(tmp_path, fresh=True, **given) as program, Client(program.url) as client:
        assert (await client.put("cat", jpeg(64, 48))).status == 201
        assert (await client.get("/derived/cat-8x6.jpg")).picture.size == (8, 6)
        assert await program.stop() == 0
    await run("import", str(album))
    await run("warm", "--sizes", "8x6")
    assert (await run("check")).out == "2 originals checked, 0 lost or damaged\n"
    await run("sweep")
    assert (await run("purges", "list")).out == "0 purges pending\n"
    await run("copy-blobs", unused.blobs, f"file:{copied}")
    await run("copy-metadata", unused.metadata, f"sqlite:///{copied}.db")
    assert (await run("hash-password", stdin="a password\n")).out.startswith("admin:$argon2")
    assert (await run("sign", "/derived/cat-8x6.jpg")).out.startswith("/derived/cat-8x6.jpg?")
    assert unused.metadata.partition(":")[0] in (await run("config")).out
    assert ran == set(commands.commands)
