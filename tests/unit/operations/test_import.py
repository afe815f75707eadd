"""A folder imported as originals: every picture once, failures named, no picture added twice after a lost answer."""

import io
from pathlib import Path

import pytest

from pymager.errors import NoSpace
from pymager.operations.batch import Batch
from pymager.operations.importing.candidates import Source, id_of
from pymager.operations.importing.files import Folder
from pymager.operations.importing.importer import Importer
from pymager.operations.importing.journal import Journal
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from tests.unit.hooked import away, lost, once
from tests.unit.place import Place


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


async def imported(
    place: Place,
    source: Path | Source,
    screen: io.StringIO | None = None,
    max_bytes: int = 1_000,
    jobs: int = 2,
    checkpoint: Path | None = None,
) -> Report:
    report = Report("imported", may_be_empty=True)
    batch = Batch(jobs, Progress(screen or io.StringIO()), report, retry_pauses=(0.0, 0.0))
    source = Folder(source) if isinstance(source, Path) else source
    with Journal(checkpoint) as journal:
        importer = Importer(place.library, place.spool, batch, journal, max_bytes)
        await batch.run(source.candidates(), lambda candidate: candidate.name, importer.process)
    return report


def album(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"picture {name}")
    return folder


@pytest.mark.parametrize(
    ("path", "id"), [("2024/my cat.jpg", "2024-my_cat"), ("cat.tar.png", "cat_tar"), ("e\u0301t\u00e9", "été")]
)
def test_an_id_is_made_of_the_path(path: str, id: str) -> None:
    assert id_of(path) == id


async def test_every_file_is_imported_once_and_hidden_ones_are_skipped(place: Place, tmp_path: Path) -> None:
    folder = album(tmp_path / "album", "cat.jpg", "2024/dog.jpg", ".hidden.jpg", ".git/bird.jpg")
    first = await imported(place, folder)
    assert (first.done, first.is_complete) == (2, True)
    assert first.bytes == len("picture cat.jpg") + len("picture 2024/dog.jpg")
    assert {row.id for row in await place.rows()} == {"cat", "2024-dog"}
    second = await imported(place, folder)
    assert second.summary() == "0 imported, 2 already there, 0 failed"


async def test_an_empty_folder_is_complete(place: Place, tmp_path: Path) -> None:
    assert (await imported(place, album(tmp_path / "album"))).is_complete


async def test_what_cannot_be_imported_is_named_with_the_reason(
    place: Place, tmp_path: Path, screen: io.StringIO
) -> None:
    folder = album(tmp_path / "album", "a cat.jpg", "a_cat.jpg", "dog.jpg", "large.jpg", "taken.jpg")
    (folder / "dog.jpg").write_text("no-picture")
    (folder / "large.jpg").write_text("x" * 101)
    (folder / "link.jpg").symlink_to(folder / "dog.jpg")
    await place.add("picture of something else", "taken")
    report = await imported(place, folder, screen, max_bytes=100)
    assert (report.done, report.failed, report.is_complete) == (1, 5, False)
    lines = dict(line.split(": ", 1) for line in screen.getvalue().splitlines())
    reasons = {Path(path).name: reason for path, reason in lines.items()}
    first, second = sorted(("a cat.jpg", "a_cat.jpg"), key=lambda name: name in reasons)
    assert reasons[second] == f"would get the same id as {folder / first}: 'a_cat'; rename one of them"
    assert reasons["large.jpg"] == "has 101 bytes; PYMAGER_MAX_BODY allows 100"
    assert reasons["link.jpg"] == "is a symbolic link, which import does not follow"
    assert reasons["taken.jpg"] == (
        "the id 'taken' has an original with other bytes; rename the file, or give another id in a list"
    )
    assert reasons.keys() == {second, "dog.jpg", "large.jpg", "link.jpg", "taken.jpg"}


@pytest.mark.parametrize(("store", "method"), [("blobs", "put"), ("metadata", "get"), ("metadata", "add")])
async def test_a_store_that_is_unavailable_for_a_moment_is_retried(
    place: Place, tmp_path: Path, store: str, method: str
) -> None:
    folder = album(tmp_path / "album", "cat.jpg", "dog.jpg")
    getattr(place, store).before[method] = once(away)
    report = await imported(place, folder)
    assert (report.done, report.is_complete) == (2, True)
    assert await place.is_sound()


async def test_a_picture_that_was_deleted_after_a_lost_answer_is_not_added_again(
    place: Place, tmp_path: Path, screen: io.StringIO
) -> None:
    folder = album(tmp_path / "album", "cat.jpg")

    async def deleted_and_lost(*arguments: object) -> None:
        await place.metadata.inner.remove("cat")
        await lost()

    place.metadata.after["add"] = once(deleted_and_lost)
    report = await imported(place, folder, screen)
    assert (report.done, report.failed) == (0, 1)
    assert await place.rows() == []
    assert place.metadata.calls["add"] == 1


async def test_a_full_store_ends_the_import(place: Place, tmp_path: Path) -> None:
    folder = album(tmp_path / "album", *(f"id{number}.jpg" for number in range(20)))

    async def full(*arguments: object) -> None:
        raise NoSpace("the bucket is full")

    place.blobs.before["put"] = full
    report = await imported(place, folder)
    assert report.stopped == "no space left: the bucket is full"
    assert 1 <= report.failed <= 2
