"""What a server counts and logs."""

import logging
from typing import Any

import pytest

from pymager.telemetry.shared_memory import SharedMetrics
from tests.unit.telemetry.counted import above_zero
from tests.web.served import Served

LOGGING: dict[str, Any] = {"log_level": "info", "log_format": "console"}
"""Settings with which the fixture `log` gets the access log."""


class Watched:
    """A server, its counts, its lines of the log from now on, and what went wrong."""

    def __init__(
        self, served: Served, shared: SharedMetrics, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
    ) -> None:
        self.served = served
        self._shared = shared
        self._log = log
        self._caplog = caplog
        self._first_line = len(log)
        self._first_requests = self.requests()

    def requests(self) -> dict[tuple[str, ...], float]:
        """The number of requests by route, method and status, without those of `assert_nothing_went_wrong`."""
        counts = above_zero(self._shared, "pymager_requests_total")
        return {labels: count for labels, count in counts.items() if labels[0] != "/healthz"}

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        return [line for line in self._log[self._first_line :] if line.get("event") == "request"]

    def assert_nothing_went_wrong(self) -> None:
        """Neither a line of a higher level than info, nor a traceback, nor a 500."""
        bad = [line for line in self._log[self._first_line :] if line["level"] != "info" or "exception" in line]
        assert bad == []
        assert [record.getMessage() for record in self._caplog.records if record.levelno >= logging.WARNING] == []
        errors = {labels: count for labels, count in self.requests().items() if labels[2] == "500"}
        assert errors == {labels: count for labels, count in self._first_requests.items() if labels[2] == "500"}
        assert self.served.get("/healthz").status == 200
