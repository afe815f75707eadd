"""In-memory backends with hooks that run before or after a call."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pymager.errors import Unavailable
from pymager.ports import Blob, BlobInfo
from pymager.testing.backends import MemoryBlobs, MemoryMetadata

Hook = Callable[..., Awaitable[None]]


class Hooked:
    """Passes every call on to a backend. `before` and `after` map the names of methods to hooks."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.before: dict[str, Hook] = {}
        self.after: dict[str, Hook] = {}
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        async def hooked(*arguments: Any) -> Any:
            await self._reached(name, self.before, arguments)
            result = await method(*arguments)
            await self._reached(name, self.after, arguments)
            return result

        return hooked

    async def _reached(self, name: str, hooks: dict[str, Hook], arguments: tuple[Any, ...]) -> None:
        self.calls[name] += hooks is self.before
        if (hook := hooks.get(name)) is not None:
            await hook(*arguments)


class HookedMetadata(Hooked):
    """A metadata store."""

    def __init__(self, inner: MemoryMetadata | None = None) -> None:
        super().__init__(inner or MemoryMetadata("memory:"))


class HookedBlobs(Hooked):
    """A blob store; `ages` makes blobs look older, by key, in seconds."""

    def __init__(self, inner: MemoryBlobs | None = None) -> None:
        super().__init__(inner or MemoryBlobs("memory:"))
        self.ages: dict[str, float] = {}

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[Blob]:
        await self._reached("open", self.before, (key,))
        async with self.inner.open(key, start, stop) as blob:
            yield blob

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        await self._reached("list", self.before, (prefix,))
        async for info in self.inner.list(prefix):
            yield replace(info, modified=info.modified - timedelta(seconds=self.ages.get(info.key, 0.0)))

    async def keys(self, prefix: str = "") -> set[str]:
        return {info.key async for info in self.inner.list(prefix)}


async def lost(*arguments: Any) -> None:
    """A hook: the request or its answer is lost."""
    raise Unavailable("the connection broke", outcome_known=False)


async def away(*arguments: Any) -> None:
    """A hook: the backend is unreachable, and nothing was sent."""
    raise Unavailable("the connection was refused", outcome_known=True)


def once(hook: Hook) -> Hook:
    """A hook that does something only at the first call."""
    done = False

    async def first(*arguments: Any) -> None:
        nonlocal done
        if not done:
            done = True
            await hook(*arguments)

    return first
