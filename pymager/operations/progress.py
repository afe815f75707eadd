"""The progress of a bulk run: one line that is updated in place on a terminal, a line every ten seconds elsewhere."""

import shutil
from time import monotonic
from typing import TextIO

from pymager.operations.report import Report

_TERMINAL_INTERVAL_SECONDS = 0.1
_LOG_INTERVAL_SECONDS = 10.0
_CLEAR_LINE = "\r\x1b[K"  # ECMA-48: carriage return, erase to the end of the line


class Progress:
    """Writes the progress to `stream`. The total is unknown where a listing is read during the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._interval = _TERMINAL_INTERVAL_SECONDS if self._is_terminal else _LOG_INTERVAL_SECONDS
        self._started = self._updated = monotonic()

    def update(self, report: Report, total: int | None = None) -> None:
        """Show the counts, unless the last update was just now."""
        now = monotonic()
        if now - self._updated < self._interval:
            return
        self._updated = now
        seconds = now - self._started
        rates = f"{report.processed / seconds:,.0f}/s, {_shown_bytes(report.bytes / seconds)}/s"
        line = f"{_percentage(report, total)}{report.summary()}, {rates}"
        # A line that wraps can't be erased.
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR_LINE}{line[:width]}" if self._is_terminal else f"{line}\n")

    def print_line(self, line: str) -> None:
        """Print a line that stays, above the progress."""
        self._write(f"{_CLEAR_LINE}{line}\n" if self._is_terminal else f"{line}\n")

    def close(self) -> None:
        """Erase the progress from a terminal."""
        if self._is_terminal:
            self._write(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _percentage(report: Report, total: int | None) -> str:
    return f"{report.processed * 100 // total}% of {total}: " if total else ""


def _shown_bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.0f} {unit}"
        count /= 1_000
    return f"{count:.1f} GB"
