"""The first user of a server with a data folder: created once, stored there, its password shown once."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pymager.durability import create_folder, sync_folder
from pymager.passwords import hash_password

FILE = "first-user"
NAME = "admin"


@dataclass(frozen=True, slots=True)
class FirstUser:
    """A user; `password` is None unless this process has just created the user."""

    name: str
    hash: str
    password: str | None


def first_user(folder: Path) -> FirstUser:
    """The folder's user. Exactly one of several processes that start at the same time creates it."""
    path = folder / FILE
    if not path.exists():
        password = secrets.token_urlsafe(12)
        line = f"{NAME}:{hash_password(password)}\n"
        if _created(path, line):
            return FirstUser(NAME, line.strip().partition(":")[2], password)
    return stored(folder)


def stored(folder: Path) -> FirstUser:
    """The folder's user, which a server has created. Raises `OSError` if there is none, or if it cannot be read."""
    name, _, hash = (folder / FILE).read_text("utf-8").strip().partition(":")
    return FirstUser(name, hash, None)


def _created(path: Path, line: str) -> bool:
    """Whether this process created the file: a complete draft is linked to its name, which only one process can do."""
    create_folder(path.parent)
    draft = path.with_name(f".{FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
            sync_folder(path.parent)  # the password is shown once, so it must not be lost
            return True
        return False
    finally:
        draft.unlink()
