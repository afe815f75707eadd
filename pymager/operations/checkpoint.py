"""The file with the position of an interrupted run in a listing, for the next run of the same task."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymager.errors import ConfigurationError


class Checkpoint:
    """A cursor in the file `path`, together with the task that it belongs to. Nothing is saved if `path` is None."""

    def __init__(self, path: Path | None, task: Mapping[str, Any]) -> None:
        self._path = path
        self._task = dict(task)

    def load(self) -> str | None:
        """The saved cursor, None without one. Raises `ConfigurationError` for a file of another task."""
        if self._path is None:
            return None
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            if not self._path.absolute().parent.is_dir():
                raise ConfigurationError(
                    f"{self._path}: cannot write the checkpoint: its folder does not exist"
                ) from None
            return None
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot read the checkpoint: {error.strerror}") from None
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("task") != self._task:
            raise ConfigurationError(
                f"{self._path}: not a checkpoint of a run with these options; choose another file, or delete this one"
            )
        return str(content["cursor"])

    def save(self, cursor: str) -> None:
        """Replace the file atomically. Raises `ConfigurationError`."""
        if self._path is None:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump({"task": self._task, "cursor": cursor}, file)
                file.flush()
                os.fsync(file.fileno())  # or a power failure can leave an empty file under the final name
            draft.replace(self._path)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot write the checkpoint: {error.strerror}") from None

    def delete(self) -> None:
        """Delete the file after a complete run: the next run starts from the beginning."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
