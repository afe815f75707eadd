"""Single statements on one connection in a thread of its own, where they never wait for a mutation."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from pymager_sql.failures import Classifier
from pymager_sql.threads import Threads
from pymager_sql.transactions import autocommit_connection

T = TypeVar("T")


class StatementThread:
    """A thread with a connection in autocommit, for work that need not be durable."""

    def __init__(self, engine: Engine, classify: Classifier, threads: Threads) -> None:
        self._engine = engine
        self._classify = classify
        self._threads = threads

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns. Raises `Unavailable`."""

        def run_on_connection() -> T:
            with autocommit_connection(self._engine, self._classify) as connection:
                return work(connection)

        return await self._threads.run(run_on_connection)

    def close(self) -> None:
        """Close the connection. Blocks until all work has ended."""
        self._threads.close()
        self._engine.dispose()
