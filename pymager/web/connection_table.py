"""The open connections of a server process: limited in number, and per client address.

When there is no room for a new one, connections that wait for a request give way. nginx does the same with its
reusable connections (`ngx_drain_connections`).
"""

import asyncio
from collections.abc import Callable
from heapq import nsmallest
from typing import Any, Protocol

_MAX_GIVING_WAY = 32
_GIVING_WAY_DIVISOR = 8
_SCAN_INTERVAL_SECONDS = 0.1


class Waiting(Protocol):
    """A connection that can give way: `waiting_since` is a time of the event loop."""

    @property
    def gives_way(self) -> bool:
        """Whether nothing is lost for a client if the connection is closed."""

    @property
    def waiting_since(self) -> float:
        """When it last finished a response, or was opened."""

    def force_close(self) -> None:
        """Close the connection."""


class _Pool:
    """Connections that share a limit."""

    __slots__ = ("connections", "next_scan")

    def __init__(self) -> None:
        self.connections: dict[Waiting, str | None] = {}
        self.next_scan = 0.0


class ConnectionTable:
    """At most `max_connections` together, and `max_per_client` of one client."""

    def __init__(self, max_connections: int, max_per_client: int) -> None:
        self._max_connections = max_connections
        self._max_per_client = max_per_client
        self._all = _Pool()
        self._clients: dict[str, _Pool] = {}
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._all.connections)

    def admit(self, connection: Waiting, client: str | None) -> bool:
        """Add a connection if there is room, or if others give way. Returns whether it was added.

        `client` is None for a trusted proxy, which has no limit of its own.
        """
        own = None if client is None else self._clients.get(client)
        if own is not None and len(own.connections) >= self._max_per_client:
            if not self._make_room(own, lambda other: other.waiting_since):
                return False
        elif len(self._all.connections) >= self._max_connections and not self._make_room(self._all, self._priority):
            return False
        self._all.connections[connection] = client
        if client is not None:
            self._clients.setdefault(client, _Pool()).connections[connection] = client
        return True

    def remove(self, connection: Waiting) -> None:
        """Remove a connection; safe to call more than once."""
        client = self._all.connections.pop(connection, None)
        if client is None:
            return
        pool = self._clients[client]
        del pool.connections[connection]
        if not pool.connections:
            del self._clients[client]

    def _make_room(self, pool: _Pool, priority: Callable[[Waiting], Any]) -> bool:
        """Close some connections that wait for a request; False if there are none.

        It has to look at all of them, so it closes several at once. If none waits, it does not look again for a while.
        """
        now = self._loop.time()
        if now < pool.next_scan:
            return False
        waiting = [connection for connection in pool.connections if connection.gives_way]
        if not waiting:
            pool.next_scan = now + _SCAN_INTERVAL_SECONDS
            return False
        number = max(1, min(_MAX_GIVING_WAY, len(waiting) // _GIVING_WAY_DIVISOR))
        for connection in nsmallest(number, waiting, key=priority):
            self.remove(connection)
            connection.force_close()
        return True

    def _priority(self, connection: Waiting) -> tuple[int, float]:
        """Clients with many connections give way first; of equal ones, the connection that has waited longest."""
        client = self._all.connections[connection]
        own = 0 if client is None else len(self._clients[client].connections)
        return -own, connection.waiting_since
