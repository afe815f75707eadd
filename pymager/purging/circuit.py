"""A circuit breaker: a purger that fails is left alone for a while."""

import random
from collections.abc import Callable
from time import monotonic

MAX_PAUSE_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 300.0
_FAILURES_TO_OPEN = 3
_FIRST_PAUSE_SECONDS = 1.0


class Circuit:
    """Opens after three failures in a row, or when the purger asks for a pause. Each further failure doubles the pause.

    After a pause, one call shows whether the purger works again.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opens_again_at = 0.0

    @property
    def seconds_left(self) -> float:
        """The rest of the pause; 0 if calls can be made."""
        return max(0.0, self._opens_again_at - self._clock())

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0

    def failed(self, retry_after: float | None) -> None:
        """Count a failure. `retry_after` is what the purger asked for, in seconds."""
        self._failures += 1
        pause = min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
        if self._failures >= _FAILURES_TO_OPEN:
            longest = _FIRST_PAUSE_SECONDS * 2 ** min(self._failures - _FAILURES_TO_OPEN, 16)
            pause = max(pause, min(longest, MAX_PAUSE_SECONDS) * random.uniform(0.5, 1.0))  # noqa: S311
        self._opens_again_at = self._clock() + pause
