"""Connections to one server: opened in the background, and lent for one request each."""

import asyncio
import ssl
from collections import deque

from pymager_memcached.connection import Connection, ConnectionBroken
from pymager_memcached.url import Address, Credentials

_MAX_CONNECTIONS = 32
_CONNECT_TIMEOUT_SECONDS = 2.0


class Pool:
    """Up to 32 connections to a server. More requests wait for one of them.

    A connection is opened by a task of its own, not by the request that needs it. A request that gives up before the
    connection is there does not stop it, so a server that is slow to connect to can still be used.
    """

    def __init__(self, address: Address, credentials: Credentials | None, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._credentials = credentials
        self._tls = tls
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._is_closed = False

    async def acquire(self) -> Connection:
        """An open connection; give it back with `release`. Raises `OSError`."""
        if self._is_closed:
            raise ConnectionBroken("the cache is closed")
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._lent.add(connection)
                return connection
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._open_more()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            raise
        finally:
            if not waiter.done() or waiter.cancelled():
                self._forget(waiter)

    def release(self, connection: Connection) -> None:
        """Take a connection back. One that is not open any more makes room for another."""
        self._lent.discard(connection)
        if not connection.is_open or self._is_closed:
            connection.abort()
            self._open_more()
        else:
            self._lend(connection)

    async def close(self) -> None:
        """Close all connections, also those in use."""
        self._is_closed = True
        for task in self._opening:
            task.cancel()
        if self._opening:
            await asyncio.wait(self._opening)
        for connection in (*self._idle, *self._lent):
            connection.abort()
        self._idle.clear()
        self._fail_waiters(ConnectionBroken("the cache is closed"))
        await asyncio.sleep(0)  # the transports close their sockets now

    def _lend(self, connection: Connection) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._lent.add(connection)
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def _open_more(self) -> None:
        """Open a connection if somebody waits for one that is not being opened yet, and there is room for it."""
        count = len(self._lent) + len(self._idle) + len(self._opening)
        if len(self._waiters) > len(self._opening) and count < _MAX_CONNECTIONS and not self._is_closed:
            self._opening.add(asyncio.create_task(self._open()))

    async def _open(self) -> None:
        """Open a connection for a waiter. If that fails, all waiters fail."""
        try:
            connection = await self._connected()
        except OSError as error:  # a TimeoutError is one
            self._opening_ended()
            self._fail_waiters(error)
        else:
            self._opening_ended()
            self._lend(connection)

    def _opening_ended(self) -> None:
        """To be called before anybody wakes up: a new waiter must not wait for a task that has done its work."""
        task = asyncio.current_task()
        assert task is not None
        self._opening.discard(task)

    async def _connected(self) -> Connection:
        """A new connection. Raises `OSError`."""
        loop, address = asyncio.get_running_loop(), self._address
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            _, connection = await loop.create_connection(Connection, address.host, address.port, ssl=self._tls)
            try:
                if self._credentials is not None:
                    await connection.authenticate(self._credentials.user, self._credentials.password)
            except BaseException:
                connection.abort()
                raise
        return connection

    def _fail_waiters(self, error: OSError) -> None:
        """What prevented one connection prevents the others: nobody waits for the next attempt."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(ConnectionBroken(f"cannot connect: {error or type(error).__name__}"))

    def _forget(self, waiter: asyncio.Future[Connection]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
