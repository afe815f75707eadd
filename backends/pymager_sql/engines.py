"""Engines that check connections before use and register their sockets with the current call."""

import select
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from pymager_sql import deadlines

Descriptor = Callable[[Any], int | None]
"""Returns the file descriptor of a driver connection's socket, or None if it is unknown."""


def create(url: URL, size: int, descriptor: Descriptor, **options: Any) -> Engine:
    """Create an engine of up to `size` connections, one for each thread that uses it.

    An idle connection whose socket is readable was closed by the server. Checking that costs no round trip, and no
    mutation is sent on a dead connection. The pool does not roll back, because every transaction ends explicitly.
    """
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_reset_on_return=None, **options
    )

    def on_checkout(connection: Any, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        number = descriptor(connection)
        if number is not None and _is_readable(number):
            raise InvalidatePoolError("the server closed the connection")
        deadlines.watch_socket(number)

    def on_checkin(_: Any, __: ConnectionPoolEntry) -> None:
        deadlines.forget_socket()

    event.listen(engine, "checkout", on_checkout)
    event.listen(engine, "checkin", on_checkin)
    return engine


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
