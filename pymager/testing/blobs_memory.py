"""A blob store in memory: `memory:NAME`, or `memory:` for one that shares nothing."""

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
from pymager.ports import Blob, BlobInfo, check_key, check_key_prefix

_CHUNK_BYTES = 64 << 10
_URL = re.compile(r"memory:([A-Za-z0-9_-]*)")


@dataclass(frozen=True, slots=True)
class _StoredBlob:
    info: BlobInfo
    body: bytes


_shared: dict[str, dict[str, _StoredBlob]] = {}  # by name; outlives the stores, as a bucket would


class MemoryBlobs:
    """Blobs in this process's memory. Stores with the same name share them, including stores opened later.

    Every method except `ping`, `prepare` and `tidy` lets other tasks run first, as a store outside the process would.
    """

    def __init__(self, url: str) -> None:
        match = _URL.fullmatch(url)
        if match is None:
            raise ConfigurationError(
                f"'{url}' is not a URL of a store in memory; write memory: or memory:NAME (letters, digits, _ and -)"
            )
        self._blobs: dict[str, _StoredBlob] = _shared.setdefault(match[1], {}) if match[1] else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> list[str]:
        """Nothing to prepare."""
        return []

    async def tidy(self, older_than: float) -> int:
        """A crash leaves nothing behind."""
        return 0

    async def ping(self) -> None:
        """Return immediately."""

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[Blob]:
        """Open a blob. It stays readable if it is deleted meanwhile."""
        blob = await self._get(key)
        yield Blob(blob.info, _chunks(blob.body[start:stop]))

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob."""
        return (await self._get(key)).info

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Store a blob."""
        check_key(key)
        body = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        await asyncio.sleep(0)
        modified = datetime.now(UTC).replace(microsecond=0)
        info = BlobInfo(key, len(body), hashlib.sha256(body).hexdigest()[:32], modified)
        self._blobs[key] = _StoredBlob(info, body)
        return info

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs."""
        deleted = list(keys)
        for key in deleted:
            check_key(key)
        await asyncio.sleep(0)
        for key in deleted:
            self._blobs.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`."""
        check_key_prefix(prefix)
        for key in [key for key in self._blobs if key.startswith(prefix)]:
            await asyncio.sleep(0)
            if (blob := self._blobs.get(key)) is not None:
                yield blob.info

    async def _get(self, key: str) -> _StoredBlob:
        check_key(key)
        await asyncio.sleep(0)
        try:
            return self._blobs[key]
        except KeyError:
            raise NotFound(key) from None


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(body), _CHUNK_BYTES):
        yield body[first : first + _CHUNK_BYTES]
        await asyncio.sleep(0)
