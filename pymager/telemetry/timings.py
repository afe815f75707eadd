"""What one request spent its time on, for its own Server-Timing header (W3C Server Timing)."""

from contextvars import ContextVar


class Timings:
    """Seconds by name, in the order in which they came up."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Count time; what runs side by side is counted twice."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def header(self, tier: str | None) -> str:
        """The header's value; durations in milliseconds."""
        entries = [f'cache;desc="{tier}"'] if tier else []
        return ", ".join(entries + [f"{name};dur={seconds * 1_000:.2f}" for name, seconds in self._seconds.items()])


TIMINGS: ContextVar[Timings | None] = ContextVar("timings", default=None)
"""Of the request that is being handled, where it is asked for."""
