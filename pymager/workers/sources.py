"""Opens the files that worker processes read: a worker gets them open, and never learns a path."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pymager.cached_open import ABSENT, CachedOpen
from pymager.errors import NotFound, Unavailable, WatermarkChanged

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # without blocking if the path is a pipe


class Sources:
    """Opens files without blocking the event loop. Use one per event loop.

    A file that the kernel has just opened for someone else is opened at once; another one is opened in a thread, which
    may take at most `seconds`.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._cached = CachedOpen(_FLAGS)

    @asynccontextmanager
    async def opened(self, path: str | Path, overlay: str | None = None) -> AsyncIterator[tuple[int, ...]]:
        """The open file, and that of a watermark's picture. They are closed at the end.

        Raises `NotFound` if the file is gone, `WatermarkChanged` if the watermark's is, and `Unavailable`.
        """
        files: list[int] = []
        try:
            try:
                files.append(await self._open(path))
            except FileNotFoundError:
                raise NotFound("the file is gone") from None
            except OSError as error:
                raise _unreadable("the file", error) from error
            if overlay is not None:
                files.append(await self._open_overlay(overlay))
            yield tuple(files)
        finally:
            for file in files:
                os.close(file)

    async def _open_overlay(self, path: str) -> int:
        try:
            return await self._open(path)
        except FileNotFoundError:
            raise WatermarkChanged("the file of the watermark is gone") from None
        except OSError as error:
            raise _unreadable("the watermark's file", error) from error

    async def _open(self, path: str | Path) -> int:
        file = self._cached.open(os.fsencode(path))
        if file >= 0:
            return file
        if file == ABSENT:
            raise FileNotFoundError(path)
        opening = asyncio.get_running_loop().run_in_executor(None, os.open, path, _FLAGS)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(opening)
        except (TimeoutError, asyncio.CancelledError):
            opening.add_done_callback(_close)
            raise


def _close(opening: "asyncio.Future[int]") -> None:
    """Close a file that nobody waits for any more."""
    with suppress(OSError, asyncio.CancelledError):
        os.close(opening.result())


def _unreadable(what: str, error: OSError) -> Unavailable:
    reason = error.strerror or "it was not opened in time"
    return Unavailable(f"{what} cannot be read: {reason}", outcome_known=True)
