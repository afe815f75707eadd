"""Engines whose connections are known to be alive, and are watched while they are in use."""

import select
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from pymager_sql import deadlines

Descriptor = Callable[[Any], int | None]
"""The number of a driver's connection's socket, None where it is not known."""


def engine(url: URL, size: int, descriptor: Descriptor, **options: Any) -> Engine:
    """An engine of up to `size` connections, as many as there are threads that use it.

    A connection on which something is to be read before anything was asked was closed by the server. To look costs no
    round trip, and so a mutation need not be sent into the void to find out. The pool rolls nothing back, since every
    transaction is ended explicitly.
    """
    made = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_reset_on_return=None, **options)

    def take(connection: Any, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        number = descriptor(connection)
        if number is not None and _is_readable(number):
            raise InvalidatePoolError("the server closed the connection")
        deadlines.watch(number)

    def give_back(_: Any, __: ConnectionPoolEntry) -> None:
        deadlines.forget()

    event.listen(made, "checkout", take)
    event.listen(made, "checkin", give_back)
    return made


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
