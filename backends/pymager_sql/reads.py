"""The catalog's reads, and the way they take in threads: who waits for a thread is served together."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from pymager.errors import Unavailable
from pymager_sql.catalog import Row
from pymager_sql.threads import Threads

_MOST = 100


class Reads(Protocol):
    """The catalog's reads, on the event loop or in threads. No snapshot outlives a call. Raises `Unavailable`."""

    async def find(self, id: str) -> Row | None:
        """The row of the id."""

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`, in the order of the ids' bytes."""

    async def close(self) -> None:
        """Close the connections."""


class Queries(Protocol):
    """What runs in the threads. Raises `Unavailable`."""

    def some(self, ids: Sequence[str]) -> Iterable[Row]:
        """The rows of the ids, in one statement."""

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""

    def close(self) -> None:
        """Close the connections."""


class ThreadReads:
    """Reads in `size` threads. All who wait when one is free are served by one statement, begun after they came."""

    def __init__(self, queries: Queries, size: int, patience: float, grace: float | None) -> None:
        self._queries = queries
        self._threads = Threads("pymager-sql-reads", size, patience, grace)
        self._patience = patience
        self._free = size
        self._waiting: deque[tuple[str, asyncio.Future[Row | None]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def find(self, id: str) -> Row | None:
        """The row of the id."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Row | None] = loop.create_future()
        if not self._waiting and self._free:
            loop.call_soon(self._serve)
        self._waiting.append((id, found))
        try:
            async with asyncio.timeout(self._patience):
                return await found
        except TimeoutError:
            raise Unavailable("the database did not answer in time", outcome_known=True) from None

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""
        return await self._threads.run(lambda: self._queries.page(after, limit))

    async def close(self) -> None:
        """Close the connections once the reads that were begun are done."""
        await asyncio.gather(*self._running)
        await asyncio.to_thread(self._threads.close)
        self._queries.close()

    def _serve(self) -> None:
        while self._waiting and self._free:
            asked = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            asked = [(id, found) for id, found in asked if not found.done()]
            if asked:
                self._free -= 1
                task = asyncio.create_task(self._answer(asked))
                self._running.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free += 1
        self._serve()

    async def _answer(self, asked: Sequence[tuple[str, asyncio.Future[Row | None]]]) -> None:
        ids = list({id for id, _ in asked})
        try:
            rows = await self._threads.run(lambda: {row[0]: row for row in self._queries.some(ids)})
        except Unavailable as error:
            said = str(error)
            _each(asked, lambda _, found: found.set_exception(Unavailable(said, outcome_known=True)))
        else:
            _each(asked, lambda id, found: found.set_result(rows.get(id)))


def _each(
    asked: Sequence[tuple[str, asyncio.Future[Row | None]]],
    tell: Callable[[str, asyncio.Future[Row | None]], None],
) -> None:
    for id, found in asked:
        if not found.done():
            tell(id, found)
