"""`import`: stores every picture in a folder as an original. A second run skips what the first one stored."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

from pymager import composition, names
from pymager.errors import AlreadyExists, NoSpace, OriginalNotFound, PymagerError, Unavailable
from pymager.library.library import Library
from pymager.library.spool import Spool
from pymager.operations.batch import Batch, batch_settings, stoppable_batch
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Failed, Outcome, Report
from pymager.settings.model import Settings

_CHUNK_BYTES = 256 * 1024


async def import_folder(settings: Settings, folder: Path, *, jobs: int, progress: Progress) -> Report:
    """Import every file below the folder, `jobs` at a time; hidden files and folders are skipped.

    Raises `ConfigurationError` and `Unavailable`.
    """
    files = sorted(_files(folder))
    settings = batch_settings(settings, jobs)
    report = Report("imported", may_be_empty=True)
    async with (
        composition.opened(settings) as components,
        stoppable_batch(jobs, progress, report, total=len(files)) as batch,
    ):
        importer = Importer(components.library, components.spool, batch, folder, settings.max_body)
        await batch.run(_listing(files), str, importer.process)
    return report


def id_of(path: Path) -> str:
    """The id for a path relative to the folder: `2024/my cat.jpg` becomes `2024-my_cat`. Raises `InvalidName`."""
    return names.parse_id(names.id_like("-".join(path.with_suffix("").parts)))


class Importer:
    """Imports single files of a folder; of files with the same id only the first one is imported."""

    def __init__(self, library: Library, spool: Spool, batch: Batch, folder: Path, max_bytes: int) -> None:
        self._library = library
        self._spool = spool
        self._retry = batch.retry
        self._folder = folder
        self._max_bytes = max_bytes
        self._paths: dict[str, Path] = {}

    async def process(self, path: Path) -> Outcome:
        """Import a file. Raises `NoSpace` and, after several attempts, `Unavailable`."""
        if path.is_symlink():
            return Failed("is a symbolic link, which import does not follow")
        try:
            id = id_of(path.relative_to(self._folder))
            first = self._paths.setdefault(id, path)
            if first != path:
                return Failed(f"would get the same id as {first}: '{id}'; rename one of them")
            return await self._import(id, path)
        except (NoSpace, Unavailable):
            raise
        except (PymagerError, OSError) as error:
            return Failed(str(error))

    async def _import(self, id: str, path: Path) -> Outcome:
        try:
            original = await self._retry(partial(self._library.get, id))
        except OriginalNotFound:
            size = path.stat().st_size
            if size > self._max_bytes:
                return Failed(f"has {size} bytes; PYMAGER_MAX_BODY allows {self._max_bytes}")
            async with self._spool.spooled(_chunks(path)) as body:
                try:
                    # After a lost answer the row may exist, or a client may have deleted it since: never added twice.
                    await self._retry(partial(self._library.add, id, body), is_idempotent=False)
                    return Done(body.size)
                except AlreadyExists:
                    original = await self._retry(partial(self._library.get, id))
        if original.sha256 != await asyncio.to_thread(_sha256, path):
            return Failed(f"the id '{id}' belongs to a different picture")
        return Existing()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


async def _listing(files: Sequence[Path]) -> AsyncGenerator[Path, None]:
    for path in files:
        yield path


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
