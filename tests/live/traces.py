"""What is on the disk, held against what the catalog implies."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.live.program import command

_LONG_AGO = 3_600


async def assert_swept(folder: Path) -> None:
    """No program runs: a sweep leaves no orphan, nothing is lost, and the disk holds what the catalog implies."""
    _let_temporary_files_age(folder)
    done = await command(folder, "sweep", sweep_grace=0, sweep_max_orphan_percent=100)
    assert done.code == 0, done
    again = await command(folder, "sweep", "--dry-run", sweep_grace=0)
    assert again.code == 0, again
    assert " 0 orphans, " in again.out and ", 0 to delete (" in again.out, again.out
    checked = await command(folder, "check")
    assert checked.code == 0, checked.out
    assert_disk_is_as_the_catalog_says(folder)


def assert_disk_is_as_the_catalog_says(folder: Path) -> None:
    """Each row has its one original, each derived picture a row of its revision, and no temporary file is left."""
    rows = catalog(folder)
    blobs = blob_keys(folder)
    originals = {key for key in blobs if key[0] == "original"}
    assert {(id, name.split(".")[0]) for _, id, name in originals} == rows
    assert len(originals) == len(rows)
    strays = {key for key in blobs if key[0] == "derived" and (key[1], key[2]) not in rows}
    assert strays == set()
    assert {key[0] for key in blobs} <= {"original", "derived", "recipe", "deployment", "sweep"}
    assert list((folder / "data/tmp").iterdir()) == []


def assert_nothing_leaked(folder: Path) -> None:
    """After a clean stop no incoming body is left on the disk, of whoever died before."""
    assert list((folder / "spool").iterdir()) == []


def catalog(folder: Path) -> set[tuple[str, str]]:
    """The ids with their revisions."""
    with closing(sqlite3.connect(folder / "data/catalog.db")) as connection:
        return set(connection.execute("SELECT id, revision FROM originals"))


def blob_keys(folder: Path) -> list[tuple[str, ...]]:
    """The keys of all files in the blob store, in segments; the folders that only spread them are left out."""
    root = folder / "data/blobs"
    return [(first, *rest) for first, _, *rest in (path.relative_to(root).parts for path in blob_files(folder))]


def blob_files(folder: Path) -> list[Path]:
    """All files in the blob store."""
    while True:
        try:
            return [path for path in (folder / "data/blobs").rglob("*") if path.is_file()]
        except FileNotFoundError:  # a running program removed a folder meanwhile
            continue


def _let_temporary_files_age(folder: Path) -> None:
    """A sweep spares what was written to in its last minute, whatever its grace is."""
    long_ago = time.time() - _LONG_AGO
    for path in (folder / "data/tmp").iterdir():
        os.utime(path, (long_ago, long_ago))
