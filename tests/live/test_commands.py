"""The commands beside `serve`: what they find, what they print, how they exit."""

import base64
import os
import re
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
            answer = await client.request("PUT", "/original/cat", data=jpeg(64, 48), headers=header)
            assert answer.status == status
    assert (await command(tmp_path, "hash-password", stdin="\n")).code == 2
    assert (await command(tmp_path, "hash-password", "--name", "a b", stdin="right\n")).code == 2


async def test_upgrade_brings_the_schema_up_to_date_and_leaves_the_blob_store_alone(tmp_path: Path) -> None:
    first, second = await command(tmp_path, "upgrade"), await command(tmp_path, "upgrade")
    assert (first.code, second.code) == (0, 0)
    assert "upgraded the schema to version" in first.out
    assert not (tmp_path / "data/blobs").exists()
    assert second.out == "nothing to do: everything is up to date\n"


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["check", "--complete"], ["sweep"], ["sweep", "--dry-run"], ["purges", "list"], ["warm"]],
    ids=" ".join,
)
async def test_a_command_over_existing_originals_creates_no_store(tmp_path: Path, arguments: list[str]) -> None:
    done = await command(tmp_path, *arguments, sizes="80x60")
    assert (done.code, done.out) == (2, "")
    assert f"PYMAGER_BLOBS, PYMAGER_DATA: there is no folder {tmp_path / 'data'}" in done.err
    assert not (tmp_path / "data").exists()


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
    assert "gone: the blob is missing" in done.out
    assert "altered: the blob has the SHA-256" in done.out
    assert done.out.endswith("3 originals checked, 2 lost or damaged\n")


async def test_sweep_says_what_it_would_delete_and_deletes_it(tmp_path: Path) -> None:
    await command(tmp_path, "init")
    revision = "0123456789abcdef" * 2
    orphan = tmp_path / "data/blobs/original/000/cat" / f"{revision}.jpg"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left behind")
    orphan = orphan.rename(_placed(tmp_path, "cat", orphan.name))
    dry = await command(tmp_path, "sweep", "--dry-run", sweep_grace=0)
    assert dry.code == 0
    assert f"original/cat/{revision}.jpg" in dry.out
    assert ", 1 to delete (11 bytes), " in dry.out
    assert orphan.exists()
    assert (await command(tmp_path, "sweep")).code == 0
    assert orphan.exists(), "younger than the grace period"
    done = await command(tmp_path, "sweep", sweep_grace=0)
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert ", 1 orphan, " in done.out and ", 1 deleted (11 bytes), " in done.out
    assert not orphan.exists()


async def test_import_keeps_what_is_a_picture_and_says_what_is_not(tmp_path: Path) -> None:
    folder = _album(tmp_path, 5)
    (folder / "notes.txt").write_text("no picture")
    first = await command(tmp_path, "import", str(folder), workers=2)
    assert first.code == 1
    assert "notes.txt" in first.err
    assert re.fullmatch(r"5 imported \([\d,]+ bytes\), 0 already there, 1 failed\n", first.out)
    (folder / "notes.txt").unlink()
    (folder / "2024" / "another.jpg").write_bytes(jpeg(64, 48, seed=99))
    again = await command(tmp_path, "import", str(folder), workers=2)
    assert again.code == 0
    assert re.fullmatch(r"1 imported \([\d,]+ bytes\), 5 already there, 0 failed\n", again.out)
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.get("/original/2024-photo_3")).body == (folder / "2024/photo 3.jpg").read_bytes()
    (folder / "2024/photo 3.jpg").write_bytes(jpeg(64, 48, seed=98))
    assert (await command(tmp_path, "import", str(folder))).code == 1


async def test_an_import_that_was_killed_continues_when_it_is_run_again(tmp_path: Path) -> None:
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
    stored = len(catalog(tmp_path))
    assert 0 < stored < 60
    done = await command(tmp_path, "import", str(folder))
    assert done.code == 0
    assert re.fullmatch(rf"{60 - stored} imported \([\d,]+ bytes\), {stored} already there, 0 failed\n", done.out)
    assert len(catalog(tmp_path)) == 60
    await assert_swept(tmp_path)


async def test_an_import_that_is_stopped_finishes_its_files_and_says_how_to_continue(tmp_path: Path) -> None:
    folder = _album(tmp_path, 60)
    assert (await command(tmp_path, "init")).code == 0  # a first start says in its log that it paired the stores
    process = subprocess.Popen(
        [sys.executable, "-m", "pymager", "import", str(folder)],
        env=environment(tmp_path, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        await until(lambda: (tmp_path / "data/blobs/original").exists() and len(blob_keys(tmp_path)) > 6, "some files")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert err == "stopped by SIGTERM; run the same command again to continue\n"
    stored = len(catalog(tmp_path))
    assert 5 < stored < 60
    assert out.startswith(f"{stored} imported (")
    assert out.endswith(" bytes), 0 already there, 0 failed\n")
    assert list((tmp_path / "spool").iterdir()) == []
    assert (await command(tmp_path, "import", str(folder))).code == 0
    assert len(catalog(tmp_path)) == 60


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
