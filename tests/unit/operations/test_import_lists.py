"""Lists, the checkpoint, dry runs and the report of an import."""

import io
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pymager.errors import ConfigurationError, ImportRefused, InvalidName
from pymager.operations.batch import Batch
from pymager.operations.importing.allowed_hosts import AllowedHosts
from pymager.operations.importing.candidates import Candidate, id_of, printable
from pymager.operations.importing.files import Folder, LocalFile
from pymager.operations.importing.importer import DryRun
from pymager.operations.importing.journal import Imported, Journal
from pymager.operations.importing.lists import ListSource
from pymager.operations.importing.report_file import ReportFile
from pymager.operations.importing.trees import BlobTree, Trees, TreeSource
from pymager.operations.importing.web import Web, WebPicture
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.testing.backends import MemoryBlobs
from tests.unit.hooked import HookedBlobs, away, once
from tests.unit.operations.test_import import album, imported
from tests.unit.place import Place


async def listed(folder: Path, text: str) -> list[Candidate]:
    (folder / "list").write_text(text, "utf-8")
    source = ListSource(str(folder / "list"), Web(AllowedHosts([]), 1.0, 1), Trees())
    candidates = [candidate async for candidate in source.candidates()]
    assert await source.count() == len((folder / "list").read_bytes().splitlines())
    return candidates


def told(candidate: Candidate) -> str:
    """The id, or why there is none."""
    try:
        return candidate.id()
    except (ImportRefused, InvalidName) as error:
        return f"refused: {error}"


@pytest.mark.parametrize(
    "text",
    [
        "id,source\ncat,a.jpg\n,2024/my dog.jpg\n",
        "source,id\na.jpg,cat\n2024/my dog.jpg\n",
        "\ufeffSource, ID ,comment\r\na.jpg,cat,nice\r\n\r\n2024/my dog.jpg,,\r\n",
        '"source","id"\n"a.jpg","cat"\n"2024/my dog.jpg",""\n',
        '{"source": "a.jpg", "id": "cat"}\n{"source": "2024/my dog.jpg"}\n',
        '\n {"id": null, "source": "cat.jpg", "more": [1]}\n{"source": "2024/my dog.jpg", "id": null}',
    ],
)
async def test_a_list_is_csv_or_jsonl(tmp_path: Path, text: str) -> None:
    candidates = await listed(tmp_path, text)
    assert [told(candidate) for candidate in candidates] == ["cat", "2024-my_dog"]
    assert candidates[1].name == str(tmp_path / "2024/my dog.jpg")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a b,x.jpg", "the id contains the character"),
        ("cat,", "has no source"),
        ("cat,x.jpg,more", "has 3 fields, and the header has 2"),
        ('cat,"x.jpg', "must be a line of CSV"),
        ("cat,ftp://example.org/x.jpg", "unknown scheme 'ftp:'"),
        ("cat,s3://BUCKET/x.jpg", "the bucket name in the s3 URL must be"),
        ("cat,s3://bucket/", "must name an object"),
        ("cat,x\0.jpg", "has no source"),
    ],
)
async def test_a_line_that_is_not_valid_is_refused_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    wrong, right = await listed(tmp_path, f"id,source\n{line}\ndog,d.jpg\n")
    assert wrong.name == f"{tmp_path / 'list'}:2"
    assert told(wrong).startswith(f"refused: {reason}")
    with pytest.raises(ImportRefused):
        await wrong.size()
    assert told(right) == "dog"


@pytest.mark.parametrize("line", ["[]", "{", '{"id": "cat"}', '{"source": 5}', '{"source": "x", "id": 5}', "[" * 9_000])
async def test_an_object_that_is_not_valid_is_refused(tmp_path: Path, line: str) -> None:
    _, wrong, right = await listed(tmp_path, f'{{"source": "a.jpg"}}\n{line}\n{{"source": "b.jpg"}}\n')
    assert told(wrong).startswith("refused: ")
    assert told(right) == "b"


async def test_a_web_address_in_a_list_becomes_an_id_without_host_and_query(tmp_path: Path) -> None:
    [picture] = await listed(tmp_path, "source\nhttps://ann:secret@example.org/2024/my%20cat.jpg?w=5\n")
    assert isinstance(picture, WebPicture)
    assert (told(picture), "secret" in picture.name) == ("2024-my_cat", False)
    with pytest.raises(ImportRefused, match="a user or a password"):
        await picture.size()


