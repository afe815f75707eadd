"""A circuit breaker: stops asking a service that fails, and tries it again after a pause (Nygard, Release It!)."""

from collections.abc import Callable
from time import monotonic

_FAILURES_TO_OPEN = 5
_FIRST_PAUSE_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 30.0


class Circuit:
    """Closed at first. Five failures in a row open it, for one second; then one request is let through as a probe.

    If the probe succeeds, the circuit closes. If it fails, the circuit stays open for twice as long as before, up to 30
    seconds.
    """

    __slots__ = ("_clock", "_failures", "_pause", "_probes_from", "_probing")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = _FIRST_PAUSE_SECONDS
        self._probes_from: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are held back, except for a probe."""
        return self._probes_from is not None

    def admits(self) -> bool:
        """Whether a request can be made now. If so, its outcome must be told: `succeeded`, `failed` or `canceled`."""
        if self._probes_from is None:
            return True
        if self._probing or self._clock() < self._probes_from:
            return False
        self._probing = True
        return True

    def succeeded(self) -> bool:
        """Record a success. Returns whether it closed the circuit."""
        closes = self.is_open
        self._failures, self._pause, self._probes_from, self._probing = 0, _FIRST_PAUSE_SECONDS, None, False
        return closes

    def failed(self) -> bool:
        """Record a failure. Returns whether it opened the circuit."""
        if self._probing:
            self._probing = False
            self._pause = min(2 * self._pause, _MAX_PAUSE_SECONDS)
            self._probes_from = self._clock() + self._pause
            return False
        self._failures += 1
        if self.is_open or self._failures < _FAILURES_TO_OPEN:
            return False
        self._probes_from = self._clock() + self._pause
        return True

    def canceled(self) -> None:
        """The request was canceled: nothing is known about the service."""
        self._probing = False
