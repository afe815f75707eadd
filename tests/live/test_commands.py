"""The commands beside `serve`: what they find, what they print, how they exit."""

import base64
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import TOKEN, command, environment, running, until
from tests.live.traces import assert_swept, blob_keys, catalog
from tests.pictures import jpeg

pytestmark = pytest.mark.live


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["serve", "--help"], ["sweep", "-h"]])
async def test_questions_about_the_program_are_answered_with_exit_code_0(tmp_path: Path, arguments: list[str]) -> None:
    done = await command(tmp_path, *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip()


async def test_a_command_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    assert (await command(tmp_path, "swoop")).code == 2
    assert (await command(tmp_path, "serve", "--swift")).code == 2


async def test_config_shows_what_is_in_force_and_masks_secrets(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("jpeg_quality = 71\nwebp_quality = 72\n")
    done = await command(tmp_path, "--config", str(file), "config", webp_quality=73)
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert f"71  ({file})" in lines["jpeg_quality"]
    assert "73  (PYMAGER_WEBP_QUALITY)" in lines["webp_quality"]
    assert "(default)" in lines["avif_quality"]
    assert "tests:***" in lines["tokens"]
    assert sha256(TOKEN.encode()).hexdigest() not in done.out


async def test_a_hash_that_was_made_lets_its_user_in(tmp_path: Path) -> None:
    done = await command(tmp_path, "hash-password", "--name", "ann", stdin="right\n")
    assert done.code == 0
    async with running(tmp_path, users=done.out.strip()) as program, Client(program.url) as client:
        for password, status in (("wrong", 401), ("right", 201)):
            credentials = b"ann:" + password.encode()
            header = {"Authorization": "Basic " + base64.b64encode(credentials).decode()}
            answer = await client.ask("PUT", "/original/cat", data=jpeg(64, 48), headers=header)
            assert answer.status == status
    assert (await command(tmp_path, "hash-password", stdin="\n")).code == 2
    assert (await command(tmp_path, "hash-password", "--name", "a b", stdin="right\n")).code == 2


async def test_migrate_prepares_the_stores_once(tmp_path: Path) -> None:
    first, second = await command(tmp_path, "migrate"), await command(tmp_path, "migrate")
    assert (first.code, second.code) == (0, 0)
    assert str(tmp_path / "data") in first.out
    assert second.out == "nothing to do: everything is up to date\n"


async def test_check_finds_a_blob_that_is_gone_and_one_that_was_altered(tmp_path: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        for id in ("whole", "gone", "altered"):
            assert (await client.put(id, jpeg(64, 48))).status == 201
        await program.stop()
    sound = await command(tmp_path, "check")
    assert (sound.code, sound.out) == (0, "3 originals checked, 0 lost or damaged\n")
    files = {path.parent.name: path for path in (tmp_path / "data/blobs/original").rglob("*.jpg")}
    files["gone"].unlink()
    data = bytearray(files["altered"].read_bytes())
    data[len(data) // 2] ^= 1
    files["altered"].write_bytes(data)
    done = await command(tmp_path, "check")
    assert done.code == 1
    assert "gone: its blob is gone" in done.out
    assert "altered: its blob's SHA-256 is" in done.out
    assert done.out.endswith("3 originals checked, 2 lost or damaged\n")


async def test_sweep_says_what_it_would_delete_and_deletes_it(tmp_path: Path) -> None:
    await command(tmp_path, "migrate")
    revision = "0123456789abcdef" * 2
    orphan = tmp_path / "data/blobs/original/000/cat" / f"{revision}.jpg"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left behind")
    orphan = orphan.rename(_placed(tmp_path, "cat", orphan.name))
    dry = await command(tmp_path, "sweep", "--dry-run", sweep_grace=0)
    assert dry.code == 0
    assert f"original/cat/{revision}.jpg" in dry.out
    assert orphan.exists()
    assert (await command(tmp_path, "sweep")).code == 0
    assert orphan.exists(), "younger than the grace period"
    assert (await command(tmp_path, "sweep", sweep_grace=0)).code == 0
    assert not orphan.exists()


async def test_import_keeps_what_is_a_picture_and_says_what_is_not(tmp_path: Path) -> None:
    folder = _album(tmp_path, 5)
    (folder / "notes.txt").write_text("no picture")
    first = await command(tmp_path, "import", str(folder), workers=2)
    assert first.code == 1
    assert "notes.txt" in first.err
    assert first.out.endswith("5 imported, 0 there already, 1 refused\n")
    (folder / "notes.txt").unlink()
    (folder / "2024" / "another.jpg").write_bytes(jpeg(64, 48, seed=99))
    again = await command(tmp_path, "import", str(folder), workers=2)
    assert (again.code, again.out.splitlines()[-1]) == (0, "1 imported, 5 there already, 0 refused")
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.get("/original/2024-photo_3")).body == (folder / "2024/photo 3.jpg").read_bytes()
    (folder / "2024/photo 3.jpg").write_bytes(jpeg(64, 48, seed=98))
    assert (await command(tmp_path, "import", str(folder))).code == 1


async def test_an_import_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = _album(tmp_path, 60)
    process = subprocess.Popen(
        [sys.executable, "-m", "pymager", "import", str(folder)],
        env=environment(tmp_path, {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until(lambda: (tmp_path / "data/blobs/original").exists() and len(blob_keys(tmp_path)) > 5, "some files")
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    kept = len(catalog(tmp_path))
    assert 0 < kept < 60
    done = await command(tmp_path, "import", str(folder))
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{60 - kept} imported, {kept} there already, 0 refused")
    assert len(catalog(tmp_path)) == 60
    await assert_swept(tmp_path)


def _album(folder: Path, count: int) -> Path:
    album = folder / "album"
    (album / "2024").mkdir(parents=True)
    for number in range(count):
        (album / "2024" / f"photo {number}.jpg").write_bytes(jpeg(64, 48, seed=number))
    return album


def _placed(folder: Path, id: str, name: str) -> Path:
    """Where a file of the folder's blob store belongs: see `pymager_filesystem.layout`."""
    place = folder / "data/blobs/original" / sha256(id.encode()).hexdigest()[:3] / id / name
    place.parent.mkdir(parents=True)
    return place
