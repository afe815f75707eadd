"""`init`, `copy-blobs` and `copy-metadata` as an operator runs them, over real pictures, killed and resumed."""

import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from pymager.ports import Original
from pymager_filesystem import FolderBlobs
from pymager_sql import SqlMetadata
from tests.live.client import Client
from tests.live.program import Done, command, environment, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_COUNT = 80
_BLOBS = _COUNT + 2  # the large original, and its mezzanine


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a service with many originals, of which one is larger than what is copied in memory."""
    folder = tmp_path_factory.mktemp("library")
    album = folder / "album"
    album.mkdir()
    for number in range(_COUNT):
        (album / f"photo{number}.jpg").write_bytes(jpeg(64, 48, seed=number))
    (album / "large.jpg").write_bytes(jpeg(2400, 1800, seed=1, quality=95))
    assert (album / "large.jpg").stat().st_size > 1 << 20
    imported = [sys.executable, "-m", "pymager", "import", str(album)]
    subprocess.run(imported, env=environment(folder, {}), check=True, capture_output=True)
    return folder / "data"


@pytest.fixture
def data(tmp_path: Path, library: Path) -> Path:
    """A copy of those data, as the data of this test's service."""
    return Path(shutil.copytree(library, tmp_path / "data"))


async def test_init_makes_what_the_stores_need_and_says_so(tmp_path: Path) -> None:
    first = await command(tmp_path, "init")
    assert first.code == 0
    assert str(tmp_path / "data/blobs") in first.out
    assert "upgraded the schema to version" in first.out
    assert (tmp_path / "data/catalog.db").exists()
    for name in ("init", "upgrade"):
        assert (await command(tmp_path, name)).out == "nothing to do: everything is up to date\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["copy-blobs", "filet:/a", "file:/b"], "FROM: unknown blob store 'filet:'; known:"),
        (["copy-blobs", "a", "file:b"], "FROM: must be the URL of a blob store that starts with one of:"),
        (["copy-blobs", "file:.", "file:/proc/none"], "TO: can't create the blob folder:"),
        (["copy-blobs", "file:a", "file:a"], "TO: must be another store than FROM"),
        (["copy-metadata", "sqlite:///a.db", "file:/b"], "TO: unknown metadata store 'file:'; known:"),
        (["copy-blobs", "file:a%20c", "file:b"], "FROM: there is no folder FOLDER/a c"),
        (["copy-metadata", "sqlite:///a.db", "sqlite:///b"], "FROM: there is no file FOLDER/a.db"),
        (["copy-metadata", "sqlite:///a#c.db", "sqlite:///b"], "FROM: there is no file FOLDER/a#c.db"),
        (["copy-metadata", "sqlite:////proc", "sqlite:///b"], "FROM: there is no file /proc"),
    ],
)
async def test_an_argument_that_is_wrong_is_named(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = await command(tmp_path, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"pymager: {sentence.replace('FOLDER', str(tmp_path))}")
    assert not [name for name in ("a", "a c", "a.db", "b") if (tmp_path / name).exists()]


async def test_a_service_moves_to_another_folder_and_database_with_nothing_changed(tmp_path: Path, data: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        derived = await client.get("/derived/large-80x60.webp")
        before = await client.get("/original/large")
    copied = await blobs(tmp_path)
    assert (copied.code, copied.err) == (0, "")
    assert f"TO: created the folder {tmp_path}/to" in copied.out
    assert copied.out.splitlines()[-1].endswith(", 0 already there, 0 failed")
    rows = await metadata(tmp_path)
    assert (rows.code, rows.err) == (0, "")
    assert rows.out.splitlines()[-1] == f"{_COUNT + 1} copied, 0 already there, 0 failed"
    await assert_equal(tmp_path)
    moved = {"blobs": f"file:{tmp_path}/to", "metadata": f"sqlite:///{tmp_path}/to.db"}
    assert (await command(tmp_path, "check", **moved)).out == f"{_COUNT + 1} originals checked, 0 lost or damaged\n"
    async with running(tmp_path, name="moved", **moved) as program, Client(program.url) as client:
        after = await client.get("/original/large")
        assert after.body == before.body
        assert [after.headers[name] for name in _VALIDATORS] == [before.headers[name] for name in _VALIDATORS]
        assert (await client.get("/derived/large-80x60.webp")).body == derived.body


_VALIDATORS = ("etag", "last-modified")


@pytest.mark.parametrize("originals_only", [True, False])
async def test_variants_are_copied_unless_only_originals_are_asked_for(tmp_path: Path, originals_only: bool) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("cat", jpeg(64, 48))).status == 201
        await client.get("/derived/cat-8x6.jpg")
    done = await blobs(tmp_path, *(["--originals-only"] if originals_only else []))
    assert done.code == 0
    there = {path.relative_to(tmp_path / "to/blobs").parts[0] for path in (tmp_path / "to/blobs").rglob("*.jpg")}
    assert there == {"original"} | ({"derived"} if not originals_only else set())


async def test_what_is_in_to_with_other_content_is_refused_and_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        for id in ("cat", "dog"):
            assert (await client.put(id, jpeg(64, 48))).status == 201
    assert ((await blobs(tmp_path)).code, (await metadata(tmp_path)).code) == (0, 0)
    (cat,) = (tmp_path / "to/blobs/original").rglob("cat/*.jpg")
    cat.write_bytes(b"another's")
    async with SqlMetadata(f"sqlite:///{tmp_path}/to.db") as store:
        row = await store.remove("cat")
        other = Original("cat", "0" * 32, "png", *(row.width, 7, row.size, row.sha256), row.created - timedelta(1))
        other = await store.add(other)  # with a date after the removal
    done = await blobs(tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (
        1,
        f"0 copied, {len(_files(tmp_path)) - 2} already there, 1 failed",  # without cat and the deployment id
    )
    assert done.err.endswith(f"TO has 9 bytes under this key, FROM has {len(jpeg(64, 48))}\n")
    assert cat.read_bytes() == b"another's"
    done = await metadata(tmp_path)
    assert (done.code, done.out) == (1, "0 copied, 1 already there, 1 failed\n")
    for word in (
        "cat: TO has a different row for this id",
        "revision is 0000",
        "format is png",
        "height is 7",
        "created is ",
    ):
        assert word in done.err
    async with SqlMetadata(f"sqlite:///{tmp_path}/to.db") as store:
        assert await store.get("cat") == other


@pytest.mark.parametrize("point", ["file.written", "file.renamed", "file.synced"])
async def test_a_copy_of_blobs_continues_after_kill_9(tmp_path: Path, data: Path, point: str) -> None:
    await _killed(tmp_path, point, 30, "copy-blobs", f"file:{tmp_path}/data", f"file:{tmp_path}/to")
    stored = len(list((tmp_path / "to/blobs").rglob("*.jpg")))
    assert 20 <= stored <= 40
    done = await blobs(tmp_path)
    assert (done.code, done.out.splitlines()[-1].split("(")[0]) == (0, f"{_BLOBS - stored} copied ")
    assert f" {stored} already there, 0 failed" in done.out
    await assert_blobs_equal(tmp_path)
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("point", ["sql.before-commit", "sql.after-commit"])
async def test_a_copy_of_rows_continues_after_kill_9(tmp_path: Path, data: Path, point: str) -> None:
    await _killed(
        tmp_path, point, 30, "copy-metadata", f"sqlite:///{tmp_path}/data/catalog.db", f"sqlite:///{tmp_path}/to.db"
    )
    stored = len(await rows_of(tmp_path / "to.db"))
    assert 20 <= stored <= 40
    done = await metadata(tmp_path)
    assert (done.code, done.out) == (0, f"{_COUNT + 1 - stored} copied, {stored} already there, 0 failed\n")
    await assert_equal_rows(tmp_path)


async def test_a_copy_continues_after_kill_9_at_any_moment(tmp_path: Path, data: Path) -> None:
    random = Random(1)
    for least in sorted(random.sample(range(_COUNT - 20), 4)):
        code, _ = await _signalled(tmp_path, signal.SIGKILL, least)
        assert code == -signal.SIGKILL
    assert (await blobs(tmp_path)).code == 0
    await assert_blobs_equal(tmp_path)
    assert (await blobs(tmp_path, "--verify")).out == f"0 copied, {_BLOBS} already there, 0 failed\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_copy_that_is_stopped_reports_how_much_it_copied(
    tmp_path: Path, data: Path, number: signal.Signals
) -> None:
    code, done = await _signalled(tmp_path, number, 10)
    assert code == 1
    assert done.err == f"stopped by {number.name}; run the same command again to continue\n"
    stored = len(list((tmp_path / "to/blobs").rglob("*.jpg")))
    assert 10 <= stored < _COUNT
    assert done.out.splitlines()[-1].startswith(f"{stored} copied (")
    assert list((tmp_path / "to/tmp").iterdir()) == list((tmp_path / "spool").iterdir()) == []
    assert (await blobs(tmp_path)).code == 0
    await assert_blobs_equal(tmp_path)


async def blobs(folder: Path, *options: str) -> Done:
    return await command(folder, "copy-blobs", f"file:{folder}/data", f"file:{folder}/to", *options)


async def metadata(folder: Path) -> Done:
    return await command(folder, "copy-metadata", f"sqlite:///{folder}/data/catalog.db", f"sqlite:///{folder}/to.db")


async def _killed(folder: Path, point: str, nth: int, *arguments: str) -> None:
    """Run a command that kills itself at the nth pass of a point."""
    (folder / "order").write_text(f"{point} {nth}")
    done = await command(folder, *arguments, failpoint_kill=folder / "order", failpoint_killed=folder / "killed")
    assert (done.code, (folder / "killed").read_text()) == (-signal.SIGKILL, point), done


async def _signalled(folder: Path, number: signal.Signals, least: int) -> tuple[int, Done]:
    """Copy blobs, and send the signal once so many are there."""
    there = folder / "to/blobs/original"
    with subprocess.Popen(
        [sys.executable, "-m", "pymager", "copy-blobs", "--jobs", "1", f"file:{folder}/data", f"file:{folder}/to"],
        env=environment(folder, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            await until(lambda: there.exists() and len(list(there.rglob("*.jpg"))) >= least, "some blobs")
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, Done(process.returncode, out, err)


async def assert_equal(folder: Path) -> None:
    await assert_blobs_equal(folder)
    await assert_equal_rows(folder)


async def assert_blobs_equal(folder: Path) -> None:
    """Byte for byte, file by file, and through the store."""
    ours, theirs = _files(folder), _files(folder, "to")
    assert ours == theirs
    async with FolderBlobs(f"file:{folder}/data") as source, FolderBlobs(f"file:{folder}/to") as target:
        listed = [{(info.key, info.size) async for info in store.list("")} for store in (source, target)]
    assert listed[0] == listed[1]


def _files(folder: Path, name: str = "data") -> dict[Path, bytes]:
    root = folder / name / "blobs"
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def assert_equal_rows(folder: Path) -> None:
    assert await rows_of(folder / "data/catalog.db") == await rows_of(folder / "to.db")


async def rows_of(path: Path) -> list[Original]:
    async with SqlMetadata(f"sqlite:///{path}") as store:
        return list((await store.list_page(None, 1_000)).items)
