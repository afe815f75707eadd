"""The context of the current request, for everything that runs on its behalf: logs, fairness, timings, cancellation."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pymager.telemetry.timings import Timings

NO_TIER = "none"


@dataclass(slots=True, eq=False)
class RequestContext:
    """What the layers of a request share.

    `client` is the client's address. `started` is read from `time.perf_counter`. `tier` is where a variant came from.
    `sent_continue` is whether 100 Continue was sent. `timings` are measured only for `Server-Timing`. `client_left` is
    whether the client has disconnected, and `waiting` the task that waits in `cancelable`.
    """

    id: str
    client: str
    started: float
    tier: str = NO_TIER
    sent_continue: bool = False
    timings: Timings | None = None
    client_left: bool = False
    waiting: "asyncio.Task[object] | None" = None

    def disconnected(self) -> None:
        """The client has disconnected: cancel the request if it waits in `cancelable`."""
        self.client_left = True
        if self.waiting is not None:
            self.waiting.cancel()


CURRENT: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)
"""The context of the current request; None outside of requests.

A task that several requests share has the context of the request that started it.
"""


@contextmanager
def cancelable() -> Iterator[None]:
    """While inside, the current request is canceled when its client disconnects, or at once if it has already.

    Elsewhere a request goes on without its client, so that nothing is left half done. Use it around a wait for a
    result that only this client needs. Does nothing outside of requests.
    """
    context = CURRENT.get()
    if context is None:
        yield
        return
    if context.client_left:
        raise asyncio.CancelledError
    context.waiting = asyncio.current_task()
    try:
        yield
    finally:
        context.waiting = None
