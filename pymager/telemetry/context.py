"""Which request is being handled, as far as everything that it calls can tell."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is being handled; empty where there is none."""

Ids = Callable[[], dict[str, str]]


def telling(ids: Ids | None) -> Callable[[Any, str, Any], Any]:
    """A processor for structlog that puts the request's id on every line, and what `ids` gives of its trace."""

    def tell(logger: Any, method: str, event: Any) -> Any:
        if request_id := REQUEST.get():
            event.setdefault("request_id", request_id)
        if ids is not None:
            for name, value in ids().items():
                event.setdefault(name, value)
        return event

    return tell
