"""What one request spent its time on, for its own Server-Timing header (W3C Server Timing)."""


class Timings:
    """Seconds by name, in the order in which they were first added."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Add time; the times of concurrent operations add up."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def header(self, tier: str | None) -> str:
        """The header's value; durations in milliseconds."""
        entries = [f'cache;desc="{tier}"'] if tier else []
        return ", ".join(entries + [f"{name};dur={seconds * 1_000:.2f}" for name, seconds in self._seconds.items()])
