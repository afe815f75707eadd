"""The catalog's reads, and their implementation in threads: one statement serves all reads that wait for a thread."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from pymager.errors import Unavailable
from pymager_sql.rows import Row
from pymager_sql.threads import Threads

_MAX_IDS_PER_STATEMENT = 100


class Reads(Protocol):
    """The catalog's reads, on the event loop or in threads. No snapshot outlives a call. Raise `Unavailable`."""

    async def find(self, id: str) -> Row | None:
        """Return the row of the id, or None."""

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`, ordered by the bytes of the ids."""

    async def close(self) -> None:
        """Close the connections."""


class Queries(Protocol):
    """The blocking queries that run in the threads. Raise `Unavailable`."""

    def by_ids(self, ids: Sequence[str]) -> Iterable[Row]:
        """Return the rows of the ids, with one statement."""

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""

    def close(self) -> None:
        """Close the connections."""


class ThreadReads:
    """Reads in `size` threads.

    When a thread becomes free, one statement serves all reads that wait. It starts after each of these reads arrived.
    """

    def __init__(self, queries: Queries, size: int, timeout_seconds: float, grace_seconds: float | None) -> None:
        self._queries = queries
        self._threads = Threads("pymager-sql-reads", size, timeout_seconds, grace_seconds)
        self._timeout_seconds = timeout_seconds
        self._free_threads = size
        self._waiting: deque[tuple[str, asyncio.Future[Row | None]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def find(self, id: str) -> Row | None:
        """Return the row of the id, or None."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Row | None] = loop.create_future()
        if not self._waiting and self._free_threads:
            loop.call_soon(self._serve)
        self._waiting.append((id, found))
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await found
        except TimeoutError:
            raise Unavailable("the database did not answer in time", outcome_known=True) from None

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return await self._threads.run(lambda: self._queries.page(after, limit))

    async def close(self) -> None:
        """Wait for the running reads, then close the connections."""
        await asyncio.gather(*self._running)
        await asyncio.to_thread(self._threads.close)
        self._queries.close()

    def _serve(self) -> None:
        while self._waiting and self._free_threads:
            requests = [self._waiting.popleft() for _ in range(min(_MAX_IDS_PER_STATEMENT, len(self._waiting)))]
            requests = [(id, found) for id, found in requests if not found.done()]
            if requests:
                self._free_threads -= 1
                task = asyncio.create_task(self._answer(requests))
                self._running.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free_threads += 1
        self._serve()

    async def _answer(self, requests: Sequence[tuple[str, asyncio.Future[Row | None]]]) -> None:
        ids = list({id for id, _ in requests})
        try:
            rows = await self._threads.run(lambda: {row[0]: row for row in self._queries.by_ids(ids)})
        except Unavailable as error:
            message = str(error)
            _resolve(requests, lambda _, found: found.set_exception(Unavailable(message, outcome_known=True)))
        else:
            _resolve(requests, lambda id, found: found.set_result(rows.get(id)))


def _resolve(
    requests: Sequence[tuple[str, asyncio.Future[Row | None]]],
    resolve: Callable[[str, asyncio.Future[Row | None]], None],
) -> None:
    for id, found in requests:
        if not found.done():
            resolve(id, found)
