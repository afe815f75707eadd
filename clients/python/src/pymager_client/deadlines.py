"""The time that a call may take."""

import math
import time
from collections.abc import Callable


class Deadline:
    """Ends this number of seconds after it was made; None: never. It is measured by a clock that does not jump."""

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._seconds = math.inf if seconds is None else seconds

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._start

    def remaining(self) -> float:
        """Seconds until the end, at least 0; infinite if there is no end."""
        return max(0.0, self._seconds - self.elapsed())
