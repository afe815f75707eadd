"""What is seen of a copy while it runs: one line that changes on a terminal, a line now and then elsewhere."""

import shutil
from time import monotonic
from typing import TextIO

from pymager.operations.report import Report

_OFTEN = 0.1
_SELDOM = 10.0
_CLEAR = "\r\x1b[K"  # ECMA-48: to the line's first column, and erase to its end


class Progress:
    """Writes to `stream`. How much is to come is not known, since the listing is read as the copy goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._pause = _OFTEN if self._is_terminal else _SELDOM
        self._start = self._shown = monotonic()

    def show(self, report: Report) -> None:
        """Tell where the copy is, if the last time is long enough ago."""
        now = monotonic()
        if now - self._shown < self._pause:
            return
        self._shown = now
        seconds = now - self._start
        line = f"{report.told()}, {report.seen / seconds:,.0f}/s, {_bytes(report.bytes / seconds)}/s"
        # A line that wraps could not be erased.
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR}{line[:width]}" if self._is_terminal else f"{line}\n")

    def say(self, line: str) -> None:
        """A line that stays."""
        self._write(f"{_CLEAR}{line}\n" if self._is_terminal else f"{line}\n")

    def close(self) -> None:
        """Leave nothing half on a terminal."""
        if self._is_terminal:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:.0f} {unit}"
        count /= 1_000
    return f"{count:.1f} GB"
