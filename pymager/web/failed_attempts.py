"""Failed attempts to log in, by client: who keeps failing, and for how long."""

from collections import OrderedDict
from math import ceil
from time import monotonic

_BURST = 20
"""Failures that a client can have at once before its next one is answered with 429."""
_SECONDS_PER_FAILURE = 5.0
"""Seconds after which one failure is forgotten."""
_MAX_RETRY_AFTER_SECONDS = 60
_MAX_CLIENTS = 4_096


class FailedAttempts:
    """A leaky bucket for each client that failed lately. The client whose last failure is oldest is forgotten first."""

    def __init__(self) -> None:
        self._forgotten_at: OrderedDict[str, float] = OrderedDict()  # when the client's bucket is empty

    def add(self, client: str) -> None:
        """Count a failure of this client."""
        now = monotonic()
        most = (_BURST * _SECONDS_PER_FAILURE) + _MAX_RETRY_AFTER_SECONDS
        empty = max(self._forgotten_at.pop(client, now), now) + _SECONDS_PER_FAILURE
        self._forgotten_at[client] = min(empty, now + most)
        if len(self._forgotten_at) > _MAX_CLIENTS:
            self._forgotten_at.popitem(last=False)

    def has_failed(self, client: str) -> bool:
        """Whether a failure of this client is not forgotten yet."""
        return self._forgotten_at.get(client, 0.0) > monotonic()

    def retry_after(self, client: str) -> int:
        """Whole seconds until this client can fail again without being refused; 0 if it can now."""
        over = self._forgotten_at.get(client, 0.0) - monotonic() - _BURST * _SECONDS_PER_FAILURE
        return max(0, ceil(over))
