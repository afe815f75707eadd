"""The spool: request bodies on local disk. Each process has its own folder, with a lock that ends with the process."""

import asyncio
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.errors import NoSpace

_PREFIX = "pymager-spool-"
_LOCK = "lock"
_WRITE_BYTES = 256 * 1024
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body on disk: `size` in bytes, `sha256` in lowercase hexadecimal."""

    path: Path
    size: int
    sha256: str


class Spool:
    """A folder for bodies. Entering it also removes the folders of processes that have ended."""

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self.folder = self._parent / f"{_PREFIX}{secrets.token_hex(8)}"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self._parent.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        hidden = self._parent / f".{self.folder.name}"
        hidden.mkdir(mode=0o700)
        self._lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        hidden.rename(self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    @asynccontextmanager
    async def spooled(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[Spooled]:
        """Write the chunks to a file and hash them; the file is deleted at the end. Raises `NoSpace`."""
        path = self.folder / secrets.token_hex(8)
        try:
            yield await write(path, chunks)
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def _remove_abandoned(self) -> None:
        for folder in self._parent.glob(f"{_PREFIX}*"):
            try:
                lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                pass
            finally:
                os.close(lock)


async def write(path: Path, chunks: AsyncIterable[bytes]) -> Spooled:
    """Write the chunks to a new file and hash them. Raises `NoSpace`, and then leaves an incomplete file."""
    digest = hashlib.sha256()
    size = 0
    pending: list[bytes] = []
    pending_bytes = 0
    with _translate_full_disk(), path.open("xb", buffering=0) as file:

        def flush(parts: list[bytes]) -> None:
            for part in parts:
                digest.update(part)
                view = memoryview(part)
                while view:
                    view = view[file.write(view) :]

        async for chunk in chunks:
            pending.append(chunk)
            pending_bytes += len(chunk)
            if pending_bytes >= _WRITE_BYTES:
                size += pending_bytes
                await _in_thread(flush, pending)
                pending, pending_bytes = [], 0
        if pending:
            size += pending_bytes
            await _in_thread(flush, pending)
    return Spooled(path, size, digest.hexdigest())


async def _in_thread(work: Callable[[list[bytes]], None], parts: list[bytes]) -> None:
    """Finish even if canceled: the thread must not write to a descriptor that is closed and reused."""
    running = asyncio.get_running_loop().run_in_executor(None, work, parts)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


@contextmanager
def _translate_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise NoSpace("the disk of the spool is full") from error
        raise
