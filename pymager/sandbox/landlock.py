"""Landlock: a process gives up its rights to files, TCP and other processes, landlock(7). Needs no privilege.

The calls have no function in the C library. Their numbers are the same on every architecture.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pymager.sandbox.syscalls import call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NAME = "Landlock"
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""The rights to files and folders, by the version of the ABI that added them."""
_TCP_VERSION, _TCP = 4, 0b11  # bind and connect
_SCOPES_VERSION, _SCOPES = 6, 0b11  # abstract Unix sockets and signals


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`. A kernel that does not know the last fields accepts zeros in them."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's ABI; 0 if there is no Landlock."""
    try:
        return call(_NAME, _CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path] = ()) -> None:
    """Deny this thread, and the threads that it starts, everything that the kernel's ABI can deny.

    That is: to open, make, change, remove or execute any file; to bind or connect a TCP socket; to send a signal to
    another process, or a message to an abstract Unix socket of one. What is in the folders `readable` can be read. The
    process must have set no_new_privs. Raises `OSError`.
    """
    abi = version()
    rights = sum(added for since, added in _FILE_RIGHTS.items() if since <= abi)
    attributes = _Ruleset(rights, _TCP if abi >= _TCP_VERSION else 0, _SCOPES if abi >= _SCOPES_VERSION else 0)
    ruleset = call(_NAME, _CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    try:
        for folder in readable:
            with suppress(FileNotFoundError, NotADirectoryError):
                _allow_to_read(ruleset, folder)
        call(_NAME, _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_to_read(ruleset: int, folder: Path) -> None:
    parent = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(_READ_FILE | _READ_DIR, parent)
        call(_NAME, _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
