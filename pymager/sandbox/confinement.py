"""The sandbox of a worker process: what of Landlock and seccomp is in force, and how a process enters it."""

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pymager.errors import ConfigurationError
from pymager.sandbox import landlock, seccomp

SandboxMode = Literal["auto", "required", "off"]

_MAX_DESCRIPTOR = 1 << 20


@dataclass(frozen=True, slots=True)
class Confinement:
    """What confines worker processes: the version of Landlock's ABI, 0 for none, and whether seccomp does."""

    landlock: int = 0
    seccomp: bool = False

    def __bool__(self) -> bool:
        return bool(self.landlock or self.seccomp)

    @property
    def is_complete(self) -> bool:
        """Whether both are in force."""
        return bool(self.landlock and self.seccomp)

    def __str__(self) -> str:
        parts = [f"landlock abi {self.landlock}"] * bool(self.landlock) + ["seccomp"] * self.seccomp
        return ", ".join(parts) or "none"


NONE = Confinement()


def chosen(mode: SandboxMode) -> Confinement:
    """What confines worker processes in this mode, on this kernel.

    Raises `ConfigurationError` if something is missing that the mode requires.
    """
    if mode == "off":
        return NONE
    found = Confinement(landlock.version(), seccomp.is_supported())
    missing = ["Landlock"] * (not found.landlock) + ["seccomp"] * (not found.seccomp)
    if mode == "required" and missing:
        raise ConfigurationError(
            f"PYMAGER_SANDBOX: must be auto or off on this system, got required: it has no {' and no '.join(missing)}"
        )
    return found


def confine(confinement: Confinement, keep: Iterable[int], readable: Iterable[Path] = ()) -> None:
    """Confine this process permanently. It must have one thread, and have set no_new_privs.

    It keeps the open files `keep` and its standard streams, and loses its environment. With Landlock it can read the
    folders `readable`, and without Landlock no file. Raises `OSError`.
    """
    folders = [*readable]
    close_all_but({0, 1, 2, *keep})
    os.environ.clear()
    ctypes.CDLL(None).clearenv()
    if confinement.landlock:
        landlock.restrict(folders)
    if confinement.seccomp:
        seccomp.restrict(reads_files=bool(folders and confinement.landlock))


def close_all_but(kept: set[int]) -> None:
    """Close all other open files of this process."""
    start = 0
    for descriptor in sorted(kept):
        if start < descriptor:  # an empty range would close everything
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, _MAX_DESCRIPTOR)
