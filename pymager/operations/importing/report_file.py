"""The report of an import: a line of JSON for each source that was refused, and a summary as the last line."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pymager.errors import ConfigurationError
from pymager.operations.report import Report


class ReportFile:
    """Writes the file `path`, line by line. Nothing is written if `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        """Create the file, in place of an older one. Raises `ConfigurationError`."""
        if self._path is not None:
            try:
                self._file = self._path.open("w", encoding="ascii", buffering=1)
            except OSError as error:
                raise ConfigurationError(f"--report: cannot write {self._path}: {error.strerror}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def refused(self, source: str, id: str | None, reason: str) -> None:
        """A source that was not imported. Raises `ConfigurationError`."""
        self._write({"source": source, "id": id, "reason": reason})

    def summary(self, report: Report) -> None:
        """The counts of the run, and why it ended early. Raises `ConfigurationError`."""
        done = {report.verb.replace(" ", "_"): report.done}
        counts = done | {"bytes": report.bytes, "existing": report.existing, "failed": report.failed}
        self._write({"summary": counts | {"stopped": report.stopped}})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(f"{json.dumps(line)}\n")
        except OSError as error:
            raise ConfigurationError(f"--report: cannot write {self._path}: {error.strerror}") from None
