"""The blob store in memory: `memory:NAME`, or `memory:` for one of its own."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.errors import ConfigurationError, NotFound
from pymager.ports import Blob, BlobInfo

_CHUNK = 64 << 10
_URL = re.compile(r"memory:([A-Za-z0-9_-]*)")


@dataclass(frozen=True, slots=True)
class _Kept:
    info: BlobInfo
    body: bytes


_named: dict[str, dict[str, _Kept]] = {}


class MemoryBlobs:
    """Blobs in this process. Stores of the same name share them, also one that is opened later."""

    def __init__(self, url: str) -> None:
        match = _URL.fullmatch(url)
        if match is None:
            raise ConfigurationError(
                f"'{url}' is not a store in memory; write memory: or memory:NAME, the name of letters, digits, _ and -"
            )
        self._kept: dict[str, _Kept] = _named.setdefault(match[1], {}) if match[1] else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> list[str]:
        """There is nothing to prepare."""
        return []

    async def tidy(self, older_than: float) -> int:
        """There is nothing that a crash could leave."""
        return 0

    async def ping(self) -> None:
        """Always answers."""

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[Blob]:
        """Open a blob, which stays whole also when it is deleted meanwhile."""
        kept = await self._get(key)
        yield Blob(kept.info, _pieces(kept.body[start:stop]))

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob."""
        return (await self._get(key)).info

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Keep a blob."""
        body = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        # Where others may come in between, as with any store that is not in memory.
        await asyncio.sleep(0)
        modified = datetime.now(UTC).replace(microsecond=0)
        info = BlobInfo(key, len(body), hashlib.sha256(body).hexdigest()[:32], modified)
        self._kept[key] = _Kept(info, body)
        return info

    async def delete(self, keys: Iterable[str]) -> None:
        """Forget blobs."""
        await asyncio.sleep(0)
        for key in keys:
            self._kept.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`."""
        for key in [key for key in self._kept if key.startswith(prefix)]:
            await asyncio.sleep(0)
            if (kept := self._kept.get(key)) is not None:
                yield kept.info

    async def _get(self, key: str) -> _Kept:
        await asyncio.sleep(0)
        try:
            return self._kept[key]
        except KeyError:
            raise NotFound(key) from None


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(body), _CHUNK):
        yield body[first : first + _CHUNK]
        await asyncio.sleep(0)
