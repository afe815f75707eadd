"""Local files as candidates, and a folder as a source."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from pymager.errors import ImportRefused
from pymager.operations.importing.candidates import Candidate, Content, Refused, from_thread, id_of, printable

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file. Its id is `given_id`, or made of the text `id_path`."""

    path: Path
    id_path: str
    given_id: str | None = None
    outage_is_shared: bool = False

    @property
    def name(self) -> str:
        """The absolute path."""
        return printable(str(self.path.absolute()))

    def id(self) -> str:
        """Raises `ImportRefused` for a symbolic link."""
        if self.path.is_symlink():
            raise ImportRefused("is a symbolic link, which import does not follow")
        return self.given_id or id_of(self.id_path)

    async def size(self) -> int | None:
        """The size in bytes."""
        return _checked(self.path.stat()).st_size

    @asynccontextmanager
    async def open(self, known_version: str) -> AsyncIterator[Content | None]:
        """The version is made of the size and of the time of the last change."""
        found = _checked(self.path.stat())  # before it is opened: a pipe would block
        version = f"{found.st_size}-{found.st_mtime_ns}"
        if version == known_version:
            yield None
            return
        with self.path.open("rb", buffering=0) as file:
            yield Content(found.st_size, version, _chunks(file))


class Folder:
    """Every file below a folder, in no order. Hidden files and folders are left out, and links are not followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def candidates(self) -> AsyncGenerator[Candidate, None]:
        """The files, and folders that cannot be read."""
        async for candidate in from_thread(self._walk(self._folder)):
            yield candidate

    async def count(self) -> int | None:
        """Walks through the folder once more."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._walk(self._folder)))

    def _walk(self, folder: Path) -> Iterator[Candidate]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    path = Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._walk(path)
                    elif entry.is_file():
                        yield LocalFile(path, str(path.relative_to(self._folder)))
        except OSError as error:
            yield Refused(printable(str(folder)), f"cannot be read: {error.strerror}")


def _checked(found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise ImportRefused("is not a regular file")
    return found


async def _chunks(file: FileIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
        yield chunk
