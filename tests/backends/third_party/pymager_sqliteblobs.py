"""Blobs in one SQLite file: `sqliteblobs:/path/of/the.db`."""

import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymager.errors import ConfigurationError, NoSpace, NotFound, Unavailable
from pymager.ports import Blob, BlobInfo, check_key, check_key_prefix

_TABLE = "CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, size INT, etag TEXT, modified INT, body BLOB)"
_PAGE = "SELECT key, size, etag, modified FROM blobs WHERE key > ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT 500"


class SqliteBlobs:
    """A store with one connection, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._path = url.partition(":")[2]
        if not self._path:
            raise ConfigurationError("must be sqliteblobs:/path/of/the.db")

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        await self._run(self._connect)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._run(lambda: self._database.close())
        self._thread.shutdown()

    async def prepare(self) -> list[str]:
        return []

    async def tidy(self, older_than: float) -> int:
        return 0

    async def ping(self) -> None:
        await self._rows("SELECT 1")

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[Blob]:
        *described, body = await self._one("SELECT key, size, etag, modified, body FROM blobs WHERE key = ?", key)
        yield Blob(_info(*described), _whole(body[start:stop]))

    async def stat(self, key: str) -> BlobInfo:
        return _info(*await self._one("SELECT key, size, etag, modified FROM blobs WHERE key = ?", key))

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        check_key(key)
        body = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        described = (key, len(body), secrets.token_hex(16), int(time.time()))
        await self._rows("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?)", *described, body)
        return _info(*described)

    async def delete(self, keys: Iterable[str]) -> None:
        deleted = list(keys)
        for key in deleted:
            check_key(key)
        await self._run(partial(self._delete, [(key,) for key in deleted]))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        check_key_prefix(prefix)
        last = ""
        while page := await self._rows(_PAGE, last, len(prefix), prefix):
            for row in page:
                yield _info(*row)
            last = page[-1][0]

    def _connect(self) -> None:
        self._database = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_TABLE)

    def _delete(self, keys: Iterable[tuple[str]]) -> None:
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("DELETE FROM blobs WHERE key = ?", keys)

    async def _one(self, statement: str, key: str) -> Any:
        check_key(key)
        for row in await self._rows(statement, key):
            return row
        raise NotFound(key)

    async def _rows(self, statement: str, *values: object) -> Any:
        return await self._run(lambda: self._database.execute(statement, values).fetchall())

    async def _run(self, work: Any) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise NoSpace(str(error)) from error
            raise Unavailable(str(error), outcome_known=False) from error


def _info(key: str, size: int, etag: str, modified: int) -> BlobInfo:
    return BlobInfo(key, size, etag, datetime.fromtimestamp(modified, UTC))


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
