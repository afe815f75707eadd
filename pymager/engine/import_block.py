"""What happens in a confined worker process when a job imports a module that is not loaded."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Files:
    """What the loaded modules read later: open files, and folders."""

    descriptors: tuple[int, ...] = ()
    folders: tuple[Path, ...] = ()


class ModulesNeeded(BaseException):
    """A job needs a module that this process cannot load. Not an `Exception`, which a library could ignore."""


class ImportBlock(MetaPathFinder):
    """Refuses to import what is not loaded. `refused` has the names of the modules that were asked for."""

    def __init__(self, *, is_complete: bool) -> None:
        """`is_complete` says that all modules are loaded: then another one counts as not installed."""
        self.refused: list[str] = []
        self._is_complete = is_complete

    def install(self) -> None:
        """Refuse imports from now on."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises `ModulesNeeded`, or `ModuleNotFoundError` if everything that can be needed is loaded."""
        self.refused.append(fullname)
        if self._is_complete:
            raise ModuleNotFoundError(f"a confined worker process cannot load {fullname}", name=fullname)
        raise ModulesNeeded(fullname)

    def needs_others(self) -> bool:
        """Whether a job has asked for a module that another worker has."""
        return bool(self.refused) and not self._is_complete