async def test_a_list_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    for text in ("photos/cat.jpg\n", "id,path\n", "x" * 70_000):
        with pytest.raises(ConfigurationError, match="--list: "):
            await listed(tmp_path, text)


@pytest.mark.parametrize(
    ("path", "id"),
    [("/srv/a/b.jpg", "srv-a-b"), ("../x.jpg", "x"), ("a//b.jpg", "a-b"), (".jpg", "_jpg"), ("a/.", "a")],
)
def test_an_id_is_made_of_any_path(path: str, id: str) -> None:
    assert id_of(path) == id


@pytest.mark.parametrize("path", ["", "/", "..", "../.."])
def test_a_path_without_a_name_has_no_id(path: str) -> None:
    with pytest.raises(ImportRefused):
        id_of(path)


def test_names_cannot_control_a_terminal() -> None:
    assert printable("a\x1b[2Jb\n\udcff.jpg é猫") == "a\\x1b[2Jb\\n\\udcff.jpg é猫"


async def test_a_file_whose_name_is_not_utf_8_is_imported(place: Place, tmp_path: Path) -> None:
    folder = album(tmp_path / "album")
    Path(os.fsdecode(os.fsencode(folder) + b"/cat\xff.jpg")).write_text("picture")
    report = await imported(place, folder, checkpoint=tmp_path / "checkpoint")
    assert (report.done, [row.id for row in await place.rows()]) == (1, ["cat_"])


async def test_a_special_file_is_not_read(place: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    candidate = LocalFile(tmp_path / "pipe.jpg", "pipe.jpg")
    with pytest.raises(ImportRefused, match="not a regular file"):
        await candidate.size()
    with pytest.raises(ImportRefused, match="not a regular file"):
        async with candidate.open(""):
            pass


async def test_a_folder_below_a_link_is_not_entered(place: Place, tmp_path: Path) -> None:
    album(tmp_path / "elsewhere", "cat.jpg")
    folder = album(tmp_path / "album", "dog.jpg")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "circle").symlink_to(folder)
    assert await Folder(folder).count() == 1
    assert (await imported(place, folder)).done == 1


async def test_a_source_that_is_known_is_not_read_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, checkpoint = album(tmp_path / "album", "cat.jpg", "dog.jpg"), tmp_path / "checkpoint"
    assert (await imported(place, folder, checkpoint=checkpoint)).done == 2
    dates = (folder / "cat.jpg").stat()
    (folder / "cat.jpg").write_text("Picture cat.jpg")  # the same size and date: only who reads it sees the change
    os.utime(folder / "cat.jpg", ns=(dates.st_atime_ns, dates.st_mtime_ns))
    assert (await imported(place, folder, checkpoint=checkpoint)).existing == 2
    assert (await imported(place, folder)).failed == 1
    os.utime(folder / "cat.jpg", ns=(0, 0))
    assert (await imported(place, folder, checkpoint=checkpoint)).failed == 1


async def test_a_checkpoint_is_not_believed_about_what_exists(place: Place, tmp_path: Path) -> None:
    folder, checkpoint = album(tmp_path / "album", "cat.jpg"), tmp_path / "checkpoint"
    assert (await imported(place, folder, checkpoint=checkpoint)).done == 1
    await place.library.remove("cat")
    assert (await imported(place, folder, checkpoint=checkpoint)).done == 1
    await place.put("another picture")
    screen = io.StringIO()
    assert (await imported(place, folder, screen, checkpoint=checkpoint)).failed == 1
    assert "the id 'cat' has an original with other bytes; rename the file, or" in screen.getvalue()


def test_a_record_is_there_after_a_kill(tmp_path: Path) -> None:
    record = Imported("photos/cat.jpg", "cat", "1", "ab")
    with Journal(tmp_path / "checkpoint") as journal:
        journal.remember(record)
        with Journal(tmp_path / "checkpoint") as other:  # what a process sees after the other one was killed
            assert (other.record("photos/cat.jpg"), other.source_of("cat")) == (record, "photos/cat.jpg")
            assert (other.record("photos/dog.jpg"), other.source_of("dog")) == (None, None)


