"""The context of the current request, for everything that runs on its behalf: logs, fairness, timings."""

from contextvars import ContextVar
from dataclasses import dataclass

from pymager.telemetry.timings import Timings

NO_TIER = "none"


@dataclass(slots=True, eq=False)
class RequestContext:
    """What the layers of a request share.

    `client` is the client's address. `started` is read from `time.perf_counter`. `tier` is where a variant came from.
    `sent_continue` is whether 100 Continue was sent. `timings` are measured only for `Server-Timing`.
    """

    id: str
    client: str
    started: float
    tier: str = NO_TIER
    sent_continue: bool = False
    timings: Timings | None = None


CURRENT: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)
"""The context of the current request; None outside of requests.

A task that several requests share has the context of the request that started it.
"""
