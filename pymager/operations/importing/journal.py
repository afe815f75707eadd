"""The checkpoint of an import: what was imported from where, in a file of SQLite, so that memory stays bounded.

It only saves reading. Whether an original exists is asked of the catalog, and a checkpoint that is lost, old, or of
another catalog makes an import slower, never wrong.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.errors import ConfigurationError

_APPLICATION_ID = 0x70794D69  # "pyMi"; SQLite's documentation of PRAGMA application_id
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS imported (
  source TEXT PRIMARY KEY, id TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS imported_id ON imported (id);
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """A candidate whose picture the catalog had: its name, its id, its version, and the SHA-256 of its bytes."""

    source: str
    id: str
    version: str
    sha256: str


class Journal:
    """The records of candidates, in the file `path`, or in a temporary file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Open or create the file. Raises `ConfigurationError`."""
        with self._named():
            self._connection = sqlite3.connect(self._path or "", timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                self._check()
                # A kill loses nothing. A power failure can lose the last records: these sources are read again.
                self._connection.execute("PRAGMA journal_mode = WAL" if self._path else "PRAGMA journal_mode = OFF")
                self._connection.execute("PRAGMA synchronous = NORMAL" if self._path else "PRAGMA synchronous = OFF")
                self._connection.executescript(f"PRAGMA application_id = {_APPLICATION_ID}; {_SCHEMA}")
            except BaseException:
                self._connection.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def record(self, source: str) -> Imported | None:
        """The record of a candidate. Raises `ConfigurationError`."""
        with self._named():
            row = self._connection.execute("SELECT * FROM imported WHERE source = ?", (source,)).fetchone()
        return None if row is None else Imported(*row)

    def source_of(self, id: str) -> str | None:
        """The name of a candidate that has the id. Raises `ConfigurationError`."""
        with self._named():
            row = self._connection.execute("SELECT source FROM imported WHERE id = ?", (id,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, imported: Imported) -> None:
        """Write the record of a candidate. Raises `ConfigurationError`."""
        values = (imported.source, imported.id, imported.version, imported.sha256)
        with self._named():
            self._connection.execute("INSERT OR REPLACE INTO imported VALUES (?, ?, ?, ?)", values)

    def _check(self) -> None:
        """Refuse another program's file, before anything is written to it."""
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != _APPLICATION_ID:
            raise sqlite3.DatabaseError("file is not a checkpoint of an import")

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"{self._path or 'the temporary checkpoint'}: cannot use the checkpoint: {error}; choose another file"
            ) from None