@pytest.mark.parametrize("kind", ["text", "database", "folder"])
def test_a_file_of_another_kind_is_not_taken_for_a_checkpoint(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    if kind == "text":
        path.write_text("a long letter " * 200)
    elif kind == "database":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE mine (x)")
        connection.close()
    else:
        path.mkdir()
    before = None if kind == "folder" else path.read_bytes()
    with pytest.raises(ConfigurationError, match="cannot use the checkpoint"), Journal(path):
        pass
    assert before is None or path.read_bytes() == before


async def test_two_sources_with_one_id_and_the_same_bytes_are_one_original(place: Place, tmp_path: Path) -> None:
    folder = album(tmp_path / "album", "a cat.jpg", "a_cat.jpg")
    for path in folder.iterdir():
        path.write_text("picture")
    report = await imported(place, folder)
    assert report.summary() == "1 imported (7 bytes), 1 already there, 0 failed"


async def tried(place: Place, folder: Path, show: Callable[[str], None], screen: io.StringIO | None = None) -> Report:
    report = Report("would be imported", may_be_empty=True)
    batch = Batch(2, Progress(screen or io.StringIO()), report, retry_pauses=(0.0,))
    with Journal(None) as journal:
        process = DryRun(place.metadata, batch, journal, 100, show).process  # type: ignore[arg-type]
        await batch.run(Folder(folder).candidates(), lambda candidate: candidate.name, process)
    return report


async def test_a_dry_run_says_what_an_import_would_do(place: Place, tmp_path: Path) -> None:
    folder = album(tmp_path / "album", "a cat.jpg", "a_cat.jpg", "dog.jpg", "large.jpg", "known.jpg", "taken.jpg")
    (folder / "large.jpg").write_text("x" * 101)
    await place.add("picture known.jpg", "known")
    await place.add("picture of something else", "taken")
    rows, keys, lines = await place.rows(), await place.blobs.keys(), list[str]()
    report = await tried(place, folder, lines.append)
    assert report.summary() == "2 would be imported (32 bytes), 1 already there, 3 failed"
    assert f"{folder / 'dog.jpg'} would become 'dog'" in lines
    assert len(lines) == 2
    assert (await place.rows(), await place.blobs.keys()) == (rows, keys)


def report_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_the_report_has_a_line_for_each_refusal_at_once_and_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("an older report")
    with ReportFile(path) as report:
        report.refused("2024/été.jpg", None, "is damaged")
        first = {"source": "2024/été.jpg", "id": None, "reason": "is damaged"}
        assert report_lines(path) == [first]
        report.summary(Report("imported", done=2, bytes=9, failed=1, stopped="stopped by SIGTERM"))
    counts = {"imported": 2, "bytes": 9, "existing": 0, "failed": 1, "stopped": "stopped by SIGTERM"}
    assert report_lines(path) == [first, {"summary": counts}]


async def from_blobs(place: Place, blobs: HookedBlobs, screen: io.StringIO) -> Report:
    return await imported(place, TreeSource(BlobTree(blobs), "memory://others?password=secret"), screen)  # type: ignore[arg-type]


@pytest.fixture
async def others() -> HookedBlobs:
    blobs = HookedBlobs(MemoryBlobs("memory:"))
    for number in range(30):
        await blobs.inner.put(f"pictures/{number}.jpg", f"picture {number}".encode(), "image/jpeg")
    return blobs


async def test_a_blob_store_is_imported_and_a_moment_without_it_is_bridged(place: Place, others: HookedBlobs) -> None:
    others.before["open"] = once(away)
    report = await from_blobs(place, others, io.StringIO())
    assert (report.done, report.is_complete) == (30, True)
    assert "pictures-7" in {row.id for row in await place.rows()}


async def test_a_blob_store_that_stays_away_stops_the_run(place: Place, others: HookedBlobs) -> None:
    others.before["open"] = away
    screen = io.StringIO()
    report = await from_blobs(place, others, screen)
    assert report.stopped is not None
    assert "in a row failed" in report.stopped
    assert "secret" not in screen.getvalue()


async def test_an_object_that_is_gone_since_it_was_listed_fails_alone(place: Place, others: HookedBlobs) -> None:
    gone: list[str] = []

    async def delete(key: str) -> None:
        gone.append(key)
        await others.inner.delete([key])

    others.before["open"] = once(delete)
    screen = io.StringIO()
    report = await from_blobs(place, others, screen)
    assert (report.done, report.failed) == (29, 1)
    assert screen.getvalue() == f"memory://others/{gone[0]}: does not exist any more\n"
