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
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.errors import NoSpace
from pymager.library.quota import Reservation
from pymager.ports import Blob, FinalFile

_PREFIX = "pymager-spool-"
_LOCK = "lock"
_WRITE_BYTES = 1 << 20  # at once: handing work to a thread costs about as much as hashing and writing 256 KiB
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body on disk: `size` in bytes, `sha256` in lowercase hexadecimal; `reservation` is its part of the quota."""

    path: FinalFile
    size: int
    sha256: str
    reservation: Reservation | None = None

    def room(self, size: int) -> AbstractContextManager[bool]:
        """Reserve `size` bytes for another file beside the body, while inside; yields whether there is room."""
        return nullcontext(True) if self.reservation is None else self.reservation.room(size)


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
    async def spooled(
        self, chunks: AsyncIterable[bytes], reservation: Reservation | None = None
    ) -> AsyncIterator[Spooled]:
        """Write the chunks to a file and hash them; the file is deleted at the end.

        With a `reservation`, the body counts against a quota. Raises `NoSpace`, and `Overloaded` for a full quota.
        """
        path = FinalFile(self.folder / secrets.token_hex(8))
        try:
            yield await write(path, chunks, reservation)
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


async def write(path: Path, chunks: AsyncIterable[bytes], reservation: Reservation | None = None) -> Spooled:
    """Write the chunks to a new file and hash them.

    Raises `NoSpace`, and `Overloaded` for a full quota, and then leaves an incomplete file.
    """
    digest = hashlib.sha256()
    size = 0
    pending: list[bytes] = []
    pending_bytes = 0
    with _translate_full_disk(), path.open("xb", buffering=0) as file:

        def write_pending() -> None:
            for part in pending:
                digest.update(part)
                _write_all(file, part)
            pending.clear()

        async for chunk in chunks:
            if reservation is not None:
                reservation.received(len(chunk))
            pending.append(chunk)
            pending_bytes += len(chunk)
            size += len(chunk)
            if pending_bytes >= _WRITE_BYTES or (reservation is not None and reservation.must_write):
                await _in_thread(write_pending)
                pending_bytes = 0
                if reservation is not None:
                    reservation.written()
        if pending:
            await _in_thread(write_pending)
        if reservation is not None:
            reservation.written()
    return Spooled(FinalFile(path), size, digest.hexdigest(), reservation)


async def _in_thread(work: Callable[[], None]) -> None:
    """Finish even if canceled: the thread must not write to a descriptor that is closed and reused."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
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


async def local_file(blob: Blob, folder: Path, copies: list[Path]) -> Path:
    """A blob as a local file: the store's own, or a copy in the folder of a spool.

    A copy is added to `copies`, also an incomplete one; the caller deletes it. Raises `NoSpace` and `Unavailable`.
    """
    if blob.file is not None:
        return Path(blob.file)
    path = folder / secrets.token_hex(8)
    copies.append(path)
    await copy(path, blob.chunks)
    return path


async def copy(path: Path, chunks: AsyncIterable[bytes]) -> None:
    """Write the chunks to a new file, in few passes through a thread, and without a hash.

    Raises `NoSpace`, and then leaves an incomplete file.
    """
    pending: list[bytes] = []
    pending_bytes = 0
    async for chunk in chunks:
        pending.append(chunk)
        pending_bytes += len(chunk)
        if pending_bytes >= _WRITE_BYTES:
            await _in_thread(partial(_append, path, pending))
            pending, pending_bytes = [], 0
    await _in_thread(partial(_append, path, pending))


def _append(path: Path, parts: list[bytes]) -> None:
    with _translate_full_disk(), path.open("ab", buffering=0) as file:
        for part in parts:
            _write_all(file, part)


def _write_all(file: FileIO, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[file.write(view) :]
