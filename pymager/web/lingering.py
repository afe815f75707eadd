"""Lingering: what a client still sends after its response is discarded, so that it gets the response and not a reset.

If a connection is closed while bytes of the client are unread, the kernel resets it, and the client can lose the
response (RFC 9112 section 9.6).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LingeringLimits:
    """How long a connection lingers: while at least `min_rate` bytes per second arrive, up to `max_bytes`.

    The rate is measured over `stall_timeout` seconds. At most `max_connections` linger in a server process, and at most
    `max_per_client` of one client.
    """

    max_connections: int
    max_per_client: int
    max_bytes: int
    stall_timeout: float
    min_rate: int

    @property
    def max_seconds(self) -> float:
        """The time in which the slowest accepted client sends the most accepted bytes."""
        return self.max_bytes / self.min_rate + self.stall_timeout


class Watch:
    """Calls `give_up` once too few or too many bytes have arrived. `received` is the number of bytes so far."""

    __slots__ = ("_before", "_first", "_give_up", "_limits", "_loop", "_on_end", "_received", "_timer")

    def __init__(
        self,
        limits: LingeringLimits,
        received: Callable[[], int],
        give_up: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._received = received
        self._give_up = give_up
        self._on_end = on_end
        self._first = self._before = received()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(limits.stall_timeout, self._check)

    def end(self) -> None:
        """Stop watching; safe to call more than once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._on_end()

    def _check(self) -> None:
        received, limits = self._received(), self._limits
        too_slow = received - self._before < limits.min_rate * limits.stall_timeout
        if too_slow or received - self._first > limits.max_bytes:
            self.end()
            self._give_up()
            return
        self._before = received
        self._timer = self._loop.call_later(limits.stall_timeout, self._check)


class Lingering:
    """The lingering connections of a server process."""

    def __init__(self, limits: LingeringLimits) -> None:
        self.limits = limits
        self._clients: Counter[str] = Counter()
        self._count = 0
        self.closing: set[LingeringClose] = set()

    def close(self) -> None:
        """Close the connections that are only open because they linger."""
        for connection in tuple(self.closing):
            connection.abort()

    def watch(self, client: str | None, received: Callable[[], int], give_up: Callable[[], None]) -> Watch | None:
        """Watch a connection that lingers; None if too many linger. `client` is None for a trusted proxy."""
        limits = self.limits
        if self._count >= limits.max_connections:
            return None
        if client is not None and self._clients[client] >= limits.max_per_client:
            return None
        self._count += 1
        if client is not None:
            self._clients[client] += 1
        return Watch(limits, received, give_up, lambda: self._remove(client))

    def _remove(self, client: str | None) -> None:
        self._count -= 1
        if client is not None:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


class LingeringClose(asyncio.Protocol):
    """Closes a connection in stages (RFC 9112 section 9.6): ends writing, and discards until the client closes.

    Takes the place of the transport's protocol. If too many connections linger, it closes at once.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        lingering: Lingering,
        client: str | None,
        on_lost: Callable[[BaseException | None], None] = lambda error: None,
    ) -> None:
        self._transport = transport
        self._on_lost = on_lost
        self._lingering = lingering
        self._received = 0
        transport.set_protocol(self)
        lingering.closing.add(self)
        self._watch = lingering.watch(client, lambda: self._received, self.abort)
        if self._watch is None:
            transport.close()
        else:
            transport.write_eof()
            transport.resume_reading()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._lingering.limits.max_bytes:
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lingering.closing.discard(self)
        if self._watch is not None:
            self._watch.end()
        self._on_lost(exc)
