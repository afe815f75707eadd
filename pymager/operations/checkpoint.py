"""The file that keeps a run's place in a listing, for the next run of the same task."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymager.errors import ConfigurationError


class Checkpoint:
    """A cursor in the file `path`, with the task that it belongs to; where `path` is None nothing is kept."""

    def __init__(self, path: Path | None, task: Mapping[str, Any]) -> None:
        self._path = path
        self._task = dict(task)

    def read(self) -> str | None:
        """Where to go on; None is the beginning. Raises `ConfigurationError` for a file that is not of this task."""
        if self._path is None:
            return None
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{self._path}: can't be read: {error.strerror}") from None
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("task") != self._task:
            raise ConfigurationError(f"{self._path}: it is of another task; name another file, or delete this one")
        return str(content["cursor"])

    def keep(self, cursor: str) -> None:
        """Write it down, whole or not at all. Raises `ConfigurationError`."""
        if self._path is None:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            draft.write_text(json.dumps({"task": self._task, "cursor": cursor}), "utf-8")
            draft.replace(self._path)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: can't be written: {error.strerror}") from None

    def forget(self) -> None:
        """It is done: the next run begins anew."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
