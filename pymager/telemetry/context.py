"""The context of the current request, for everything that runs on its behalf: logs, fairness, timings."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

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

TraceIds = Callable[[], dict[str, str]]
"""Returns the `trace_id` and `span_id` of the current span, or nothing."""


def add_request_fields(ids: TraceIds | None) -> Callable[[Any, str, Any], Any]:
    """A structlog processor that adds the request's id and the trace ids to every line of the log."""

    def add(logger: Any, method: str, event: Any) -> Any:
        if (context := CURRENT.get()) is not None:
            event.setdefault("request_id", context.id)
        if ids is not None:
            for name, value in ids().items():
                event.setdefault(name, value)
        return event

    return add
